"""What a dataset, a metric and a recipe must keep."""

from __future__ import annotations

import math
import tomllib
from typing import Any

import numpy as np
from attrs import evolve

from ..catalogue.catalogue import Catalogue
from ..data.dataset import Dataset, Domain
from ..hookspecs import DatasetOffer, MetricOffer, RecipeOffer
from ..metrics.metric import SETS, EvaluationSet, Metric, Score
from ..recipe.resolve import resolve
from ..rehearsal import rehearse
from ..setup import Setup
from ..spec import Pair
from ..support.device import Compute
from .tools import asking, built, in_sentences, name_of, require


@in_sentences
def check_dataset(dataset: DatasetOffer | Dataset, *, options: Any = None) -> None:
    """Two named domains whose images come as uint8 RGB at the size asked for, the same each time."""
    data, what = built(dataset, options)
    require(isinstance(data, Dataset), f"{what} is a {type(data).__name__}, not a Dataset")
    with asking(what, "`domains`"):
        data.domains  # noqa: B018 (asked for: it may be computed, or forgotten)
    fits = isinstance(data.domains, Pair) and all(isinstance(domain, Domain) for domain in data.domains)
    require(fits, f"{what}: domains is a {type(data.domains).__name__}, not a Pair of Domains")
    names = [domain.name for domain in data.domains]
    require(len(set(names)) == 2, f"{what}: both domains are called {names[0]}")
    for domain in data.domains:
        for part, images in (("train", domain.train), ("test", domain.test)):
            where, count = f"{what}, {domain.name}, {part}", len(images)
            require(count > 0, f"{where}: no images")
            for index, short_side in {0: 32, count - 1: 48}.items():
                with asking(where, f"image {index} of {short_side} px"):
                    image, again, label = (
                        images.load(index, short_side),
                        images.load(index, short_side),
                        images.label(index),
                    )
                require(
                    isinstance(image, np.ndarray), f"{where}: image {index} is a {type(image).__name__}, not an array"
                )
                require(
                    image.dtype == np.uint8
                    and image.ndim == 3
                    and image.shape[2] == 3
                    and min(image.shape[:2]) == short_side,
                    f"{where}: image {index} asked for {short_side} px came as {image.dtype} {image.shape}",
                )
                require(np.array_equal(image, again), f"{where}: image {index} changes")
                require(bool(label), f"{where}: image {index} has no label")
            for key, values in images.truth.items():
                require(len(values) == count, f"{where}: truth '{key}' has {len(values)} values, {count} images")


@in_sentences
def check_metric(metric: MetricOffer | Metric, samples: EvaluationSet | None = None, *, options: Any = None) -> None:
    """Named scores, each a number with its protocol or the reason why there is none, the same each time.

    `samples` are what is scored; without them a few pictures of noise are.
    """
    measurer, what = built(metric, options)
    require(isinstance(measurer, Metric), f"{what} is a {type(measurer).__name__}, not a Metric")
    rng = np.random.default_rng(0)
    noise: dict[str, Any] = {name: rng.integers(0, 255, (12, 64, 64, 3), dtype=np.uint8) for name in SETS}
    samples = samples or EvaluationSet(**noise)
    with asking(what, "`measure`"):
        scores, again = (measurer.measure(samples.with_translated(samples.translated)) for _ in range(2))
    require(isinstance(scores, dict) and bool(scores), f"{what}: measure gives {scores!r:.60}, not scores by name")
    for name, score in scores.items():
        require(isinstance(score, Score), f"{what}: '{name}' is a {type(score).__name__}, not a Score")
        number = isinstance(score.value, float) and math.isfinite(score.value)
        require(number or bool(score.absent), f"{what}: '{name}' is {score.value!r}, and nothing says why")
        require(bool(score.protocol), f"{what}: '{name}' does not say by which protocol")
        same = score.value == again[name].value or not number
        require(same, f"{what}: '{name}' is {score.value} and then {again[name].value} of the same images")


@in_sentences
def check_recipe(recipe: RecipeOffer, catalogue: Catalogue | None = None, *, step: bool = True) -> None:
    """TOML that resolves, and a first `step` of every stage on noise: parts, options, levels and losses fit each other.

    `step=False` leaves the step out, where the encoder's weights are not at hand.
    """
    what, catalogue = name_of(recipe), catalogue or Catalogue.discover()
    with asking(what, "`build`"):
        text = recipe.build()
    require(isinstance(text, str), f"{what}: build gives a {type(text).__name__}, not a recipe's text in TOML")
    with asking(what, "its text"):
        resolved = resolve(tomllib.loads(text), catalogue)
    if not step:
        return
    with asking(what, "a first step"):
        size = resolved.image.size or catalogue.build("dataset", resolved.data).preferred_size
        resolved = evolve(resolved, image=evolve(resolved.image, size=size))
        for _ in rehearse(Setup.of(resolved, catalogue, Compute.as_it_is("cpu"))):
            pass
