"""Sweeps of a recipe: named variants, each a list of settings. Packaged beside this file, or a file of one's own.

A setting is what `--set` takes. Torch-free.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from attrs import evolve, field, frozen, validators

from ....framework import InputError, did_you_mean, option
from ....framework.recipe.read import override
from ....framework.recipe.schema import structure

NAME = r"\w[\w .,+=-]*"
"""A variant's runs have folders of its name."""
Table = dict[str, Any]
Change = Callable[[Table], Table]


@frozen
class Variant:
    """One row of the table."""

    name: str = field(validator=validators.matches_re(NAME))
    set: tuple[str, ...] = option((), "settings of the recipe, in order; those of the sweep's `only` are made first")
    only: int = option(0, "the level that is translated alone (0: the sweep's)", validators.ge(0))


@frozen
class Sweep:
    """Variants of one recipe. The first is what the others are read against."""

    name: str
    summary: str
    variants: tuple[Variant, ...] = field(validator=validators.min_len(1))
    only: int = option(0, "the level that every variant translates alone (0: the recipe's cascade)", validators.ge(0))

    def __attrs_post_init__(self) -> None:
        names = [variant.name for variant in self.variants]
        if twice := {name for name in names if names.count(name) > 1}:
            raise InputError(f"sweep '{self.name}'", found=f"'{min(twice)}' twice", expected="each variant once")

    def changes(self) -> dict[str, Change]:
        """What each variant makes of a recipe's table, by its name."""
        return {v.name: partial(changed, evolve(v, only=v.only or self.only)) for v in self.variants}

    def notes(self) -> tuple[str, ...]:
        """What each variant is, for people."""
        told = []
        for v in self.variants:
            only = v.only or self.only
            alone = [f"level {only} alone, its inversion, no refinement"] if only else []
            told.append(f"{v.name}: " + ("; ".join([*alone, *v.set]) or "the recipe as it is") + ".")
        return tuple(told)


def packaged() -> dict[str, Path]:
    """The files of the packaged sweeps by name."""
    files = sorted(Path(__file__).parent.glob("*.toml"))
    return {file.stem: file for file in files}


def read(name: str) -> Sweep:
    """The packaged sweep called `name`, or that of a .toml file. Raises InputError when there is none or it is odd."""
    own = name.endswith(".toml")
    file = Path(name) if own else packaged().get(name)
    if file is None:
        raise InputError(
            f"unknown sweep '{name}'",
            expected="a packaged one or a .toml file of your own",
            cure=did_you_mean(name, packaged()),
        )
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise InputError(name, found=error.strerror or str(error), expected="a sweep in TOML") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"sweep '{name}'", found=str(error), expected="valid TOML") from None
    return of({"name": file.stem if own else name, **table})


def of(table: Mapping[str, Any]) -> Sweep:
    """A sweep from plain values."""
    made: Sweep = structure(table, Sweep, f"sweep '{table.get('name', '')}'")
    return made


def varied(spec: str) -> Sweep:
    """`key=value,value,…`: a variant for each value; commas within brackets are a value's own.

    >>> [v.name for v in varied("stages[0].losses[wgan-gp].betas=[0.5,0.9],[0.5,0.99]").variants]
    ['betas=0.5,0.9', 'betas=0.5,0.99']
    """
    key, equals, text = spec.partition("=")
    values = [v.strip() for v in re.split(r",(?![^\[{]*[\]}])", text) if v.strip()]
    if not equals or not key.strip() or not values:
        raise InputError(f"--vary {spec}", expected="key=value,value, like training.clip_sigma=1,2,3")
    short = re.split(r"[.\[\]]+", key.strip().rstrip("]"))[-1]
    variants = [Variant(re.sub(r"[^\w .,+=-]", "", f"{short}={v}"), (f"{key}={v}",)) for v in values]
    return Sweep(short, f"values of {key}", tuple(variants))


def changed(variant: Variant, table: Table) -> Table:
    """The recipe's table as the variant wants it. Raises InputError for a setting that the recipe has no place for."""
    made = alone(table, variant.only) if variant.only else table
    return override(made, variant.set)


def alone(table: Table, level: int) -> Table:
    """The recipe cut to one level: the deepest stage's translator and losses there, that level's inversion, no more."""
    kept = {key: value for key, value in table.items() if key != "refine"}
    inversions = [i for i in table.get("inversions", []) if i.get("level") == level]
    if not inversions or not table.get("stages"):
        known = [i.get("level") for i in table.get("inversions", [])]
        raise InputError(
            f"level {level} alone",
            found=f"a recipe with inversions of levels {known}",
            expected=f"one of level {level}, which makes the image",
            cure="Add it to the recipe; `demo` and `paper` have those of levels 3, 4 and 5.",
        )
    return {**kept, "stages": [{**table["stages"][0], "level": level}], "inversions": inversions}
