"""`crosscade ablate`: variants of one recipe trained within one budget, scored by one protocol, in one table."""

from __future__ import annotations

import argparse
from collections.abc import Iterable

from ...framework import Catalogue, CommandOffer, InputError, Reporter, hookimpl
from ...framework.errors import numbered
from ...framework.recipe.dataset import dataset_of
from .protocol import Protocol, budget_arguments, held, run_options
from .sweeps import sweep as sweeps

MINUTES = 2.0


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "sweep", nargs="?", help="losses, levels, clip, critic, residual, encoder, or a .toml file of variants"
    )
    parser.add_argument(
        "--vary", metavar="KEY=V,V,…", help="values of one key in place of a sweep, like training.clip_sigma=1,2,3"
    )
    parser.add_argument("--recipe", help="what is varied: a packaged recipe, .toml or .json file (default: demo)")
    budget_arguments(parser, out="ablate", minutes=MINUTES)


def _ablate(arguments: argparse.Namespace, catalogue: Catalogue) -> int:
    from .run import run
    from .trials import fitting, trials_of

    with held("ablate", arguments) as out:
        protocol = asked(arguments)
        trials = trials_of(protocol, catalogue, out.folder)
        dataset, report = dataset_of(trials[0].recipe.data, catalogue), Reporter()
        report.say(f"looking which of {numbered(len(protocol.variants()), 'variant')} can be trained here")
        trials, refused = fitting(trials, dataset, catalogue)
        lost = [f"{variant.name} is left out: {error}" for variant, error in refused.items()]
        for line in lost:
            report.warn(line)
        inputs = [arguments.sweep, arguments.recipe]
        run(trials, protocol, dataset, catalogue, lost, out=out, inputs=inputs, **run_options(arguments))
    return 0


def asked(arguments: argparse.Namespace) -> Protocol:
    """What is to be compared."""
    name, vary = arguments.sweep, arguments.vary
    if name and vary:
        raise InputError("--vary", found=f"the sweep '{name}' as well", expected="one of them")
    sweep = sweeps.varied(vary) if vary else sweeps.read(name) if name else None
    words = ("--vary", vary) if vary else (name,) if name else ()
    return Protocol.asked("ablate", arguments, MINUTES, sweep=sweep, words=words, recipe=arguments.recipe)


@hookimpl
def commands() -> Iterable[CommandOffer]:
    """The command."""
    yield CommandOffer(
        name="ablate",
        arguments=_arguments,
        build=_ablate,
        summary="Train variants of a recipe within one budget and score them: the paper's ablations, and your own",
        group="research",
        example="crosscade ablate losses --data safari:zebra,giraffe --minutes 2",
    )
