"""A run's pictures, curves and judged numbers, on one page and as files beside it."""

# N images, H W space

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from attrs import evolve, frozen

from ...framework import Bundle, write_png
from ...framework.data.images import grid
from ...framework.features import health
from ..reports.embedding import deepest
from ..reports.page import write
from ..reports.run import PAGE_ROWS, SUMMARY, about
from .judged import CASCADE, Judged
from .page import pictures, strip, write_scores


@frozen
class Page:
    """Where the page and its files are."""

    path: Path
    warnings: tuple[str, ...]


def write_page(out: Path, run: Path, bundle: Bundle, judged: Sequence[Judged]) -> Page:
    """Writes `out/index.html`, `out/strips/<direction>.png`, `out/scores.json` and `out/scores.md`."""
    told = about(run, bundle.catalogue)
    warnings = list(told.warnings)
    for j in judged:
        warnings += health.check_images(j.candidates[CASCADE], j.title)
    more = pictures(judged, deepest(bundle))
    data = evolve(
        told,
        title=f"{bundle.domains.a} ↔ {bundle.domains.b}",
        summary=SUMMARY,
        strips=(*(strip(j) for j in judged), *more.strips),
        figures=more.figures,
        tables=tuple(j.table for j in judged),
        protocol=(
            f"{len(judged[0].strip[0])} test images a direction, {bundle.image.size} px, centre crops; "
            f"the final weights of seed {bundle.recipe.training.seed}.",
        ),
        warnings=tuple(warnings),
    )
    for j in judged:
        # a row for each step, so that the picture is wide: source, each level, the final translation
        write_png(out / "strips" / f"{j.direction}.png", grid([list(images[:PAGE_ROWS]) for images in j.strip]))
    write_scores(out, judged)
    return Page(write(data, out / "index.html"), tuple(warnings))
