"""What is timed: one direction of a trained bundle, or of the demo's cascade with weights as they are drawn."""

from pathlib import Path

import numpy as np
import torch
from attrs import evolve, frozen
from numpy.typing import NDArray

from crosscade.framework import (
    Cascade,
    Catalogue,
    ImageSpec,
    InputError,
    Recipe,
    cropped,
    freeze,
    load,
    read,
    resolve,
    to_tensor,
)
from crosscade.framework.features.normalise import Normalise, Statistics
from crosscade.framework.features.prepare import build_encoder

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
    dataset = catalogue.get("dataset", recipe.data.use).build(recipe.data.options)
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
    encoder = build_encoder(recipe, catalogue, torch.device("cpu"))
    levels = [stage.level for stage in recipe.translate]
    statistics = {level: Statistics() for level in levels}
    for level, features in encoder(to_tensor(pictures), levels).items():
        statistics[level].add(features)
    means = {level: found.mean for level, found in statistics.items()}
    deviations = {level: found.deviation for level, found in statistics.items()}
    normalise = Normalise(means, deviations, recipe.training.clip_sigma)
    image, translators, deeper = ImageSpec(recipe.image.size), {}, None
    for stage in recipe.translate:
        here = encoder.pyramid[stage.level]
        offer = catalogue.get("translator", stage.translator.use)
        translators[stage.level] = offer.make(stage.translator.options, here=here, deeper=deeper, image=image).into.b
        deeper = here
    use = next(s.inverter for s in recipe.invert if s.level == levels[-1])
    inverter = catalogue.get("inverter", use.use).build(use.options, level=deeper, image=image)
    cascade = Cascade(encoder, normalise, normalise, translators, inverter)
    freeze(cascade)
    return cascade
