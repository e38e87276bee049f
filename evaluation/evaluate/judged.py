"""From what translates (a bundle, exports of one) and a dataset to judged tables, a direction each, with controls."""

# N test images, H W space

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from attrs import evolve, frozen

from ...exporters.runtime.exported import Exported
from ...exporters.safety.manifest import OUTPUT
from ...framework import (
    DIRECTIONS,
    Bundle,
    Catalogue,
    Dataset,
    Images,
    InputError,
    Samples,
    Score,
    Translation,
    evaluate,
    to_images,
    to_tensor,
)
from ...framework.metrics.evaluate import Progress, evaluation_images
from ...framework.recipe.recipe import ImageOptions
from ...framework.support.atomic import sha256
from ..reports.table import Table

CASCADE, WITHOUT_REFINE, NO_TRANSLATOR = "cascade", "without refine", "no translator"
BATCH = 50


@frozen
class Translated:
    """What one direction's test images became: the way there of what is judged first, and every candidate."""

    steps: tuple[str, ...]
    """What each picture of `strips` shows: source, level 5, …, translation."""
    strips: tuple[Images, ...]
    """Each (N, H, W, 3)."""
    candidates: Mapping[str, Images]
    """The first is what is judged; the others stand beside it to be compared with."""


@frozen
class Judged:
    """One direction: its table and the pictures that it was made from."""

    direction: str
    title: str
    translated: Translated
    table: Table
    samples: Samples | None = None
    """The real images, with the first candidate's translations; None where they are too few to judge."""

    @property
    def candidates(self) -> Mapping[str, Images]:
        """Translations by row of the table, (N, H, W, 3)."""
        return self.translated.candidates

    @property
    def strips(self) -> tuple[Images, ...]:
        """The columns source, deepest, …, final of what is judged, each (N, H, W, 3)."""
        return self.translated.strips


def no_translator(bundle: Bundle, direction: str, images: Images) -> Images:
    """The control: source features renormalised to the target's statistics and inverted, nothing translated."""
    cascade = bundle.cascade(direction)
    level = cascade.levels[-1]
    made = []
    with torch.inference_mode():
        for start in range(0, len(images), BATCH):
            raw = cascade.encoder(to_tensor(images[start : start + BATCH]), [level])
            made.append(to_images(cascade.inverter(cascade.source.one(level, raw[level]))))
    return np.concatenate(made)


def compare(
    samples: Samples,
    candidates: Mapping[str, Images],
    metrics: Sequence[str] | None = None,
    progress: Progress | None = None,
    catalogue: Catalogue | None = None,
    title: str = "",
) -> Table:
    """A table with a row for each candidate set of translations of `samples.source`, and one for each control.

    Features of the real images and the judges are made once. The controls 'untranslated source' and 'real target' are
    added when the candidates do not name them: they are what every score is read against.
    """
    controls = {"untranslated source": samples.source, "real target": samples.target_test}
    rows: dict[str, dict[str, Score]] = {}
    for name, images in {**candidates, **{k: v for k, v in controls.items() if k not in candidates}}.items():
        tell = (lambda text, n=name: progress(f"{n}: {text}")) if progress else None
        rows[name] = evaluate(samples.with_translated(images), metrics, tell, catalogue)
    return Table(title or f"{samples.source_name} → {samples.target_name}", rows, tuple(controls))


def judge(
    bundle: Bundle,
    dataset: Dataset,
    without_refine: Bundle | None = None,
    progress: Progress | None = None,
    metrics: Sequence[str] | None = None,
    exports: Sequence[Exported] = (),
) -> list[Judged]:
    """Judges both directions on the dataset's test images; `metrics` names them (None: all that are at hand).

    `exports` of the same bundle get rows of their own, under the same protocol.
    """
    inverted = {s.level for s in bundle.recipe.inversions}
    levels = [f"level {s.level}" for s in bundle.recipe.stages[:-1] if s.level in inverted]

    def translated(direction: str, source: Images) -> Translated:
        strips = tuple(Translation(bundle, direction, batch=BATCH).strip(list(source)))
        candidates = {CASCADE: strips[-1]}
        if without_refine is not None:
            candidates[WITHOUT_REFINE] = Translation(without_refine, direction, batch=BATCH).images(list(source))
        candidates |= _exported(exports, direction, source)
        candidates[NO_TRANSLATOR] = no_translator(bundle, direction, source)
        return Translated(("source", *levels, "translation"), strips, candidates)

    return _judged(bundle.recipe.image, dataset, DIRECTIONS, translated, bundle.catalogue, progress, metrics)


def judge_exports(
    exports: Sequence[Exported],
    dataset: Dataset,
    catalogue: Catalogue | None = None,
    progress: Progress | None = None,
    metrics: Sequence[str] | None = None,
) -> list[Judged]:
    """Judges the first of `exports` as `judge` does a bundle, under the same protocol; the others stand beside it."""
    first = exports[0]

    def translated(direction: str, source: Images) -> Translated:
        candidates = _exported(exports, direction, source)
        names = [name for name in first.way(direction).outputs if name != OUTPUT]
        steps = ("source", *(name.replace("level", "level ") for name in names), "translation")
        strips = first.strip(source, direction)[:-1] if names else [source]
        return Translated(steps, (*strips, next(iter(candidates.values()))), candidates)

    image = ImageOptions(size=first.size, load=first.manifest.load)
    return _judged(image, dataset, first.directions, translated, catalogue, progress, metrics)


def _exported(exports: Sequence[Exported], direction: str, source: Images) -> dict[str, Images]:
    made: dict[str, Images] = {}
    for exported in (e for e in exports if direction in e.directions):
        name = f"ONNX {exported.manifest.precision}"
        made[name if name not in made else f"{name}, {exported.folder}"] = exported.translate(source, direction)
    return made


def _judged(
    image: ImageOptions,
    dataset: Dataset,
    directions: Sequence[str],
    translate: Callable[[str, Images], Translated],
    catalogue: Catalogue | None,
    progress: Progress | None,
    metrics: Sequence[str] | None,
) -> list[Judged]:
    if progress:
        progress("loading the test images")
    judged = []
    for direction, real in evaluation_images(dataset, image).items():
        if direction not in directions:
            continue
        if progress:
            progress(f"translating {real.title}")
        made = translate(direction, real.test)
        if real.samples is None:
            judged.append(Judged(direction, real.title, made, Table(real.title, {}, notes=(real.too_small,))))
            continue
        table = compare(real.samples, made.candidates, metrics, progress, catalogue, real.title)
        compared = tuple(made.candidates)[1:]  # what they lack is why they stand here
        table = evolve(table, controls=(*table.controls, *compared))
        judged.append(Judged(direction, real.title, made, table, real.samples.with_translated(made.strips[-1])))
    return judged


def refuse_another(exported: Exported, of: Bundle | Exported) -> None:
    """Raises InputError when `exported` was made of another bundle than `of`: their scores would not compare."""
    expected = of.manifest.bundle_sha256 if isinstance(of, Exported) else sha256(of.folder / "bundle.json")
    if exported.manifest.bundle_sha256 != expected:
        raise InputError(
            str(exported.folder),
            found="an export of another bundle",
            expected=f"one of {of.folder}" if isinstance(of, Bundle) else f"one of the same bundle as {of.folder}",
            cure="Export this bundle, or judge the other.",
        )
