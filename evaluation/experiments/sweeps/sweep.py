"""Sweeps of a recipe: named variants, each a list of settings. Packaged beside this file, or a file of one's own.

A setting is what `--set` takes. Torch-free.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import evolve, field, frozen, validators

from ....framework import InputError, did_you_mean, option
from ....framework.recipe.schema import structure
from ..variant import Variant

NAME = r"\w[\w .,+=-]*"
"""A variant's runs have folders of its name."""


@frozen
class Sweep:
    """Variants of one recipe. The first is what the others are read against."""

    name: str
    summary: str
    variants: tuple[Variant, ...] = field(validator=validators.min_len(1))
    only: int = option(0, "the level that every variant translates alone (0: the recipe's cascade)", validators.ge(0))

    def __attrs_post_init__(self) -> None:
        names = [variant.name for variant in self.variants]
        where = f"sweep '{self.name}'"
        if twice := {name for name in names if names.count(name) > 1}:
            raise InputError(where, found=f"'{min(twice)}' twice", expected="each variant once")
        if odd := [name for name in names if not re.fullmatch(NAME, name)]:
            raise InputError(where, found=f"a variant's name '{odd[0]}'", expected="letters, digits, spaces and .,+=-_")

    def of(self, recipe: str) -> tuple[Variant, ...]:
        """Its variants of a recipe, each with all that is changed."""
        return tuple(evolve(v, recipe=v.recipe or recipe, only=v.only or self.only) for v in self.variants)


def packaged() -> dict[str, Path]:
    """The files of the packaged sweeps by name."""
    return {file.stem: file for file in sorted(Path(__file__).parent.glob("*.toml"))}


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
    return from_table({"name": file.stem if own else name, **table})


def from_table(table: Mapping[str, Any]) -> Sweep:
    """A sweep from plain values."""
    sweep: Sweep = structure(table, Sweep, f"sweep '{table.get('name', '')}'")
    return sweep


def varied(spec: str) -> Sweep:
    """`key=value,value,…`: a variant for each value; commas within brackets are a value's own.

    >>> [v.name for v in varied("translate[0].losses[wgan-gp].betas=[0.5,0.9],[0.5,0.99]").variants]
    ['betas=0.5,0.9', 'betas=0.5,0.99']
    """
    key, equals, text = spec.partition("=")
    values = [v.strip() for v in re.split(r",(?![^\[{]*[\]}])", text) if v.strip()]
    if not equals or not key.strip() or not values:
        raise InputError(f"--vary {spec}", expected="key=value,value, like training.clip_sigma=1,2,3")
    short = re.split(r"[.\[\]]+", key.strip().rstrip("]"))[-1]
    variants = [Variant(re.sub(r"[^\w .,+=-]", "", f"{short}={v}"), (f"{key}={v}",)) for v in values]
    return Sweep(short, f"values of {key}", tuple(variants))
