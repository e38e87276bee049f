"""`crosscade compare`: methods trained within one budget, scored by one protocol, in one table."""

from __future__ import annotations

import argparse
from collections.abc import Iterable

from ...framework import Catalogue, CommandOffer, hookimpl
from ...framework.recipe.dataset import dataset_of
from .protocol import Protocol, budget_arguments, held, run_options


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--methods",
        metavar="A,B,…",
        help="packaged recipes or .toml and .json files; `cascade` is the recipe demo, with --a and --b photo, "
        "and cyclegan@3 is cyclegan with three times the budget",
    )
    budget_arguments(parser, out="compare")


def _compare(arguments: argparse.Namespace, catalogue: Catalogue) -> int:
    from .run import run
    from .trials import refusals, trials_of

    with held("compare", arguments) as out:
        protocol = Protocol.asked("compare", arguments, methods=arguments.methods)
        trials = trials_of(protocol, catalogue, out.folder)
        dataset = dataset_of(trials[0].recipe.data, catalogue)
        for _, error in refusals(trials, dataset, catalogue):
            raise error
        run(trials, protocol, dataset, catalogue, out=out, **run_options(arguments))
    return 0


@hookimpl
def commands() -> Iterable[CommandOffer]:
    """The command."""
    yield CommandOffer(
        name="compare",
        arguments=_arguments,
        build=_compare,
        summary="Train several methods within one budget and score them by one protocol",
        group="research",
        example="crosscade compare --data safari:zebra,giraffe --methods cascade,cyclegan --minutes 16",
    )
