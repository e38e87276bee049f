"""A bundle belongs to no machine: it names no folder of its maker, and finds its encoder's weights by their hash."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from attrs import evolve, fields_dict
from torch import nn

from ..catalogue.catalogue import Catalogue
from ..encoder import Encoder
from ..errors import CrosscadeError, InputError
from ..recipe.read import override
from ..recipe.recipe import Component, Recipe
from ..recipe.resolve import renamed, resolve
from ..support import atomic

WAY = re.compile(r"(?<![\w.])(?:~|[A-Za-z]:)?[/\\](?:[^\s/\\'\"=,:]+[/\\])+([^\s/\\'\"=,:]+)")
"""An absolute path in a sentence or a command."""
CURE = "Give its weights with --set encoder.weights=PATH: their hash is checked."


def public(value: Any) -> Any:
    """Plain values without the folders of who made them: of an absolute path, its name.

    >>> public({"a": "/mine/my zebras", "command": "crosscade train --a /mine/zebras --set image.size=64"})
    {'a': 'my zebras', 'command': 'crosscade train --a zebras --set image.size=64'}
    """
    if isinstance(value, Mapping):
        return {key: public(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [public(item) for item in value]
    if isinstance(value, str):
        return Path(value).name if Path(value).is_absolute() else WAY.sub(r"\1", value)
    return value


def no_bundle(given: str | Path, path: Path) -> InputError:
    """What was given instead of a bundle, by this name or path, and the command for that."""
    found, cure = "no bundle.json" if path.exists() else "nothing there", "`crosscade train` makes one."
    if ((path.parent if path.is_file() else path) / "manifest.json").is_file():
        found, cure = "an export", f"`crosscade run {given} FILES --out DIR` translates with it."
    elif (path / "run.json").is_file():
        found, cure = "a run that is not finished", f"`crosscade train --out {path} --resume` goes on with it, "
        cure += "`crosscade translate` shows what it has learnt so far."
    return InputError(str(given), found=found, expected="a bundle folder or a finished run", cure=cure)


def recipe_of(folder: Path, table: dict[str, Any], catalogue: Catalogue, settings: Sequence[str]) -> Recipe:
    """A bundle's recipe with the `settings` of its encoder; of one that lies in its run, with the paths that it had.

    Raises InputError for a setting of anything else.
    """
    with suppress(CrosscadeError, OSError):
        own = atomic.read_json(folder.parent / "recipe.json", "a run's recipe")
        table = own if public(renamed(own)) == renamed(table) else table
    return resolve(with_encoder(table, settings), catalogue)


def with_encoder(table: Mapping[str, Any], settings: Sequence[str]) -> dict[str, Any]:
    """A trained recipe's table with `settings` of its encoder. InputError for a setting of anything else."""
    for setting in settings:
        if not setting.strip().startswith("encoder.") or setting.strip().startswith("encoder.use"):
            expected = "an option of the encoder, like encoder.weights=PATH"
            raise InputError(f"--set {setting}", found="a trained bundle", expected=expected)
    return override(dict(table), settings)


def encoder_of(recipe: Recipe, catalogue: Catalogue, digest: str, weights_hash: Callable[[nn.Module], str]) -> Encoder:
    """The recipe's encoder with weights of this `digest`: those of the recipe's path, else of the encoder's own place.

    Raises InputError where neither has them.
    """
    failures: list[InputError] = []
    for use in _uses(recipe.encoder):
        try:
            encoder: Encoder = catalogue.build("encoder", use)
        except InputError as error:
            failures.append(error)
            continue
        if weights_hash(encoder) == digest:
            return encoder
        found, expected = "other weights than the bundle was trained on", f"sha256 {digest[:12]}…"
        failures.append(InputError(f"encoder '{use.use}'", found=found, expected=expected, cure="Install the same."))
    first = failures[0]
    if "weights" not in fields_dict(type(recipe.encoder.options)):
        raise first
    raise first.at(first.where, f"{first.cure} {CURE}".strip())


def _uses(use: Component) -> list[Component]:
    if not getattr(use.options, "weights", ""):
        return [use]
    return [use, evolve(use, options=evolve(use.options, weights=""))]
