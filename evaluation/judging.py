"""From a trained bundle and its dataset to judged tables: both directions, every candidate, the usual controls."""

# N test images, H W space

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from attrs import evolve, frozen

from ..framework.bundle import Bundle
from ..framework.data import Dataset, Domain
from ..framework.spec import DIRECTIONS, Pair
from ..framework.store import to_images, to_tensor
from ..framework.translate import Translation
from .evaluate import Progress, compare
from .samples import Images, Samples, Truth, cropped, truth_in_crop
from .table import Table

TRAIN_LIMIT = 1500
TEST_LIMIT = 400
FEWEST = 10
"""Images in each set below which a score would mean nothing."""
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


def real_images(dataset: Dataset, size: int, load: int) -> dict[str, Pair[Images]]:
    """`train` and `test` centre crops of both domains."""

    return {
        "train": dataset.domains.map(lambda d: cropped(d.train, load, size, TRAIN_LIMIT)),
        "test": dataset.domains.map(lambda d: cropped(d.test, load, size, TEST_LIMIT)),
    }


def samples_of(bundle: Bundle, dataset: Dataset, real: Mapping[str, Pair[Images]]) -> Samples:
    """The a -> b samples, with the untranslated source in the translations' place."""
    size, load = bundle.image.size, load_size(bundle)

    def truth(domain: Domain, split: str, count: int) -> Truth | None:
        known = (domain.train if split == "train" else domain.test).truth
        return truth_in_crop({k: v[:count] for k, v in known.items()}, load, size) if known else None

    source, target = dataset.domains
    train, test = real["train"], real["test"]
    return Samples(
        source=test.a,
        translated=test.a,
        source_train=train.a,
        target_train=train.b,
        target_test=test.b,
        source_name=source.name,
        target_name=target.name,
        source_truth=truth(source, "test", len(test.a)),
        source_train_truth=truth(source, "train", len(train.a)),
        target_train_truth=truth(target, "train", len(train.b)),
        target_test_truth=truth(target, "test", len(test.b)),
        dataset=dataset.name,
        load=load,
    )


def load_size(bundle: Bundle) -> int:
    """The short side at which the bundle's images were loaded before the crop."""
    return bundle.recipe.image.load or round(bundle.image.size * 9 / 8)


def judge(
    bundle: Bundle,
    dataset: Dataset,
    without_refine: Bundle | None = None,
    progress: Progress | None = None,
    metrics: Sequence[str] | None = None,
) -> list[Judged]:
    """Judges both directions on the dataset's test images; `metrics` names them (None: all that are at hand)."""
    if progress:
        progress("loading the test images")
    real = real_images(dataset, bundle.image.size, load_size(bundle))
    fewest = min(len(images) for pair in real.values() for images in pair)
    there = samples_of(bundle, dataset, real) if fewest >= FEWEST else None
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
        candidates[NO_TRANSLATOR] = no_translator(bundle, direction, source)
        if samples is None:
            note = f"not judged: a set of {fewest} images is too small (at least {FEWEST})"
            found.append(Judged(direction, title, candidates, strips, Table(title, {}, notes=(note,))))
            continue
        table = compare(samples, candidates, metrics, progress, catalogue=bundle.catalogue, title=title)
        compared = tuple(name for name in candidates if name != CASCADE)  # what they lack is why they stand here
        table = evolve(table, controls=(*table.controls, *compared))
        found.append(Judged(direction, title, candidates, strips, table))
    return found
