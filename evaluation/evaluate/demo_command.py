"""`crosscade demo`: data, training, translation, judging and a page to look at, without an argument."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Iterable
from functools import partial
from pathlib import Path

from ...framework import Catalogue, CommandOffer, InputError, hookimpl
from ...framework.errors import show
from ...framework.recipe.dataset import dataset_of
from ...framework.recipe.read import device_argument, recipe_arguments, recipe_from
from ...framework.runs.folder import KIND as RUN
from ...framework.runs.folder import RunFolder
from ...framework.runs.resume import resumed
from ...framework.support.folders import Held, Kind, check, paths_in, refuse_overlap

MINUTES = 15.0
HINT = "Use --resume to go on with it, or --force to clear it."
KIND = Kind(
    "a demo",
    "run/run.json",
    RUN.formats,
    lambda table: (
        *(f"run/{name}" for name in RUN.wrote(table)),
        *("index.html", "scores.json", "scores.md", "strips/a2b.png", "strips/b2a.png"),
    ),
)


def _arguments(parser: argparse.ArgumentParser) -> None:
    recipe_arguments(parser, recipe="demo")
    parser.add_argument("--minutes", type=float, help=f"of training (default: {MINUTES:g})")
    parser.add_argument("--out", default="demo", help="folder for the results (default: demo)")
    device_argument(parser)
    parser.add_argument("--resume", action="store_true", help="go on with the demo in the folder")
    parser.add_argument("--force", action="store_true", help="clear the folder first, if all in it is a demo's")


def _demo(arguments: argparse.Namespace, catalogue: Catalogue) -> int:
    if arguments.minutes is not None and not 0 < arguments.minutes < float("inf"):
        raise InputError("--minutes", found=str(arguments.minutes), expected="a number above 0")
    from ...framework.support.device import device_of

    device_of(arguments.device)  # one that is not there is refused before a folder is cleared
    out = Path(arguments.out)
    with Held(out, partial(check, out, KIND, force=arguments.force, resume=arguments.resume, hint=HINT)) as held:
        return _made(arguments, catalogue, held)


def _made(arguments: argparse.Namespace, catalogue: Catalogue, held: Held) -> int:
    from ...framework import Reporter, Translation, load, train
    from .demo import write_page
    from .judged import BATCH, judge, rows_of

    out, report = held.folder, Reporter()
    run = out / "run"
    recipe = recipe_from(arguments, catalogue)
    minutes = arguments.minutes or MINUTES
    if arguments.resume:
        named = arguments.recipe != "demo" or arguments.set or arguments.data or arguments.a or arguments.b
        state, recipe = resumed(RunFolder(run), catalogue, recipe if named else None, arguments.minutes)
        minutes = state.minutes or MINUTES
    dataset = dataset_of(recipe.data, catalogue)
    if not arguments.resume:
        refuse_overlap(out, dataset.sources)
        held.begin(lambda _: None, [*dataset.sources, *paths_in([arguments.recipe, recipe.plain()])])
    report.say(
        f"About {minutes:g} minutes of training, and a few more for the data before it and judging after it. "
        "Ctrl-C saves; --resume goes on."
    )
    train(
        None if arguments.resume else recipe,
        run,
        catalogue=catalogue,
        dataset=dataset,
        resume=arguments.resume,
        minutes=minutes,
        report=report,
        command="crosscade " + shlex.join(sys.argv[1:]),
        device=arguments.device,
    )
    translation = Translation(load(run, catalogue), batch=BATCH, device=arguments.device)
    judged = judge(rows_of(translation), dataset, catalogue, report.say, device=arguments.device)
    page, warnings = write_page(out, run, translation.bundle, judged)
    for line in warnings:
        report.warn(line)
    show("\n".join(j.table.markdown() for j in judged))
    show(f"{page}: open it in a browser. The bundle is {run / 'bundle'}.")
    return 0


@hookimpl
def commands() -> Iterable[CommandOffer]:
    """The command."""
    yield CommandOffer(
        name="demo",
        arguments=_arguments,
        build=_demo,
        summary="Make data, train, translate, judge and show: everything in one go",
        group="start",
        example="crosscade demo --minutes 15",
    )
