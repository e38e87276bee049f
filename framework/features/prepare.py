"""From a dataset to what training reads: cut crops, encode once, take statistics (Sec. 3, Pre-processing)."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import torch

from ..catalogue.catalogue import Catalogue
from ..data.dataset import Dataset, Domain, Image, ImageSet
from ..encoder import Encoder
from ..errors import InputError
from ..recipe.recipe import Component, Recipe
from ..setup import Setup
from ..spec import Pair
from ..support import ranks, tensor_files
from . import store
from .arrays import array_bytes
from .health import check_participation
from .normalise import Normalise, from_tensors
from .store import Store
from .training_data import TrainingData


def total_steps(dataset: Dataset, recipe: Recipe) -> int:
    """Images to cut and encode, for a progress bar."""
    return sum(len(d.train) * (1 + recipe.image.crops) + 2 * len(d.test) for d in dataset.domains)


def levels_of(recipe: Recipe) -> list[int]:
    """The levels whose features are stored, shallow to deep."""
    return sorted({s.level for s in recipe.translate} | {s.level for s in recipe.invert})


def room(recipe: Recipe, encoder: Encoder, dataset: Dataset) -> tuple[int, int]:
    """Bytes of the stores' arrays: in the end, with all that is translated, and at most on the way there."""
    size = recipe.image.size
    values = {i: encoder.pyramid[i].channels * encoder.pyramid[i].size(size) ** 2 for i in levels_of(recipe)}
    counts = [(len(d.train) * recipe.image.crops, len(d.test)) for d in dataset.domains]
    now = peak = 0
    for rows in counts:
        now += sum(array_bytes(n * size * size * 3) for n in rows)
        for n in rows:
            raw = {i: array_bytes(2 * n * v) for i, v in values.items()}
            for i, v in values.items():  # all raw features, float16, until a level's normalised ones are written
                now += array_bytes(n * v)
                peak = max(peak, now + sum(raw.values()))
                del raw[i]
    for k, stage in enumerate(recipe.translate, start=1):
        kept = [n for train, test in counts for n in ((test,) if k == len(recipe.translate) else (train, test))]
        now += sum(array_bytes(n * values[stage.level]) for n in kept)
    return now, max(now, peak)


class _Kept(ImageSet):
    """Images that a store has: they are asked for only when it is damaged."""

    def __init__(self, name: str, count: int, real: Callable[[], ImageSet]) -> None:
        self.name, self._count, self._real = name, count, real

    def __len__(self) -> int:
        return self._count

    def load(self, index: int, short_side: int) -> Image:
        """As the dataset has it. InputError when that has another number of images now."""
        real = self._real()
        if len(real) != self._count:
            found, cure = f"{len(real)} images", "Give the same data, or begin a new run."
            raise InputError(
                f"{self.name}", found=found, expected=f"the {self._count} that the run began with", cure=cure
            )
        return real.load(index, short_side)


class Kept(Dataset):
    """What a run's stores hold of `names`' images; the dataset itself is built only if a store must be made again."""

    def __init__(self, recipe: Recipe, names: Pair[str], folder: Path, build: Callable[[], Dataset]) -> None:
        self.name, built = recipe.data.use, lru_cache(1)(build)

        def domain(side: str, name: str) -> Domain:
            def part(split: str, views: int) -> ImageSet:
                count = len(Store(folder / f"{side}-{split}")) // views
                return _Kept(name, count, lambda: getattr(getattr(built().domains, side), split))

            return Domain(name, part("train", recipe.image.crops), part("test", 1))

        self.domains = Pair("a", "b").zip(domain, names)


def whole(folder: Path) -> bool:
    """Whether a run's stores are there, so that its data may have moved."""
    stores = [Store(folder / f"{side}-{split}") for side in "ab" for split in ("train", "test")]
    try:
        return all(store.done and store.has("images") and len(store) for store in stores)
    except (InputError, OSError, EOFError, ValueError, TypeError, AttributeError):  # damaged: it will be made again
        return False


def training_data(
    setup: Setup, dataset: Dataset, folder: Path, progress: Callable[[int], None]
) -> tuple[TrainingData, list[str]]:
    """Stores of both domains and splits (made, or as they are when whole), and warnings about the features."""
    recipe, encoder, compute = setup.recipe, setup.encoder, setup.compute
    levels, clip = levels_of(recipe), recipe.training.clip_sigma
    warnings: list[str] = []

    shapes = store.shapes(encoder, levels, recipe.image.size)

    def sound(train: Store, test: Store) -> bool:
        if not (train.done and test.done):
            return False
        if damaged := train.damaged(shapes) or test.damaged(shapes):
            warnings.append(f"{damaged}: changed since it was written. The domain's images are encoded again.")
        return not damaged

    def domain(side: str, d: Domain) -> tuple[Store, Store, Normalise]:
        train, test = Store(folder / f"{side}-train"), Store(folder / f"{side}-test")
        statistics = folder / f"{side}.safetensors"
        if ranks.on_first(lambda: statistics.exists() and sound(train, test)):
            return train, test, from_tensors(tensor_files.read(statistics), clip).to(compute.device)
        for target, images, views in ((train, d.train, True), (test, d.test, False)):
            if ranks.first():
                shutil.rmtree(target.folder, ignore_errors=True)
            path, seed = target.folder / "images.npy", recipe.training.seed
            store.cut(images, path, recipe.image, train=views, seed=seed, progress=progress)
        train, normalise, ratios = store.build(train.folder, encoder, levels, compute, None, clip, progress)
        test, _, _ = store.build(test.folder, encoder, levels, compute, normalise, clip, progress)
        deepest = recipe.translate[0]
        if not (encoder.normalised or _begins_with_input(setup.catalogue, deepest.translator)):
            warnings.extend(check_participation({deepest.level: ratios[deepest.level]}, d.name))
        if ranks.first():
            tensor_files.write(statistics, {**normalise.state_dict(), "none": torch.zeros(1)})  # never an empty file
            train.vouch(f"../{statistics.name}")
        return train, test, normalise

    prepared = Pair("a", "b").zip(domain, dataset.domains)
    train, test = prepared.map(lambda m: m[0]), prepared.map(lambda m: m[1])
    return TrainingData(train, test, prepared.map(lambda m: m[2]), compute.device), warnings


def _begins_with_input(catalogue: Catalogue, translator: Component) -> bool:
    begins = catalogue.get("translator", translator.use).begins_with_input
    with catalogue.calling("translator", translator, "`begins_with_input`"):
        return bool(begins and begins(translator.options))
