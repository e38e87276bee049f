"""Arguments that several commands share: which recipe on which data. Torch-free."""

from __future__ import annotations

import argparse
import json
from typing import Any

from ..catalogue import Catalogue
from ..errors import InputError


def recipe_arguments(parser: argparse.ArgumentParser, *, recipe: str | None = None) -> None:
    """The arguments that name a recipe and its data."""
    parser.add_argument(
        "--recipe",
        default=recipe,
        help="a packaged recipe's name, or a .toml or .json file" + (f" (default: {recipe})" if recipe else ""),
    )
    parser.add_argument("--data", metavar="NAME[:A,B]", help="a dataset, like safari:zebra,giraffe")
    parser.add_argument("--a", metavar="DIR", help="folder of images of domain A")
    parser.add_argument("--b", metavar="DIR", help="folder of images of domain B")
    parser.add_argument("--set", metavar="KEY=VALUE", action="append", default=[], help="override a recipe key")


def recipe_table(arguments: argparse.Namespace, catalogue: Catalogue) -> dict[str, Any]:
    """The recipe's table with `--data`, `--a`, `--b` and `--set` applied."""
    from .settings import data_settings, override, read  # needs the training extra

    settings = list(arguments.set)
    if arguments.a or arguments.b:
        if not (arguments.a and arguments.b) or arguments.data:
            raise InputError(
                "--a and --b", found="one of them, or --data as well", expected="both folders, or --data alone"
            )
        settings = [
            "data.use=folder",
            f"data.a={json.dumps(arguments.a, ensure_ascii=False)}",
            f"data.b={json.dumps(arguments.b, ensure_ascii=False)}",
            *settings,
        ]
    elif arguments.data:
        settings = [*data_settings(arguments.data), *settings]
    return override(read(arguments.recipe, catalogue), settings)
