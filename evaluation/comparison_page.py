"""A comparison's files: `table.md`, `table.json`, `index.html` and `grids/<direction>.png`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..framework.atomic import read_json, write_bytes, write_json
from ..framework.pictures import grid, write_png
from .comparison import Compared, Direction, as_json
from .contenders import Contender
from .demo import hardware
from .report import ReportData, Strip, png, write


def write_files(
    out: Path,
    compared: Compared,
    protocol: Mapping[str, Any],
    runs: Sequence[Contender],
    lost: Sequence[str],
    command: str,
) -> Path:
    """Writes them all below `out`; `lost` says which runs failed. Returns the page."""
    tables = (compared.summary, *(d.table for d in compared.directions))
    warnings = [*lost, *compared.warnings]
    text = "\n".join(table.markdown() for table in tables)
    write_bytes(out / "table.md", (text + "".join(f"- ! {line}\n" for line in warnings)).encode())
    write_json(out / "table.json", as_json(compared, protocol, runs) | {"warnings": warnings})
    for direction in compared.directions:
        write_png(out / "grids" / f"{direction.name}.png", grid([list(row) for row in direction.grid.values()]))
    first = compared.directions[0].title
    data = ReportData(
        title=first.replace("→", "↔"),
        summary=f"{', '.join(compared.recipes)}: trained within one budget, scored by one protocol. Each column is a "
        "test image that training never saw, each row what a method made of it, by its first seed.",
        command=command,
        recipe=json.dumps(dict(compared.recipes), indent=2, ensure_ascii=False),
        hardware=hardware(read_json(runs[0].run / "run.json", "the state of a run")),
        strips=tuple(strip(d) for d in compared.directions),
        tables=tables,
        warnings=tuple(warnings),
    )
    return write(data, out / "index.html")


def strip(direction: Direction) -> Strip:
    """The grid as the page shows it."""
    rows = [[png(image) for image in row] for row in direction.grid.values()]
    return Strip(direction.title, ("",) * len(rows[0]), rows, row_names=tuple(direction.grid))
