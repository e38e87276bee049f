"""Who is compared: a run for each method and seed, all on the same images at the same size within one budget."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import evolve, frozen

from ..framework import atomic, precision, prepare
from ..framework.arguments import recipe_table
from ..framework.catalogue import Catalogue
from ..framework.data import Dataset
from ..framework.errors import InputError
from ..framework.recipe import Recipe
from ..framework.resolve import resolve

ALIASES = {"cascade": "demo"}
"""Methods whose recipe has another name."""
DATA = "safari:zebra,giraffe"
FORMAT = "crosscade.compare/1"
ASKED = ("methods", "minutes", "images", "seeds", "data", "a", "b", "set")
SAME = ("image.size=0", "image.load=0", "training.threads=1", "training.ship_collapsed=true")
"""What every recipe is given before `--set`: the dataset's own size, one core, and a bundle whatever came out."""


@frozen
class Contender:
    """One run: a method with a seed."""

    method: str
    seed: int
    recipe: Recipe
    run: Path

    @property
    def name(self) -> str:
        """Like `cyclegan-0`."""
        return f"{self.method}-{self.seed}"


def declared(arguments: argparse.Namespace, out: Path) -> dict[str, Any]:
    """What is compared under which budget: as asked for and, with `--resume`, as it stands in `out/protocol.json`.

    The arithmetic is chosen once, so that every method has the same. Raises InputError for a budget that is none.
    """
    file = out / "protocol.json"
    stored: dict[str, Any] = {}
    if arguments.resume and file.exists():
        stored = atomic.read_json(file, "the protocol of a comparison")
        if stored.get("format") != FORMAT:
            raise InputError(str(file), found=f"format {stored.get('format')!r}", expected=FORMAT)
    made: dict[str, Any] = {"format": FORMAT}
    given = {key: getattr(arguments, key) for key in ASKED}
    made |= {key: stored.get(key) if value in (None, []) else value for key, value in given.items()}
    made["seeds"] = 1 if made["seeds"] is None else made["seeds"]
    if (made["minutes"] is None) == (made["images"] is None):
        raise InputError("--minutes and --images", found="both or neither", expected="one of them, the budget of a run")
    for key in ("minutes", "images", "seeds"):
        if made[key] is not None and not 0 < made[key] < float("inf"):
            raise InputError(f"--{key}", found=str(made[key]), expected="a number above 0")
    if not made["methods"]:
        raise InputError("--methods", found="none", expected="recipes' names or files, like cascade,cyclegan")
    if not (made["a"] or made["b"]):
        made["data"] = made["data"] or DATA
    made["precision"] = stored.get("precision") or precision.choose("auto", precision.device())
    return made


def contenders(protocol: Mapping[str, Any], catalogue: Catalogue, out: Path) -> list[Contender]:
    """Every seed's run of every method, seed by seed.

    Raises InputError for two methods of one name, and for recipes that `--data` leaves with different images.
    """
    methods = [name.strip() for name in protocol["methods"].split(",") if name.strip()]
    labels = [Path(name).stem if name.endswith((".toml", ".json")) else name for name in methods]
    if twice := {label for label in labels if labels.count(label) > 1}:
        raise InputError("--methods", found=f"'{min(twice)}' twice", expected="each method once")
    found = []
    for seed in range(protocol["seeds"]):
        for method, label in zip(methods, labels):
            settings = [*SAME, f"training.precision={protocol['precision']}", *(protocol["set"] or [])]
            words = {key: protocol[key] for key in ("data", "a", "b")}
            asked = argparse.Namespace(
                **words, recipe=ALIASES.get(method, method), set=[*settings, f"training.seed={seed}"]
            )
            recipe = resolve(recipe_table(asked, catalogue), catalogue)
            if protocol["images"]:
                recipe = scaled(recipe, protocol["images"])
            found.append(Contender(label, seed, recipe, out / "runs" / f"{label}-{seed}"))
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
        recipe = evolve(run.recipe, image=image)
        try:
            prepare.rehearse(recipe, catalogue, prepare.build_encoder(recipe, catalogue, precision.device()))
        except InputError as error:
            raise InputError(
                f"method '{run.method}': {error.where}", found=error.found, expected=error.expected, cure=error.cure
            ) from None


def images_seen(recipe: Recipe) -> int:
    """Images of each domain seen in training, batch by batch, summed over every stage that learns."""
    return sum(stage.schedule.steps * stage.schedule.batch for stage in _learning(recipe))


def scaled(recipe: Recipe, images: int) -> Recipe:
    """`recipe` with every stage's images scaled alike, so that `images_seen` is about `images`; no stage vanishes."""
    factor = images / max(1, sum(stage.schedule.images for stage in _learning(recipe)))

    def shortened(stage: Any) -> Any:
        count = max(stage.schedule.batch, round(stage.schedule.images * factor))
        return evolve(stage, schedule=evolve(stage.schedule, images=count))

    return evolve(
        recipe,
        inversions=tuple(map(shortened, recipe.inversions)),
        stages=tuple(map(shortened, recipe.stages)),
        refine=shortened(recipe.refine) if recipe.refine else None,
    )


def _learning(recipe: Recipe) -> Sequence[Any]:
    """The stages with losses: a stage without has nothing to learn."""
    stages: list[Any] = [*recipe.inversions, *recipe.stages, *([recipe.refine] if recipe.refine else [])]
    return [stage for stage in stages if stage.losses]
