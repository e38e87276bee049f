"""A comparison's files: `table.md`, `table.json`, `index.html`, `grids/*.png` and `sheets/*.png`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from attrs import evolve

from ...framework import Catalogue, write_png
from ...framework.data.written import grid
from ...framework.runs.folder import RunFolder
from ...framework.runs.state import RunState
from ...framework.support.atomic import write_bytes, write_json
from ...framework.support.events import Events
from ..reports.curves import training_curves
from ..reports.page import ReportData, Strip, write
from ..reports.recipe_diff import lineage
from .protocol import Protocol
from .results import Results, as_json
from .trials import Trial


def write_files(
    out: Path,
    results: Results,
    protocol: Protocol,
    trials: Sequence[Trial],
    lost: Sequence[str],
    command: str,
    catalogue: Catalogue,
) -> Path:
    """Writes them all below `out`; `lost` says who is not results. Returns the page.

    `catalogue` has the packaged recipes that the methods are held against.
    """
    tables = (results.summary, *(d.table for d in results.directions))
    warnings = [*lost, *results.warnings]
    text = "\n".join(table.markdown() for table in tables)
    write_bytes(out / "table.md", (text + "".join(f"- ! {line}\n" for line in warnings)).encode("utf-8", "replace"))
    write_json(out / "table.json", as_json(results, protocol, trials) | {"warnings": warnings})
    for direction in results.directions:
        write_png(out / "grids" / f"{direction.name}.png", grid([list(row) for row in direction.grid.values()]))
        for run, sheet in direction.sheets.items():
            write_png(out / "sheets" / f"{run}-{direction.name}.png", sheet)
    heading = f"{protocol.sweep.name}: " if protocol.sweep else ""
    firsts = {trial.variant.name: trial for trial in reversed(trials)}
    data = ReportData(
        title=heading + results.directions[0].title.replace("→", "↔"),
        summary=f"{', '.join(results.recipes)}: trained within one budget, scored by one protocol. Each column is a "
        "test image, each row what a method made of it, by its first seed.",
        command=command,
        recipes=tuple(
            lineage(method, firsts[method].recipe.plain(), recipe, catalogue)
            for method, recipe in results.recipes.items()
        ),
        hardware=RunState.read(RunFolder(trials[0].run)).hardware,
        strips=tuple(
            Strip.of(d.title, ("",) * len(next(iter(d.grid.values()))), d.grid.values(), row_names=tuple(d.grid))
            for d in results.directions
        ),
        curves=tuple(
            evolve(curve, title=f"{method}: {curve.title}")
            for method in results.recipes
            for curve in training_curves(Events(RunFolder(firsts[method].run).events).read())
        ),
        tables=tables,
        warnings=tuple(warnings),
    )
    return write(data, out / "index.html")
