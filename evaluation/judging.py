"""From a trained bundle and its dataset to judged tables: both directions, every candidate, the usual controls."""

# N test images, H W space

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from attrs import evolve, frozen

from ..exporters.runtime import Exported
from ..framework.atomic import sha256
from ..framework.bundle import Bundle
from ..framework.catalogue import Catalogue
from ..framework.data import Dataset
from ..framework.errors import InputError
from ..framework.scores import Images, Samples, Score
from ..framework.scoring import FEWEST, Progress, evaluate, fewest, load_size, real_images, samples_of
from ..framework.spec import DIRECTIONS
from ..framework.store import to_images, to_tensor
from ..framework.translate import Translation
from .table import Table

CASCADE, WITHOUT_REFINE, NO_TRANSLATOR = "cascade", "without refine", "no translator"


@frozen
class Judged:
    """One direction: its table and the pictures that it was made from."""

    direction: str
    title: str
    candidates: Mapping[str, Images]
    strips: tuple[Images, ...]
    """The columns source, deepest, …, final of the bundle, each (N, H, W, 3)."""
    table: Table


def no_translator(bundle: Bundle, direction: str, images: Images) -> Images:
    """The control: source features renormalised to the target's statistics and inverted, nothing translated."""
    cascade = bundle.cascade(direction)
    level = cascade.levels[-1]
    made = []
    with torch.inference_mode():
        for start in range(0, len(images), 50):
            raw = cascade.encoder(to_tensor(images[start : start + 50]), [level])
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
    if progress:
        progress("loading the test images")
    size, load = bundle.image.size, load_size(bundle.recipe.image)
    real = real_images(dataset, size, load)
    smallest = fewest(real)
    there = samples_of(dataset, real, size, load) if smallest >= FEWEST else None
    judgeable = (there, there.reversed(there.target_test)) if there else (None, None)
    names = (dataset.domains.a.name, dataset.domains.b.name)
    found = []
    for direction, samples, source, (here, other) in zip(DIRECTIONS, judgeable, real["test"], (names, names[::-1])):
        title = f"{here} → {other}"
        if progress:
            progress(f"translating {title}")
        strips = tuple(Translation(bundle, direction, batch=50).strip(list(source)))
        candidates = {CASCADE: strips[-1]}
        if without_refine is not None:
            candidates[WITHOUT_REFINE] = Translation(without_refine, direction, batch=50).images(list(source))
        for exported in exports:
            if direction in exported.directions:
                made = exported.translate(source, direction)
                candidates[f"ONNX {exported.manifest.precision}"] = made
        candidates[NO_TRANSLATOR] = no_translator(bundle, direction, source)
        if samples is None:
            note = f"not judged: a set of {smallest} images is too small (at least {FEWEST})"
            found.append(Judged(direction, title, candidates, strips, Table(title, {}, notes=(note,))))
            continue
        table = compare(samples, candidates, metrics, progress, catalogue=bundle.catalogue, title=title)
        compared = tuple(name for name in candidates if name != CASCADE)  # what they lack is why they stand here
        table = evolve(table, controls=(*table.controls, *compared))
        found.append(Judged(direction, title, candidates, strips, table))
    return found


def refuse_another(exported: Exported, bundle: Bundle) -> None:
    """Raises InputError when `exported` was made of another bundle: their scores would not compare."""
    if exported.manifest.bundle_sha256 != sha256(bundle.folder / "bundle.json"):
        raise InputError(
            str(exported.folder),
            found="an export of another bundle",
            expected=f"one of {bundle.folder}",
            cure="Export this bundle, or judge the other.",
        )
