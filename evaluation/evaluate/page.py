"""What judging has found, as pictures for a page and as files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from attrs import evolve, frozen

from ...framework.support.atomic import write_bytes, write_json
from ..metrics.extractors import Extractor
from ..reports import embedding
from ..reports import run as run_page
from ..reports.figures import Figure
from ..reports.neighbours import Neighbours
from ..reports.page import ReportData, Strip, write
from .judged import WITHOUT_REFINE, Judged


@frozen
class Pictures:
    """Of all directions, in the page's order."""

    strips: tuple[Strip, ...]
    figures: tuple[Figure, ...]


def pictures(judged: Sequence[Judged], deepest: Extractor) -> Pictures:
    """The nearest training images of some translations, how near all are, and t-SNE of `deepest` features."""
    strips, figures = [], []
    for j in judged:
        if j.samples is not None:
            found = Neighbours.of(j.samples)
            strips.append(found.strip(j.samples, j.title))
            figures += [embedding.figure(j.samples, deepest, j.title), found.figure(j.title)]
    return Pictures(tuple(strips), tuple(figures))


def strip(judged: Judged) -> Strip:
    """Source | what each level decided | without refinement | final, evenly taken from the test images."""
    before = judged.candidates.get(WITHOUT_REFINE)
    return run_page.strip(judged.title, judged.previews, judged.strip, before)


def write_scores(out: Path, judged: Sequence[Judged]) -> None:
    """Writes `out/scores.json` and `out/scores.md`."""
    write_json(out / "scores.json", {j.direction: j.table.as_json() for j in judged})
    write_bytes(out / "scores.md", markdown(judged).encode())


def markdown(judged: Sequence[Judged]) -> str:
    """Every direction's table as text."""
    return "\n".join(j.table.markdown() for j in judged)


def write_page(out: Path, data: ReportData, judged: Sequence[Judged], deepest: Extractor) -> Path:
    """Writes `out/index.html`: `data` with everything that was judged. Its numbers are those of `scores.json`."""
    more = pictures(judged, deepest)
    tables, strips = tuple(j.table for j in judged), (*(strip(j) for j in judged), *more.strips)
    return write(evolve(data, strips=strips, figures=more.figures, tables=tables), out / "index.html")
