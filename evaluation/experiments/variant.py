"""What is compared: recipes, and what is changed in them. Torch-free."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from attrs import field, frozen, validators

from ...framework import InputError, option
from ...framework.recipe.read import override

CASCADES = ("demo", "photo")
"""The recipe that the method `cascade` is, of drawings and of folders of photographs."""
Table = dict[str, Any]


@frozen
class Variant:
    """One row of the table: a method of a comparison, a variant of a sweep."""

    name: str = field(validator=validators.min_len(1))
    set: tuple[str, ...] = option((), "settings of the recipe, in order; those of the sweep's `only` are made first")
    only: int = option(0, "the level that is translated alone (0: the sweep's)", validators.ge(0))
    recipe: str = option("", "a recipe's name or file (empty: the one that is varied)")
    times: float = option(1.0, "how often it gets the budget: a control that shows what more buys", validators.gt(0))

    @classmethod
    def method(cls, name: str, *, folders: bool = False) -> Variant:
        """What `--methods` calls `cyclegan`, `mine.toml` or, with three times the budget, `cyclegan@3`.

        `folders` says whether the images are somebody's own, of which `cascade` is another recipe.

        Raises InputError when the budget's factor is not above 0.
        """
        recipe, _, factor = name.rpartition("@")
        try:
            times = float(factor)
        except ValueError:
            recipe, times = name, 1.0  # an @ of the name's own, or none
        if not 0 < times < float("inf"):
            raise InputError(f"--methods: {name}", found=f"budget x {times:g}", expected="a factor above 0")
        label = Path(recipe).stem if recipe.endswith((".toml", ".json")) else recipe
        chosen = CASCADES[folders] if recipe == "cascade" else recipe
        return cls(label if times == 1 else f"{label}@{times:g}", recipe=chosen, times=times)

    def changed(self, table: Table) -> Table:
        """The recipe's table as it is wanted. Raises InputError for a setting that the recipe has no place for."""
        return override(alone(table, self.only) if self.only else table, self.set)

    def plain(self) -> dict[str, Any]:
        """As a sweep's file has it."""
        more = {"recipe": self.recipe, "times": self.times}
        kept = {key: value for key, value in more.items() if value not in ("", 1)}
        return {"name": self.name, "set": list(self.set), "only": self.only, **kept}

    def note(self) -> str:
        """What is changed, for people."""
        only = [f"level {self.only} alone, its inversion, no refinement"] if self.only else []
        return f"{self.name}: " + ("; ".join([*only, *self.set]) or "the recipe as it is") + "."


def alone(table: Table, level: int) -> Table:
    """The recipe cut to one level: the deepest stage's translator and losses there, that level's inversion, no more."""
    kept = {key: value for key, value in table.items() if key != "refine"}
    inversions = [i for i in table.get("invert", []) if i.get("level") == level]
    if not inversions or not table.get("translate"):
        known = [i.get("level") for i in table.get("invert", [])]
        raise InputError(
            f"level {level} alone",
            found=f"a recipe with inversions of levels {known}",
            expected=f"one of level {level}, which makes the image",
            cure="Add it to the recipe; `demo` and `paper` have those of levels 3, 4 and 5.",
        )
    return {**kept, "translate": [{**table["translate"][0], "level": level}], "invert": inversions}
