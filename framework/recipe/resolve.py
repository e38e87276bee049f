"""A recipe table checked against the catalogue. Every error quotes the path (`@ $.stages[1]`) and the cure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from ..catalogue import Catalogue
from ..errors import InputError, did_you_mean
from .recipe import (
    Component,
    ImageOptions,
    InvertStage,
    LossUse,
    Recipe,
    RefineStage,
    Schedule,
    Training,
    TranslateStage,
)
from .schema import structure


def resolve(table: Mapping[str, Any], catalogue: Catalogue) -> Recipe:
    """A checked recipe from plain values. Raises InputError with the path of what is wrong."""
    known = {a.name for a in attrs.fields(Recipe)}
    _only(table, known, "$")
    for key in ("data", "encoder", "stages", "inversions"):
        if key not in table:
            raise InputError("$", found=f"no '{key}'", expected="a recipe with data, encoder, inversions and stages")
    stages = tuple(
        _stage(TranslateStage, t, f"$.stages[{i}]", catalogue, translator="translator")
        for i, t in enumerate(_list(table["stages"], "$.stages"))
    )
    inversions = tuple(
        _stage(InvertStage, t, f"$.inversions[{i}]", catalogue, inverter="inverter")
        for i, t in enumerate(_list(table["inversions"], "$.inversions"))
    )
    recipe = Recipe(
        name=str(table.get("name", "unnamed")),
        summary=str(table.get("summary", "")),
        data=component(table["data"], "dataset", "$.data", catalogue),
        image=structure(table.get("image", {}), ImageOptions, "$.image"),
        encoder=component(table["encoder"], "encoder", "$.encoder", catalogue),
        training=structure(table.get("training", {}), Training, "$.training"),
        inversions=inversions,
        stages=stages,
        refine=_stage(RefineStage, table["refine"], "$.refine", catalogue) if "refine" in table else None,
    )
    _check_levels(recipe)
    return recipe


def _check_levels(recipe: Recipe) -> None:
    levels = [s.level for s in recipe.stages]
    if not levels or levels != sorted(levels, reverse=True) or len(set(levels)) != len(levels):
        raise InputError("$.stages", found=f"levels {levels}", expected="each level once, deep to shallow")
    inverted = [s.level for s in recipe.inversions]
    if len(set(inverted)) != len(inverted):
        raise InputError("$.inversions", found=f"levels {inverted}", expected="each level once")
    if levels[-1] not in inverted:
        raise InputError(
            "$.inversions",
            found=f"levels {inverted}",
            expected=f"an inverter for level {levels[-1]}, the shallowest stage",
        )


def _stage(kind: type, table: Any, path: str, catalogue: Catalogue, **slots: str) -> Any:
    _table(table, path)
    _only(table, {a.name for a in attrs.fields(kind)}, path)
    values: dict[str, Any] = {}
    for slot, component_kind in slots.items():
        if slot not in table or "level" not in table:
            raise InputError(
                path, found=f"no '{slot if slot not in table else 'level'}'", expected=f"level, {slot} and losses"
            )
        values[slot] = component(table[slot], component_kind, f"{path}.{slot}", catalogue)
        if not isinstance(table["level"], int):
            raise InputError(f"wrong type @ {path}.level", found=repr(table["level"]), expected="a whole number")
        values["level"] = table["level"]
    values["losses"] = tuple(
        _loss(t, f"{path}.losses[{i}]", catalogue)
        for i, t in enumerate(_list(table.get("losses", []), f"{path}.losses"))
    )
    if kind is RefineStage:
        extras = {k: v for k, v in table.items() if k not in ("losses", "schedule")}
        checked = structure({**extras, "losses": ()}, RefineStage, path)
        values |= {k: getattr(checked, k) for k in extras}
    values["schedule"] = structure(_table(table.get("schedule", {}), f"{path}.schedule"), Schedule, f"{path}.schedule")
    return kind(**values)


def component(table: Any, kind: str, path: str, catalogue: Catalogue) -> Component:
    """A checked component from `{use = "name", option = …}`; just a name will do."""
    use, rest = _use(table, kind, path)
    return Component(use, _options(rest, use, kind, path, catalogue))


def _loss(table: Any, path: str, catalogue: Catalogue) -> LossUse:
    use, rest = _use(table, "loss", path)
    numbers = {}
    for key, highest in (("weight", float("inf")), ("start", 1.0)):
        value = rest.pop(key, {"weight": 1.0, "start": 0.0}[key])
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= highest:
            raise InputError(f"'{key}' @ {path}", found=repr(value), expected=f"a number from 0 to {highest:g}")
        numbers[key] = float(value)
    return LossUse(use, _options(rest, use, "loss", path, catalogue), **numbers)


def _use(table: Any, kind: str, path: str) -> tuple[str, dict[str, Any]]:
    if isinstance(table, str):
        return table, {}
    rest = dict(_table(table, path))
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
        raise InputError(f"{error.where} @ {path}", found=error.found, cure=error.cure) from None
    return structure(rest, offer.options, path)


def _table(value: Any, path: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise InputError(f"wrong type @ {path}", found=repr(value), expected="a table")
    return value


def _list(value: Any, path: str) -> Sequence[Any]:
    if not isinstance(value, list | tuple):
        raise InputError(f"wrong type @ {path}", found=repr(value), expected="a list")
    return value


def _only(table: Mapping[str, Any], known: set[str], path: str) -> None:
    for key in table:
        if key not in known:
            raise InputError(f"unknown key '{key}' @ {path}", cure=did_you_mean(key, known))
