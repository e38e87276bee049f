"""A run's pictures, curves and judged numbers, on one page and as files beside it."""

# N images, H W space

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from attrs import evolve

from ...framework import Bundle, write_png
from ...framework.data.written import grid
from ...framework.features import health
from ..reports.embedding import deepest
from ..reports.run import PAGE_ROWS, SUMMARY, about
from . import page
from .judged import Judged
from .page import write_scores


def write_page(out: Path, run: Path, bundle: Bundle, judged: Sequence[Judged]) -> tuple[Path, Sequence[str]]:
    """Writes `out/index.html`, `out/strips/<direction>.png`, `out/scores.json` and `out/scores.md`.

    Returns the page and the warnings on it.
    """
    data = about(run, bundle.catalogue)
    data = evolve(
        data,
        title=f"{bundle.domains.a} ↔ {bundle.domains.b}",
        summary=SUMMARY,
        protocol=(
            f"{len(judged[0].strip[0])} test images a direction, {bundle.image.size} px, centre crops; "
            f"the final weights of seed {bundle.recipe.training.seed}.",
        ),
        warnings=(*data.warnings, *(line for j in judged for line in health.check_images(j.strip[-1], j.title))),
    )
    for j in judged:
        # a row for each step, so that the picture is wide: source, each level, the final translation
        write_png(out / "strips" / f"{j.direction}.png", grid([list(images[:PAGE_ROWS]) for images in j.strip]))
    write_scores(out, judged)
    return page.write_page(out, data, judged, deepest(bundle)), data.warnings
