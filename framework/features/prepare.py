"""From a dataset to what training reads: cut views, encode once, take statistics (Sec. 3, Pre-processing)."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch

from ..catalogue import Catalogue
from ..contracts import Encoder, freeze
from ..data.dataset import Dataset, Domain
from ..errors import InputError
from ..recipe.recipe import Recipe
from ..spec import ImageSpec, Pair
from ..training.checkpoint import read, write_tensors
from ..training.stages import build_stage, stage_names
from . import store
from .health import check_participation
from .normalise import Normalise, from_tensors
from .store import Store
from .training_data import Materials


def total_steps(dataset: Dataset, recipe: Recipe) -> int:
    """Images to cut and encode, for a progress bar."""
    return sum(len(d.train) * (1 + recipe.image.views) + 2 * len(d.test) for d in dataset.domains)


def levels_of(recipe: Recipe) -> list[int]:
    """The levels whose features are stored, shallow to deep."""
    return sorted({s.level for s in recipe.stages} | {s.level for s in recipe.inversions})


def room(recipe: Recipe, encoder: Encoder, dataset: Dataset) -> tuple[int, int]:
    """Bytes of the stores' arrays: in the end, with all that is translated, and at most on the way there."""
    size = recipe.image.size
    values = {i: encoder.pyramid[i].channels * encoder.pyramid[i].size(size) ** 2 for i in levels_of(recipe)}
    counts = [(len(d.train) * recipe.image.views, len(d.test)) for d in dataset.domains]
    now = peak = 0
    for rows in counts:
        now += sum(store.array_bytes(n * size * size * 3) for n in rows)
        for n in rows:
            raw = {i: store.array_bytes(2 * n * v) for i, v in values.items()}
            for i, v in values.items():  # all raw features, float16, until a level's normalised ones are written
                now += store.array_bytes(n * v)
                peak = max(peak, now + sum(raw.values()))
                del raw[i]
    for k, stage in enumerate(recipe.stages, start=1):
        kept = [n for train, test in counts for n in ((test,) if k == len(recipe.stages) else (train, test))]
        now += sum(store.array_bytes(n * values[stage.level]) for n in kept)
    return now, max(now, peak)


def build_encoder(recipe: Recipe, catalogue: Catalogue, device: torch.device) -> Encoder:
    """The recipe's encoder, frozen; a level that the size does not serve is refused here."""
    encoder: Encoder = catalogue.build("encoder", recipe.encoder)
    stages = [(f"$.{key}[{k}]", s) for key in ("inversions", "stages") for k, s in enumerate(getattr(recipe, key))]
    for path, stage in stages:
        try:
            level = encoder.pyramid[stage.level]
        except InputError as error:
            where = f"{error.where} @ {path}"
            raise InputError(where, found=error.found, expected=error.expected, cure="Use another level.") from None
        level.size(recipe.image.size)
    freeze(encoder)
    return encoder.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]


def rehearse(recipe: Recipe, catalogue: Catalogue, encoder: Encoder) -> None:
    """Builds every stage once: a component that does not fit, or a loss that needs what is not given, is refused."""
    size, load = recipe.image.size, recipe.image.load
    if 0 < load < size:
        raise InputError(
            "$.image.load", found=str(load), expected=f"at least image.size = {size}", cure="Leave it out: 9/8 of size."
        )
    nothing: Any = Pair(None, None)
    materials = Materials(
        recipe,
        catalogue,
        ImageSpec(recipe.image.size),
        encoder,
        nothing,
        nothing,
        nothing,
        torch.device("cpu"),
        nullcontext,
    )
    for index in range(len(stage_names(recipe))):
        stage = build_stage(materials, index, {})
        if stage.learns and not stage.active(0.0):
            raise InputError(
                f"the losses of '{stage.title}'",
                found="none that counts from the start",
                expected="at least one with weight > 0 and start = 0",
            )


def materials(
    recipe: Recipe,
    catalogue: Catalogue,
    dataset: Dataset,
    encoder: Encoder,
    folder: Path,
    device: torch.device,
    autocast: Any,
    progress: Callable[[int], None],
) -> tuple[Materials, list[str]]:
    """Stores of both domains and splits (made, or as they are when whole), and warnings about the features."""
    levels = levels_of(recipe)
    warnings: list[str] = []

    def domain(side: str, d: Domain) -> tuple[Store, Store, Normalise]:
        train, test = Store(folder / f"{side}-train"), Store(folder / f"{side}-test")
        statistics = folder / f"{side}.safetensors"
        if train.done and test.done and statistics.exists():
            tensors = read(statistics)
            return train, test, from_tensors(tensors, recipe.training.clip_sigma)
        for target, images, views in ((train, d.train, True), (test, d.test, False)):
            shutil.rmtree(target.folder, ignore_errors=True)
            store.cut(
                images,
                target.folder / "images.npy",
                recipe.image,
                train=views,
                seed=recipe.training.seed,
                progress=progress,
            )
        clip = recipe.training.clip_sigma
        train, normalise, ratios = store.build(train.folder, encoder, levels, autocast, None, clip, progress)
        test, _, _ = store.build(test.folder, encoder, levels, autocast, normalise, clip, progress)
        deepest = recipe.stages[0].level
        if not encoder.normalised:
            warnings.extend(check_participation({deepest: ratios[deepest]}, d.name))
        write_tensors(statistics, {**normalise.state_dict(), "none": torch.zeros(1)})  # never an empty file
        return train, test, normalise

    made = Pair("a", "b").zip(domain, dataset.domains)
    return Materials(
        recipe,
        catalogue,
        ImageSpec(recipe.image.size),
        encoder,
        made.map(lambda m: m[2].to(device)),
        made.map(lambda m: m[0]),
        made.map(lambda m: m[1]),
        device,
        autocast,
    ), warnings
