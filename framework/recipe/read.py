"""Where a recipe's table comes from: packaged or a file, then `--data` or `--a` and `--b`, then `--set`."""

from __future__ import annotations

import argparse
import json
import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..catalogue.catalogue import Catalogue
from ..errors import InputError
from ..support import atomic
from .recipe import Recipe
from .resolve import FORMER, renamed, resolve


def recipe_arguments(parser: argparse.ArgumentParser, *, recipe: str = "", folders: str = "") -> None:
    """The arguments that name a recipe and its data: `recipe` where none is named, or `folders` beside --a and --b."""
    unnamed = [recipe, f"{folders} for --a and --b" if folders else ""]
    default = f" (default: {', '.join(filter(None, unnamed))})" if any(unnamed) else ""
    group = parser.add_argument_group("recipe and data")
    group.add_argument("--recipe", help=f"a packaged recipe's name, or a .toml or .json file{default}")
    parser.set_defaults(unnamed=(recipe, folders or recipe))
    data_arguments(
        group,
        data="a dataset, like safari:zebra,giraffe (another than the recipe's, without a colon: its own two domains)",
        key="a recipe key",
    )


def data_arguments(parser: argparse._ActionsContainer, *, data: str, key: str) -> None:
    """The arguments that name a recipe's data and its settings: `data` says which dataset, `key` what is set."""
    parser.add_argument("--data", metavar="NAME[:A,B]", help=data)
    parser.add_argument("--a", metavar="DIR", help="folder of images of domain A")
    parser.add_argument("--b", metavar="DIR", help="folder of images of domain B")
    parser.add_argument("--set", metavar="KEY=VALUE", action="append", default=[], help=f"override {key}")


def encoder_argument(parser: argparse._ActionsContainer) -> None:
    """The argument that says where a bundle's encoder finds its weights on this machine."""
    text = "of a bundle's encoder, like encoder.weights=PATH: the weights' hash is checked"
    parser.add_argument("--set", metavar="KEY=VALUE", action="append", default=[], help=text)


def folders_argument(parser: argparse._ActionsContainer) -> None:
    """The arguments that name two folders of images instead of a dataset."""
    parser.add_argument("--a", metavar="DIR", help="instead of --data: folder of images of domain A")
    parser.add_argument("--b", metavar="DIR", help="folder of images of domain B")


def device_argument(parser: argparse._ActionsContainer) -> None:
    """The argument that names what is computed on."""
    parser.add_argument(
        "--device", default="auto", help="auto (a CUDA GPU where there is one) | cpu | cuda | cuda:1 | mps"
    )


def recipe_name(arguments: argparse.Namespace) -> str:
    """The recipe that the arguments of `recipe_arguments` name, or what stands for none, if anything does."""
    usual, folders = arguments.unnamed
    return arguments.recipe or (folders if arguments.a else usual)


def recipe_from(arguments: argparse.Namespace, catalogue: Catalogue) -> Recipe:
    """The checked recipe that the arguments of `recipe_arguments` name."""
    data = {key: getattr(arguments, key) for key in ("data", "a", "b")}
    return resolve(read(recipe_name(arguments), catalogue, settings=arguments.set, **data), catalogue)


def read(
    name: str,
    catalogue: Catalogue,
    *,
    data: str | None = None,
    a: str | None = None,
    b: str | None = None,
    settings: Sequence[str] = (),
) -> dict[str, Any]:
    """A recipe's table by the name of a packaged one or the path of a .toml or .json file.

    `data` (`NAME[:A,B]`) names another dataset, with its own first two domains unless A and B are given, or `a` and `b`
    two folders of images; `settings` are what `override` takes and come last. Raises InputError for what cannot be read
    or applied.
    """
    if a or b:
        settings = ["data.use=folder", "data.root=none", *texts(*both(data, a, b)), *settings]
    elif data:
        settings = [*data_settings(data), *settings]
    return override(_table(name, catalogue), settings)


def both(data: str | None, a: str | None, b: str | None) -> tuple[str, str]:
    """`--a` and `--b`. InputError for one of them, and for `--data` as well."""
    if not (a and b) or data:
        found, expected = "one of them, or --data as well", "both folders, or --data alone"
        raise InputError("--a and --b", found=found, expected=expected)
    return a, b


def _table(name: str, catalogue: Catalogue) -> dict[str, Any]:
    path = Path(name)
    if path.suffix in (".toml", ".json"):
        try:
            text = atomic.read_text(path, "a recipe in TOML or JSON").removeprefix("\ufeff")
        except InputError as error:
            raise error.at(f"recipe '{name}'") from None
    else:
        offer = catalogue.get("recipe", name)
        with catalogue.calling("recipe", name, "`build`"):
            text = offer.build()
        catalogue.require(isinstance(text, str), "recipe", name, "`build`", text, "a recipe's text in TOML")
        name = catalogue.part("recipe", name)
    try:
        table = atomic.parsed(text, json.loads if path.suffix == ".json" else tomllib.loads)
    except ValueError as error:
        where = name if path.suffix not in (".toml", ".json") else f"recipe '{name}'"
        raise InputError(
            where, found=str(error), expected="valid TOML" if path.suffix != ".json" else "valid JSON"
        ) from None
    if not isinstance(table, dict):
        raise InputError(f"recipe '{name}'", found=f"{table!r:.60}", expected="a table")
    return table


def override(table: dict[str, Any], settings: Sequence[str]) -> dict[str, Any]:
    """`table` with `key=value` settings applied: `encoder.use=vgg19`, `translate[0].schedule.images=100`.

    An entry of a list goes by its number or by its component's name: `translate[0].losses[cycle].weight=3`. Setting a
    component's `use` to another name drops the old component's options, of a dataset its domains too.

    >>> override({"encoder": {"use": "vgg19", "taps": "after-relu"}}, ["encoder.use=pixels", "image.size=64"])
    {'encoder': {'use': 'pixels'}, 'image': {'size': 64}}
    """
    overridden: dict[str, Any] = json.loads(json.dumps(renamed(table)))
    for setting in settings:
        key, equals, text = setting.partition("=")
        steps = [s for s in re.split(r"[.\[\]]+", key.strip()) if s]
        if not equals or not steps:
            raise InputError(
                f"--set {setting}", expected="key=value, like image.size=128 or translate[0].schedule.images=1000"
            )
        steps = [FORMER.get(tuple(steps[: n + 1]), step) for n, step in enumerate(steps)]
        _put(overridden, steps, _parse(text), setting)
    return overridden


def _put(node: Any, steps: list[str], value: Any, setting: str) -> None:
    *way, last = steps
    path = "$"
    for step in way:
        key: Any = step
        if isinstance(node, list):
            key = _index(step, node, path, setting)
        elif step not in node:
            node[step] = {}
        if isinstance(node[key], str):  # a component given by name alone
            node[key] = {"use": node[key]}
        node = node[key]
        path += f".{step}"
        if not isinstance(node, dict | list):
            raise InputError(f"--set {setting}", found=f"{path} is {node!r}", expected="a table or a list there")
    if isinstance(node, list):
        node[_index(last, node, path, setting)] = value
    elif last == "use" and node.get("use") != value:
        kept = {k: node[k] for k in ("weight", "start") if k in node}
        node.clear()
        node.update({"use": value, **kept})
    elif value is None:
        node.pop(last, None)
    else:
        node[last] = value


def _index(step: str, node: list[Any], path: str, setting: str) -> int:
    uses = [item.get("use") if isinstance(item, dict) else item for item in node]
    if uses.count(step) == 1:
        return uses.index(step)
    if step.isdigit() and int(step) < len(node):
        return int(step)
    named = ", ".join(use for use in uses if isinstance(use, str))
    raise InputError(
        f"--set {setting}",
        found=f"'{step}' in {path}" + (f", where there are {named}" if named else ""),
        expected=f"a number from 0 to {len(node) - 1}" + (", or the name of one component" if named else ""),
    )


def named(text: str) -> list[tuple[str, dict[str, Any]]]:
    """Names, each with its options, of `NAME:key=value,key=value,NAME,…`: a value belongs to the name before it.

    >>> named("kid,spectrum:bins=4,marks=[0.5, 0.9],mine:sharpness")
    [('kid', {}), ('spectrum', {'bins': 4, 'marks': [0.5, 0.9]}), ('mine:sharpness', {})]
    """
    found: list[tuple[str, dict[str, Any]]] = []
    for part in re.split(r",(?![^\[]*\])", text):
        head, equals, value = part.strip().partition("=")
        name, _, key = head.rpartition(":") if equals else (head, "", "")
        if name or not found:
            found.append((name, {}))
        if equals:
            found[-1] = (found[-1][0], override(found[-1][1], [f"{key}={value}"]))
    return found


def _parse(text: str) -> Any:
    if text in ("none", ""):
        return None
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def data_settings(spec: str) -> list[str]:
    """`--data NAME[:A,B]` as settings."""
    name, colon, domains = spec.partition(":")
    settings = [f"data.use={name}"]
    if colon:
        names = [n.strip() for n in domains.split(",")]
        if len(names) != 2 or not all(names) or names[0] == names[1]:
            raise InputError(
                f"--data {spec}",
                found=f"domains {domains!r}",
                expected="two different names, like safari:zebra,giraffe",
            )
        settings += texts(*names)
    return settings


def texts(*domains: str) -> list[str]:
    """Settings of the two domains, as text whatever they look like."""
    return [f"data.{side}={json.dumps(name, ensure_ascii=False)}" for side, name in zip("ab", domains)]
