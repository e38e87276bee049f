"""One self-contained page: pictures first, then how training went, then the scores and how they were measured."""

# H W space

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
from attrs import Factory, frozen
from markupsafe import Markup

from ...framework import Image, InputError
from ...framework.data.written import png
from ...framework.support import atomic
from .figures import Figure, kind_of
from .recipe_diff import Lineage
from .table import MISSING, Table, shown

TEMPLATE = Path(__file__).with_name("page.html")
MARKS = (
    b'<meta name="generator" content="crosscade">',
    b"content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'\">",  # older
)
"""What the beginning of a page holds."""


@frozen
class Strip:
    """Pictures of one direction: each row is one source image, each column a step on its way or a method.

    With `row_names` it is the other way round, and columns may be without a name.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[bytes]]
    note: str = ""
    row_names: Sequence[str] = ()

    @classmethod
    def of(cls, title: str, columns: Sequence[str], rows: Iterable[Iterable[Image]], **more: Any) -> Strip:
        """A strip of images (H, W, 3)."""
        return cls(title, columns, [[png(image, small=True) for image in row] for row in rows], **more)

    def __attrs_post_init__(self) -> None:
        where = f"picture strip '{self.title}'"
        if self.row_names and len(self.row_names) != len(self.rows):
            raise InputError(
                where, found=f"{len(self.row_names)} names of rows", expected=f"{len(self.rows)}, one a row"
            )
        for row in self.rows:
            if len(row) != len(self.columns) or not all(kind_of(cell) == "png" for cell in row):
                raise InputError(
                    where,
                    found=f"a row of {len(row)} pictures",
                    expected=f"{len(self.columns)} PNG pictures, one a column",
                )


@frozen(kw_only=True)
class ReportData:
    """Everything on the page; what is empty is left out."""

    title: str
    command: str = ""
    """The command line that made this result."""
    summary: str = ""
    """A sentence or two under the title."""
    recipes: tuple[Lineage, ...] = ()
    """What was trained, and how each differs from its parent."""
    hardware: str = ""
    durations: tuple[tuple[str, float], ...] = ()
    """(stage, seconds)."""
    strips: tuple[Strip, ...] = ()
    curves: tuple[Figure, ...] = ()
    """How training went."""
    figures: tuple[Figure, ...] = ()
    """Drawings beside the scores: each is shown with its title and its note, and enlarges."""
    tables: tuple[Table, ...] = ()
    protocol: tuple[str, ...] = ()
    """Lines about how the numbers were made, beside each table's own."""
    warnings: tuple[str, ...] = Factory(tuple)
    """Health warnings of training; the tables' own are added."""
    refresh: int = 0
    """Seconds after which a browser reads it again, of a page that is still being written."""


def render(data: ReportData) -> str:
    """The page as HTML text: nothing in it is fetched from anywhere."""
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"data_uri": data_uri, "seconds": spoken}
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    notes = [note for table in data.tables for note in table.notes]
    warnings = [*data.warnings, *(line for table in data.tables for line in table.warnings())]
    return template.render(
        data=data,
        warnings=list(dict.fromkeys(warnings)),
        tables=[_laid_out(table) for table in data.tables],
        common=[note for note in dict.fromkeys(notes) if notes.count(note) == len(data.tables) > 1],
        total=sum(seconds for _, seconds in data.durations),
        longest=max((seconds for _, seconds in data.durations), default=1) or 1,
    )


def write(data: ReportData, path: Path) -> Path:
    """Writes the page to `path`, wholly or not at all. InputError when another file than such a page stands there."""
    refuse_others(path)
    atomic.write_bytes(path, render(data).encode("utf-8", "replace"))
    return path


def refuse_others(path: Path) -> None:
    """InputError when what stands at `path` is no page that was written here."""
    if not path.exists():
        return
    beginning = b""
    if path.is_file():
        with path.open("rb") as file:
            beginning = file.read(4096)
    if not any(mark in beginning for mark in MARKS):
        raise InputError(
            str(path), found="something else than a page of crosscade's", expected="a new file", cure="Give another."
        )


def spread(count: int, most: int) -> list[int]:
    """At most so many of `count` indices, evenly: which images a strip shows."""
    return [int(n) for n in np.linspace(0, count - 1, min(most, count))]


def data_uri(picture: bytes) -> Markup:
    """A PNG or SVG file's bytes for an `src` attribute: as an image, which runs no script and shares no names."""
    return Markup(f"data:image/{kind_of(picture)};base64," + base64.b64encode(picture).decode("ascii"))


def spoken(seconds: float) -> str:
    """75 -> 1 min 15 s."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def _laid_out(table: Table) -> dict[str, Any]:
    """A page is taller than wide: a line for each score, a column for each candidate."""
    lines: list[dict[str, Any]] = []
    protocols = dict(table.protocols())
    for name, heading in zip(table.shown, table.headings()):
        cells = []
        for row, scores in table.rows.items():
            kind = "control" if row in table.controls else "best" if table.best(name) == row else ""
            text, hint = (shown(scores[name]), scores[name].warning) if name in scores else (MISSING, "")
            cells.append({"text": text, "kind": kind, "hint": hint})
        unbroken = heading.replace(" ", "\u00a0")
        lines.append({"name": unbroken, "label": table.label(name), "cells": cells, "protocol": protocols[name]})
    return {
        "title": table.title,
        "rows": list(table.rows),
        "controls": table.controls,
        "lines": lines,
        "absent": table.absent(),
        "notes": table.notes,
    }
