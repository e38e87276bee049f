"""The packaged recipes: every `.toml` file beside this one. Torch-free."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from ...framework import RecipeOffer, hookimpl


def packaged() -> dict[str, str]:
    """The packaged recipes' TOML texts by name: `paper.toml` is `paper`."""
    # Not importlib.resources: it cannot list a namespace package that is installed editable.
    files = sorted(Path(__file__).parent.glob("*.toml"))
    return {file.stem: file.read_text(encoding="utf-8") for file in files}


@hookimpl
def recipes() -> Iterator[RecipeOffer]:
    """One for each file, with the summary that stands in it."""
    for name, text in packaged().items():
        summary = tomllib.loads(text).get("summary", f"the recipe {name}")
        yield RecipeOffer(name=name, summary=summary, build=partial(str, text))
