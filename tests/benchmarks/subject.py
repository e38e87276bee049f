"""What is timed: one direction of a trained bundle, or of the demo's cascade with weights as they are drawn."""

from pathlib import Path

import numpy as np
import torch
from attrs import evolve, frozen
from numpy.typing import NDArray

from crosscade.framework import (
    Cascade,
    Catalogue,
    Direction,
    InputError,
    Pair,
    Recipe,
    cropped,
    freeze,
    load,
    read,
    resolve,
    to_tensor,
)
from crosscade.framework.bundle.networks import Networks
from crosscade.framework.features.normalise import Normalise, Statistics
from crosscade.framework.setup import Setup
from crosscade.framework.support.device import Compute

TEST, CALIBRATION = 32, 128


@frozen
class Subject:
    """A cascade and pictures of its source domain, (N, S, S, 3) uint8."""

    recipe: str
    size: int
    trained: bool
    cascade: Cascade
    test: NDArray[np.uint8]
    calibration: NDArray[np.uint8]


def subject(bundle: str) -> Subject:
    """Of the bundle at that path; without one (""), fresh: as quick as a trained one, but of no use for a PSNR."""
    catalogue = Catalogue.discover()
    loaded = load(Path(bundle), catalogue) if bundle else None
    recipe = loaded.recipe if loaded else resolve(read("demo", catalogue), catalogue)
    dataset = catalogue.build("dataset", recipe.data)
    if not recipe.image.size:
        recipe = evolve(recipe, image=evolve(recipe.image, size=dataset.preferred_size))
    size, load_at = recipe.image.size, recipe.image.short_side
    source = dataset.domains.a
    calibration = cropped(source.train, load_at, size, CALIBRATION)
    cascade = loaded.cascade("a2b") if loaded else fresh(recipe, catalogue, calibration)
    if cascade.style_size:
        raise InputError("CROSSCADE_BENCH_BUNDLE", found="a method with styles", expected="one without")
    return Subject(recipe.name, size, bool(loaded), cascade, cropped(source.test, load_at, size, TEST), calibration)


@torch.inference_mode()
def fresh(recipe: Recipe, catalogue: Catalogue, pictures: NDArray[np.uint8]) -> Cascade:
    """A recipe's cascade with weights as they are drawn; `pictures` give the statistics of both domains."""
    torch.manual_seed(0)
    encoder = Setup.of(recipe, catalogue, Compute(torch.device("cpu"), 1, "float32")).encoder
    levels = [stage.level for stage in recipe.translate]
    statistics = {level: Statistics() for level in levels}
    for level, features in encoder(to_tensor(pictures), levels).items():
        statistics[level].add(features)
    means = {level: found.mean for level, found in statistics.items()}
    deviations = {level: found.deviation for level, found in statistics.items()}
    normalise = Normalise(means, deviations, recipe.training.clip_sigma)
    networks = Networks.build(recipe, catalogue, encoder)
    cascade = networks.cascade(Direction.A2B, encoder, Pair(normalise, normalise))
    freeze(cascade)
    return cascade
