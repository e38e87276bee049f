"""A comparison's files: `table.md`, `table.json`, `index.html` and `grids/<direction>.png`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import evolve

from ...framework import Catalogue, write_png
from ...framework.data.images import grid, png
from ...framework.support.atomic import write_bytes, write_json
from ...framework.training.events import Events
from ...framework.training.run_state import RunFolder, RunState
from ..reports.curves import training_curves
from ..reports.figures import Figure
from ..reports.page import ReportData, Strip, write
from ..reports.recipe_diff import lineage
from .results import Compared, Direction, as_json
from .trials import Contender


def write_files(
    out: Path,
    compared: Compared,
    protocol: Mapping[str, Any],
    runs: Sequence[Contender],
    lost: Sequence[str],
    command: str,
    heading: str = "",
    catalogue: Catalogue | None = None,
) -> Path:
    """Writes them all below `out`; `lost` says which runs failed, `heading` leads the title. Returns the page.

    `catalogue` is where the packaged recipes come from that the methods are held against; None: everything installed.
    """
    tables = (compared.summary, *(d.table for d in compared.directions))
    warnings = [*lost, *compared.warnings]
    text = "\n".join(table.markdown() for table in tables)
    write_bytes(out / "table.md", (text + "".join(f"- ! {line}\n" for line in warnings)).encode())
    write_json(out / "table.json", as_json(compared, protocol, runs) | {"warnings": warnings})
    for direction in compared.directions:
        write_png(out / "grids" / f"{direction.name}.png", grid([list(row) for row in direction.grid.values()]))
    first, catalogue = compared.directions[0].title, catalogue or Catalogue.discover()
    firsts = {run.method: run for run in reversed(runs)}
    data = ReportData(
        title=(f"{heading}: " if heading else "") + first.replace("→", "↔"),
        summary=f"{', '.join(compared.recipes)}: trained within one budget, scored by one protocol. Each column is a "
        "test image that training never saw, each row what a method made of it, by its first seed.",
        command=command,
        recipes=tuple(
            lineage(method, firsts[method].recipe.plain(), recipe, catalogue)
            for method, recipe in compared.recipes.items()
        ),
        hardware=RunState.read(RunFolder(runs[0].run)).hardware,
        strips=tuple(strip(d) for d in compared.directions),
        curves=tuple(curve for method in compared.recipes for curve in curves(firsts[method])),
        tables=tables,
        warnings=tuple(warnings),
    )
    return write(data, out / "index.html")


def strip(direction: Direction) -> Strip:
    """The grid as the page shows it."""
    rows = [[png(image, small=True) for image in row] for row in direction.grid.values()]
    return Strip(direction.title, ("",) * len(rows[0]), rows, row_names=tuple(direction.grid))


def curves(run: Contender) -> list[Figure]:
    """How training of a run went, a chart a stage."""
    events = Events(run.run / "events.jsonl").read()
    return [evolve(curve, title=f"{run.method}: {curve.title}") for curve in training_curves(events)]
