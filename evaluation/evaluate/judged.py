"""From what translates and a dataset to judged tables, a direction each, with controls."""

# N test images, H W space

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from attrs import evolve, frozen

from ...exporters.runtime.exported import Exported
from ...framework import (
    Catalogue,
    Dataset,
    EvaluationSet,
    Images,
    InputError,
    Score,
    Translation,
    Translator,
    evaluate,
    load,
    to_images,
    to_tensor,
)
from ...framework.data.styles import Styles
from ...framework.metrics.evaluate import Progress, evaluation_images
from ...framework.recipe.recipe import ImageOptions
from ...framework.support.atomic import sha256
from ...framework.support.device import device_of, full_float32
from ..opening import strip_of
from ..reports.table import Table

CASCADE, WITHOUT_REFINE, NO_TRANSLATOR = "cascade", "without refine", "no translator"
BATCH = 50
Subject = Translation | Exported
Rows = Sequence[tuple[str, Translator]]
"""What is judged, first, and what stands beside it to be compared with, each with its row's name."""


@frozen
class Judged:
    """One direction: its table and the pictures that it was made from."""

    direction: str
    title: str
    previews: tuple[str, ...]
    """What is to be seen of what is judged between source and translation: level 5, …"""
    strip: tuple[Images, ...]
    """Source, previews, translation, each (N, H, W, 3)."""
    candidates: Mapping[str, Images]
    """Translations by row of the table, (N, H, W, 3); the first is what is judged."""
    table: Table
    samples: EvaluationSet | None = None
    """The real images, with the first candidate's translations; None where they are too few to judge."""


class Untranslated(Translation):
    """The control: source features renormalised to the target's statistics and inverted, nothing translated."""

    @torch.inference_mode()
    @full_float32()
    def run(self, direction: str, images: Images, styles: Styles | None, batch: int, *, previews: bool) -> list[Images]:
        """The inverted images alone."""
        cascade, pieces = self.cascade(direction), []
        level = cascade.levels[-1]
        for start in range(0, len(images), batch):
            raw = cascade.encoder(to_tensor(images[start : start + batch], self.device), [level])
            pieces.append(to_images(cascade.inverter(cascade.source.one(level, raw[level]))))
        return [np.concatenate(pieces)]


def rows_of(first: Subject, exports: Sequence[Exported] = ()) -> Rows:
    """`first` and `exports` of the same bundle; beside a bundle also what it was before refinement, and the control."""
    for exported in exports:
        refuse_another(exported, first)
    if isinstance(first, Exported):
        return [_row(exported) for exported in (first, *exports)]
    device, before = str(first.device), first.folder.parent / "without-refine"
    unrefined = [load(before, first.bundle.catalogue)] if before.exists() else []
    return [
        (CASCADE if first.bundle.recipe.invert else first.name, first),
        *((WITHOUT_REFINE, Translation(bundle, batch=BATCH, device=device)) for bundle in unrefined),
        *map(_row, exports),
        (NO_TRANSLATOR, Untranslated(first.bundle, batch=BATCH, device=device)),
    ]


def _row(exported: Exported) -> tuple[str, Exported]:
    return f"ONNX {exported.manifest.precision}", exported


def compare(
    samples: EvaluationSet,
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
    rows: Rows,
    dataset: Dataset,
    catalogue: Catalogue | None = None,
    progress: Progress | None = None,
    metrics: Sequence[str] | None = None,
    device: str = "cpu",
) -> list[Judged]:
    """Judges `rows` on the dataset's test images, in all directions that the first has, under one protocol.

    What judges runs on `device`. `metrics` names them (None: all that are at hand). Of two rows of one name the second
    also has its folder's.
    """
    first = rows[0][1]
    if progress:
        progress("loading the test images")
    judged = []
    image = ImageOptions(size=first.size, load=first.load)
    for direction, real in evaluation_images(dataset, image, str(device_of(device))).items():
        if direction not in first.directions:
            continue
        if progress:
            progress(f"translating {real.title}")
        strip = strip_of(first, real.test, direction)
        candidates: dict[str, Images] = {}
        for name, translator in rows:
            if direction in translator.directions:
                label = name if name not in candidates else f"{name}, {translator.folder}"
                candidates[label] = strip[-1] if translator is first else translator.translate(real.test, direction)
        table, samples = Table(real.title, {}, notes=(real.too_small,)), None
        if real.samples is not None:
            table = compare(real.samples, candidates, metrics, progress, catalogue, real.title)
            beside = tuple(candidates)[1:]  # what they lack is why they stand here
            table, samples = evolve(table, controls=(*table.controls, *beside)), real.samples.with_translated(strip[-1])
        table, previews = evolve(table, flags=(real.seen,) if real.seen else ()), first.previews(direction)
        judged.append(Judged(direction, real.title, previews, tuple(strip), candidates, table, samples))
    return judged


def refuse_another(exported: Exported, of: Subject) -> None:
    """Raises InputError when `exported` was made of another bundle than `of`: their scores would not compare."""
    same = "the same bundle as " if isinstance(of, Exported) else ""
    expected = of.manifest.bundle_sha256 if isinstance(of, Exported) else sha256(of.folder / "bundle.json")
    if exported.manifest.bundle_sha256 != expected:
        raise InputError(
            str(exported.folder),
            found="an export of another bundle",
            expected=f"one of {same}{of.folder}",
            cure="Export this bundle, or judge the other.",
        )
