"""Who is compared: a run for each method or variant and seed, on the same images at the same size within one budget."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import evolve, frozen

from ...framework import Catalogue, CrosscadeError, Dataset, InputError, Recipe, read, resolve
from ...framework.support import atomic
from ...framework.support.device import Compute, best_device, choose
from ...framework.training.setup import Setup
from ...framework.training.stages import rehearse

ALIASES = {"cascade": "demo"}
"""Methods whose recipe has another name."""
DATA = "safari:zebra,giraffe"
COMPARE = {"--methods": "recipes' names or files, like cascade,cyclegan,cyclegan@3"}
"""What a comparison must be asked for."""
DEFAULTS = {"seeds": 1}
BUDGET = ("minutes", "images", "seeds", "data", "a", "b", "set")
SAME = ("image.size=0", "image.load=0", "training.threads=1", "training.ship_collapsed=true")
"""What every recipe is given before `--set`: the dataset's own size, one core, and a bundle whatever came out."""


@frozen
class Entrant:
    """What is compared under a name: a recipe and what is done to its table."""

    label: str
    recipe: str
    change: Callable[[dict[str, Any]], dict[str, Any]] = dict
    times: float = 1.0
    """How often it gets the budget: a control that shows what more of it would have bought."""

    @classmethod
    def named(cls, method: str) -> Entrant:
        """What `--methods` calls `cyclegan`, `mine.toml` or, with three times the budget, `cyclegan@3`.

        Raises InputError when the budget's factor is not above 0.
        """
        name, _, factor = method.rpartition("@")
        try:
            times = float(factor)
        except ValueError:
            name, times = method, 1.0  # an @ of the name's own, or none
        if not 0 < times < float("inf"):
            raise InputError(f"--methods: {method}", found=f"budget x {times:g}", expected="a factor above 0")
        label = Path(name).stem if name.endswith((".toml", ".json")) else name
        return cls(label if times == 1 else f"{label}@{times:g}", ALIASES.get(name, name), times=times)


@frozen
class Contender:
    """One run: a method with a seed."""

    method: str
    seed: int
    recipe: Recipe
    run: Path
    times: float = 1.0
    """How often it gets the budget."""

    @property
    def name(self) -> str:
        """Like `cyclegan-0`."""
        return f"{self.method}-{self.seed}"

    def dataset(self, catalogue: Catalogue) -> Dataset:
        """What it trains on, built."""
        made: Dataset = catalogue.build("dataset", self.recipe.data)
        return made


def declared(
    arguments: argparse.Namespace,
    out: Path,
    *,
    command: str = "compare",
    own: Mapping[str, str] = COMPARE,
    defaults: Mapping[str, Any] = DEFAULTS,
) -> dict[str, Any]:
    """What is compared under which budget: as asked for and, with `--resume`, as it stands in `out/protocol.json`.

    `own` are arguments that `command` needs, with what is expected of them; `defaults` are for what nobody said (the
    minutes only where there are no images either). The arithmetic is chosen once, so that every method has the same.
    Raises InputError for a budget that is none.
    """
    file, version = out / "protocol.json", f"crosscade.{command}/1"
    stored: dict[str, Any] = {}
    if arguments.resume and file.exists():
        stored = atomic.read_json(file, "the protocol of a comparison")
        if stored.get("format") != version:
            raise InputError(str(file), found=f"format {stored.get('format')!r}", expected=version)
    made: dict[str, Any] = {"format": version}
    given = {key: getattr(arguments, key) for key in (*(name.lstrip("-") for name in own), *BUDGET)}
    made |= {key: stored.get(key) if value in (None, []) else value for key, value in given.items()}
    for key, value in defaults.items():
        if made[key] is None and not (key == "minutes" and made["images"]):
            made[key] = value
    if (made["minutes"] is None) == (made["images"] is None):
        raise InputError("--minutes and --images", found="both or neither", expected="one of them, the budget of a run")
    for key in ("minutes", "images", "seeds"):
        if made[key] is not None and not 0 < made[key] < float("inf"):
            raise InputError(f"--{key}", found=str(made[key]), expected="a number above 0")
    for name, expected in own.items():
        if not made[name.lstrip("-")]:
            raise InputError(name, found="none", expected=expected)
    if not (made["a"] or made["b"]):
        made["data"] = made["data"] or DATA
    made["precision"] = stored.get("precision") or choose("auto", best_device())
    return made


def contenders(protocol: Mapping[str, Any], catalogue: Catalogue, out: Path) -> list[Contender]:
    """Every seed's run of every method that `protocol` names.

    Raises InputError for two methods of one name, and for what `entered` refuses.
    """
    entrants = [Entrant.named(name.strip()) for name in protocol["methods"].split(",") if name.strip()]
    labels = [entrant.label for entrant in entrants]
    if twice := {label for label in labels if labels.count(label) > 1}:
        raise InputError("--methods", found=f"'{min(twice)}' twice", expected="each method once")
    return entered(entrants, protocol, catalogue, out)


def entered(
    entrants: Sequence[Entrant], protocol: Mapping[str, Any], catalogue: Catalogue, out: Path
) -> list[Contender]:
    """Every seed's run of every entrant, seed by seed, with a recipe of the budget's images where they are counted.

    Raises InputError for recipes that cannot be read, and for those that `--data` leaves with different images.
    """
    settings = [*SAME, f"training.precision={protocol['precision']}", *(protocol["set"] or [])]
    data = {key: protocol[key] for key in ("data", "a", "b")}
    found = []
    for seed in range(protocol["seeds"]):
        for entrant in entrants:
            table = read(entrant.recipe, catalogue, **data, settings=[*settings, f"training.seed={seed}"])
            try:
                recipe = resolve(entrant.change(table), catalogue)
            except InputError as error:
                raise _of(entrant.label, error) from None
            if protocol["images"]:
                recipe = scaled(recipe, round(protocol["images"] * entrant.times))
            run = out / "runs" / f"{entrant.label}-{seed}"
            found.append(Contender(entrant.label, seed, recipe, run, entrant.times))
    for key in ("data", "image"):
        values = [c.recipe.plain()[key] for c in found]
        kept = [{k: v for k, v in value.items() if k not in ("views", "mirror")} for value in values]
        if differing := next((n for n, value in enumerate(kept) if value != kept[0]), 0):
            raise InputError(
                f"method '{found[differing].method}' @ $.{key}",
                found=str(kept[differing]),
                expected=f"{kept[0]}, which '{found[0].method}' has",
                cure=f"Say which with --set {key}.…, for all.",
            )
    return found


def check(runs: Sequence[Contender], dataset: Dataset, catalogue: Catalogue) -> None:
    """Raises InputError, with the method's name, where a recipe's parts do not fit: before hours of other training."""
    for run in (run for run in runs if not run.seed):
        image = evolve(run.recipe.image, size=run.recipe.image.size or dataset.preferred_size)
        try:
            rehearse(Setup.of(evolve(run.recipe, image=image), catalogue, Compute.as_it_is()))
        except InputError as error:
            raise _of(run.method, error) from None


def fitting(
    runs: Sequence[Contender], dataset: Dataset, catalogue: Catalogue
) -> tuple[list[Contender], dict[str, CrosscadeError]]:
    """The runs whose parts are at hand and fit, and why the other methods do not. Raises the reason when none does."""
    refused: dict[str, CrosscadeError] = {}
    for run in (run for run in runs if not run.seed):
        try:
            check([run], dataset, catalogue)
        except CrosscadeError as error:
            refused[run.method] = error
    kept = [run for run in runs if run.method not in refused]
    if not kept:
        raise next(iter(refused.values()))
    return kept, refused


def _of(label: str, error: InputError) -> InputError:
    where = f"method '{label}': {error.where}"
    return InputError(where, found=error.found, expected=error.expected, cure=error.cure)


def images_seen(recipe: Recipe) -> int:
    """Images of each domain seen in training, batch by batch, summed over every stage that learns."""
    return sum(stage.schedule.steps * stage.schedule.batch for stage in recipe.learning)


def scaled(recipe: Recipe, images: int) -> Recipe:
    """`recipe` with the images of all that learns scaled alike, so that `images_seen` is about `images`."""
    return recipe.scaled(images / max(1, sum(stage.schedule.images for stage in recipe.learning)))
