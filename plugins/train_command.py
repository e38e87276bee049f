"""`crosscade train`: a recipe and two domains of images in, a bundle out."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from collections.abc import Iterable
from typing import Any

from ..framework.catalogue import Catalogue
from ..framework.errors import InputError
from ..framework.hooks import hookimpl
from ..framework.offers import CommandOffer


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
    from ..framework.settings import data_settings, override, read

    settings = list(arguments.set)
    if arguments.a or arguments.b:
        if not (arguments.a and arguments.b) or arguments.data:
            raise InputError(
                "--a and --b", found="one of them, or --data as well", expected="both folders, or --data alone"
            )
        settings = [
            "data.use=folder",
            f"data.a={json.dumps(arguments.a)}",
            f"data.b={json.dumps(arguments.b)}",
            *settings,
        ]
    elif arguments.data:
        settings = [*data_settings(arguments.data), *settings]
    return override(read(arguments.recipe, catalogue), settings)


def _arguments(parser: argparse.ArgumentParser) -> None:
    recipe_arguments(parser)
    parser.add_argument("--out", metavar="RUN", required=True, help="folder of the run; the bundle will be RUN/bundle")
    parser.add_argument("--minutes", type=float, help="scale the recipe to about this many minutes of training here")
    parser.add_argument("--resume", action="store_true", help="go on with the run in RUN")
    parser.add_argument("--force", action="store_true", help="clear RUN first")


def _train(arguments: argparse.Namespace, catalogue: Catalogue) -> int:
    if arguments.minutes is not None and arguments.minutes <= 0:
        raise InputError("--minutes", found=str(arguments.minutes), expected="a number above 0")
    from ..framework.resolve import resolve
    from ..framework.run import read_recipe, train

    if arguments.resume:
        recipe = read_recipe(arguments.out, catalogue)
    else:
        if not arguments.recipe:
            raise InputError("--recipe", found="none", expected="a recipe", cure="See `crosscade plugins recipe`.")
        recipe = resolve(recipe_table(arguments, catalogue), catalogue)
    bundle = train(
        recipe,
        arguments.out,
        catalogue=catalogue,
        resume=arguments.resume,
        force=arguments.force,
        minutes=arguments.minutes,
        command="crosscade " + shlex.join(sys.argv[1:]),
    )
    print(bundle)
    return 0


@hookimpl
def commands() -> Iterable[CommandOffer]:
    """The command."""
    yield CommandOffer(
        name="train", arguments=_arguments, build=_train, summary="Train a recipe on two domains of images"
    )
