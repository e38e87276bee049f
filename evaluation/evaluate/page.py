"""What judging has found, as pictures for a page and as files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from attrs import evolve

from ...framework import InputError, write_png
from ...framework.data.written import made_by
from ...framework.support.atomic import clear_parts_of, write_bytes, write_json
from ..metrics.extractors import Extractor
from ..reports import embedding, page
from ..reports import run as run_page
from ..reports.figures import Figure
from ..reports.neighbours import Neighbours
from ..reports.page import ReportData, write
from ..reports.sheet import MAKER, sheet
from ..reports.table import read_tables
from .judged import WITHOUT_REFINE, Judged

SHEETS = "sheets"


def refuse_others(out: Path) -> None:
    """InputError when `out` has something else of the names that are written there."""
    if out.exists() and not out.is_dir():
        raise InputError(str(out), found="a file", expected="a folder to write to", cure="Give another.")
    page.refuse_others(out / "index.html")
    for path in (out / SHEETS).glob("*.png"):
        if made_by(path) != MAKER:
            raise InputError(str(path), found="no sheet of crosscade's", expected="a new file", cure="Give another.")
    scores = out / "scores.json"
    if scores.exists():
        read_tables(scores)  # which refuses what is none
    elif (out / "scores.md").exists():
        found = "a file of that name without scores.json beside it"
        raise InputError(str(out / "scores.md"), found=found, expected="a new one", cure="Give another folder.")


def write_scores(out: Path, judged: Sequence[Judged]) -> None:
    """Writes `out/scores.json` and `out/scores.md`; what a kill left of an earlier time goes."""
    sheets = [out / SHEETS / f"{j.direction}.png" for j in judged]
    clear_parts_of([*sheets, *(out / name for name in ("scores.json", "scores.md", "index.html"))])
    write_json(out / "scores.json", {j.direction: j.table.as_json() for j in judged})
    write_bytes(out / "scores.md", markdown(judged).encode("utf-8", "replace"))


def write_sheets(out: Path, judged: Sequence[Judged]) -> None:
    """Writes `out/sheets/<direction>.png`: the first test images with their translations, to count by eye."""
    for j in judged:
        write_png(out / SHEETS / f"{j.direction}.png", sheet(j.strip[0], j.strip[-1]), by=MAKER)


def markdown(judged: Sequence[Judged]) -> str:
    """Every direction's table as text."""
    return "\n".join(j.table.markdown() for j in judged)


def write_page(out: Path, data: ReportData, judged: Sequence[Judged], deepest: Extractor) -> Path:
    """Writes `out/index.html`: `data` with everything that was judged. Its numbers are those of `scores.json`.

    Source | what each level decided | without refinement | final of evenly taken test images; the nearest training
    images of some translations, how near all are, and t-SNE of `deepest` features.
    """
    strips = [run_page.strip(j.title, j.previews, j.strip, j.candidates.get(WITHOUT_REFINE)) for j in judged]
    figures: list[Figure] = []
    for j in judged:
        if j.samples is not None:
            nearest = Neighbours.of(j.samples)
            strips.append(nearest.strip(j.samples, j.title))
            figures += [embedding.figure(j.samples, deepest, j.title), nearest.figure(j.title)]
    tables = tuple(j.table for j in judged)
    return write(evolve(data, strips=tuple(strips), figures=tuple(figures), tables=tables), out / "index.html")
