"""`crosscade train`: a recipe and two domains of images in, a bundle out."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Iterable
from pathlib import Path

from ...framework import Catalogue, CommandOffer, InputError, hookimpl
from ...framework.errors import show
from ...framework.recipe.read import device_argument, recipe_arguments, recipe_from, recipe_name
from ...framework.support.folders import paths_in


def _arguments(parser: argparse.ArgumentParser) -> None:
    recipe_arguments(parser, folders="photo")
    group = parser.add_argument_group("training")
    group.add_argument(
        "--minutes",
        type=float,
        help="scale the recipe to about this many minutes of training here: of the clock, or of one thread's own time",
    )
    device_argument(group)
    group.add_argument(
        "--start",
        metavar="EARLIER",
        help="begin with the networks of this bundle or finished run (and a run's critics) as far as they fit; without "
        "--recipe with its recipe, too",
    )
    group.add_argument(
        "--resume",
        action="store_true",
        help="go on with the run in RUN, or begin where there is none; given more --minutes, a finished one learns on",
    )
    group.add_argument(
        "--watch",
        metavar="NAME[:KEY=VALUE,…]",
        action="append",
        default=[],
        help="what follows the training, like tensorboard: `crosscade plugins watcher` lists them",
    )
    group = parser.add_argument_group("results")
    group.add_argument("--out", metavar="RUN", required=True, help="folder of the run; the bundle will be RUN/bundle")
    group.add_argument("--force", action="store_true", help="clear RUN first, if all in it is a run's")


def _train(arguments: argparse.Namespace, catalogue: Catalogue) -> int:
    if arguments.minutes is not None and not 0 < arguments.minutes < float("inf"):
        raise InputError("--minutes", found=str(arguments.minutes), expected="a number above 0")
    if arguments.start == "":
        cure = "Leave it out (`--set start=''` begins without the recipe's own starter)."
        raise InputError("--start", found="''", expected="a bundle folder or a finished run", cure=cure)
    from ...framework import train

    if arguments.start and not arguments.recipe:
        arguments.recipe = _recipe_of(Path(arguments.start))
    named = arguments.recipe or arguments.set or arguments.data or arguments.a or arguments.b
    if not recipe_name(arguments) and (named or not arguments.resume):
        raise InputError("--recipe", found="none", expected="a recipe", cure="See `crosscade plugins recipe`.")
    recipe = recipe_from(arguments, catalogue) if named else None
    bundle = train(
        recipe,
        arguments.out,
        catalogue=catalogue,
        resume=arguments.resume,
        force=arguments.force,
        minutes=arguments.minutes,
        command="crosscade " + shlex.join(sys.argv[1:]),
        device=arguments.device,
        start=arguments.start or "",
        watch=arguments.watch,
        inputs=[*paths_in([arguments.recipe, arguments.start])],
    )
    if os.environ.get("RANK", "0") == "0":
        show(bundle)
    return 0


def _recipe_of(start: Path) -> str:
    """The recipe's file of a bundle or a run."""
    path = start / "recipe.json"
    if not path.is_file():
        raise InputError(f"--start {start}", found="no recipe.json", expected="a bundle folder or a finished run")
    return str(path)


@hookimpl
def commands() -> Iterable[CommandOffer]:
    """The command."""
    yield CommandOffer(
        name="train",
        arguments=_arguments,
        build=_train,
        summary="Train a recipe on two domains of images",
        group="start",
        example="crosscade train --a photos/cats --b photos/dogs --minutes 60 --out runs/cat-dog",
        together=True,
    )
