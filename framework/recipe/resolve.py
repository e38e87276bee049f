"""A recipe table checked against the catalogue. Every error quotes the path (`@ $.translate[1]`) and the cure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..catalogue.catalogue import Catalogue
from ..errors import InputError
from .recipe import Component, LossUse, Recipe
from .schema import structure

FORMER = {("inversions",): "invert", ("stages",): "translate", ("image", "views"): "crops"}
"""Paths of keys that recipes, bundles and runs had under another name, and what they are called now."""


def renamed(table: Mapping[str, Any], *way: str) -> dict[str, Any]:
    """A recipe's table with today's names of its keys. Raises InputError when a key is there under both names."""
    current: dict[str, Any] = {}
    for key, value in table.items():
        name = FORMER.get((*way, key), key)
        if name in current:
            former = next(path[-1] for path, now in FORMER.items() if now == name)
            raise InputError(".".join(["$", *way]), found=f"both '{former}' and '{name}'", expected=f"'{name}' alone")
        current[name] = renamed(value, *way, name) if isinstance(value, Mapping) else value
    return current


def resolve(table: Mapping[str, Any], catalogue: Catalogue) -> Recipe:
    """A checked recipe from plain values. Raises InputError with the path of what is wrong."""

    def part(value: Any, key: str, path: str) -> Component:
        return component(value, "dataset" if key == "data" else key, path, catalogue)

    def loss(value: Any, key: str, path: str) -> LossUse:
        return _loss(value, path, catalogue)

    table = renamed(table)
    texts: dict[str, Any] = {key: str(table[key]) for key in ("name", "summary") if key in table}
    recipe: Recipe = structure({**table, **texts}, Recipe, "$", {Component: part, LossUse: loss})
    _check_levels(recipe)
    return recipe


def _check_levels(recipe: Recipe) -> None:
    levels = [s.level for s in recipe.translate]
    if not levels or levels != sorted(levels, reverse=True) or len(set(levels)) != len(levels):
        raise InputError("$.translate", found=f"levels {levels}", expected="each level once, deep to shallow")
    inverted = [s.level for s in recipe.invert]
    if len(set(inverted)) != len(inverted):
        raise InputError("$.invert", found=f"levels {inverted}", expected="each level once")
    if levels[-1] not in inverted:
        raise InputError(
            "$.invert",
            found=f"levels {inverted}",
            expected=f"an inverter for level {levels[-1]}, the shallowest stage",
        )


def component(table: Any, kind: str, path: str, catalogue: Catalogue) -> Component:
    """A checked component from `{use = "name", option = …}`; just a name will do."""
    use, rest = _use(table, kind, path)
    return Component(use, _options(rest, use, kind, path, catalogue), place=path)


def _loss(table: Any, path: str, catalogue: Catalogue) -> LossUse:
    use, rest = _use(table, "loss", path)
    numbers = {}
    for key, highest in (("weight", float("inf")), ("start", 1.0)):
        value = rest.pop(key, {"weight": 1.0, "start": 0.0}[key])
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= highest:
            raise InputError(f"'{key}' @ {path}", found=repr(value), expected=f"a number from 0 to {highest:g}")
        numbers[key] = float(value)
    return LossUse(use, _options(rest, use, "loss", path, catalogue), place=path, **numbers)


def _use(table: Any, kind: str, path: str) -> tuple[str, dict[str, Any]]:
    if isinstance(table, str):
        return table, {}
    if not isinstance(table, Mapping):
        raise InputError(f"wrong type @ {path}", found=repr(table), expected="a table")
    rest = dict(table)
    use = rest.pop("use", None)
    if not isinstance(use, str):
        raise InputError(
            path, found="no 'use'", expected=f"the name of a {kind}", cure=f"See `crosscade plugins {kind}`."
        )
    return use, rest


def _options(rest: Mapping[str, Any], use: str, kind: str, path: str, catalogue: Catalogue) -> Any:
    try:
        offer = catalogue.get(kind, use)
    except InputError as error:
        raise error.at(f"{error.where} @ {path}") from None
    return structure(rest, offer.options, path)
