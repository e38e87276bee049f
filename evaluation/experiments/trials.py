"""What is trained: a variant with a seed, all on the same images at the same size within one budget."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from attrs import evolve, frozen

from ...framework import Catalogue, CrosscadeError, Dataset, InputError, Recipe, read, resolve
from ...framework.setup import Setup
from ...framework.support.device import Compute
from ...framework.training.start import rehearse_from, starter
from .jobs import Cost
from .protocol import Protocol
from .variant import Variant

SAME = ("image.size=0", "image.load=0", "training.threads=1", "training.ship_collapsed=true")
"""What every recipe is given before `--set`: the dataset's own size, one core, and a bundle whatever came out."""


@frozen
class Trial:
    """A variant with a seed."""

    variant: Variant
    seed: int
    recipe: Recipe
    run: Path
    """The folder of its run."""

    @property
    def name(self) -> str:
        """Like `cyclegan-0`."""
        return f"{self.variant.name}-{self.seed}"

    @property
    def cost(self) -> Cost:
        """What it took so far."""
        return Cost.read(self.run)


def trials_of(protocol: Protocol, catalogue: Catalogue, out: Path) -> list[Trial]:
    """Every variant with every seed, seed by seed, with a recipe of the budget's images where they are counted.

    Raises InputError for recipes that cannot be read, and for those that `--data` leaves with different images.
    """
    settings = [*SAME, f"training.precision={protocol.precision}", *protocol.set]
    data = {"data": protocol.data, "a": protocol.a, "b": protocol.b}
    trials = []
    for seed in range(protocol.seeds):
        for variant in protocol.variants():
            table = read(variant.recipe, catalogue, **data, settings=[*settings, f"training.seed={seed}"])
            try:
                recipe = resolve(variant.changed(table), catalogue)
            except InputError as error:
                raise error.at(f"method '{variant.name}': {error.where}") from None
            if protocol.images:
                recipe = scaled(recipe, round(protocol.images * variant.times))
            trials.append(Trial(variant, seed, recipe, out / "runs" / f"{variant.name}-{seed}"))
    for key in ("data", "image"):
        values = [trial.recipe.plain()[key] for trial in trials]
        kept = [{k: v for k, v in value.items() if k not in ("crops", "mirror")} for value in values]
        if differing := next((n for n, value in enumerate(kept) if value != kept[0]), 0):
            raise InputError(
                f"method '{trials[differing].variant.name}' @ $.{key}",
                found=str(kept[differing]),
                expected=f"{kept[0]}, which '{trials[0].variant.name}' has",
                cure=f"Say which with --set {key}.…, for all.",
            )
    return trials


def refusals(
    trials: Sequence[Trial], dataset: Dataset, catalogue: Catalogue
) -> Iterator[tuple[Variant, CrosscadeError]]:
    """The variants whose parts do not fit or are not at hand, and why: said before hours of training."""
    for trial in (trial for trial in trials if not trial.seed):
        image = evolve(trial.recipe.image, size=trial.recipe.image.size or dataset.preferred_size)
        try:
            setup = Setup.of(evolve(trial.recipe, image=image), catalogue, Compute.as_it_is("cpu"))
            rehearse_from(starter(setup.recipe, catalogue), setup)
        except InputError as error:
            yield trial.variant, error.at(f"method '{trial.variant.name}': {error.where}")
        except CrosscadeError as error:
            yield trial.variant, error


def fitting(
    trials: Sequence[Trial], dataset: Dataset, catalogue: Catalogue
) -> tuple[list[Trial], dict[Variant, CrosscadeError]]:
    """The trials that can be trained here, and the other variants' `refusals`. Raises the first when none can."""
    refused = dict(refusals(trials, dataset, catalogue))
    kept = [trial for trial in trials if trial.variant not in refused]
    if not kept:
        raise next(iter(refused.values()))
    return kept, refused


def started(trials: Sequence[Trial]) -> list[str]:
    """Which of them begin with trained networks, for people."""
    named = {trial.variant.name: trial.recipe.start for trial in trials if trial.recipe.start}
    others = "methods of which this is not said begin with nothing"
    return [f"{name} begins with the starter `{start}`; {others}." for name, start in named.items()]


def images_seen(recipe: Recipe) -> int:
    """Images of each domain seen in training, batch by batch, summed over every stage that learns."""
    return sum(stage.schedule.steps * stage.schedule.batch for stage in recipe.learning)


def scaled(recipe: Recipe, images: int) -> Recipe:
    """`recipe` with the images of all that learns scaled alike, so that `images_seen` is about `images`."""
    return recipe.scaled(images / max(1, sum(stage.schedule.images for stage in recipe.learning)))
