"""`crosscade ablate`: variants of one recipe trained within one budget, scored by one protocol, in one table."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path

from ...framework import Catalogue, CommandOffer, hookimpl
from .compare import budget_arguments, make

MINUTES = 2.0
NEEDED = {
    "sweep": "a sweep's name or file, or --vary",
    "words": "the words that name the sweep",
    "--recipe": "a recipe's name or file",
}
DEFAULTS = {"recipe": "demo", "minutes": MINUTES, "seeds": 1}


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
    from ...framework import InputError, Reporter
    from ...framework.recipe.schema import plain
    from .sweeps import sweep as sweeps
    from .trials import Entrant, declared, entered, fitting

    out, name = Path(arguments.out), arguments.sweep
    if name and arguments.vary:
        raise InputError("--vary", found=f"the sweep '{name}' as well", expected="one of them")
    chosen = sweeps.varied(arguments.vary) if arguments.vary else sweeps.read(name) if name else None
    arguments.sweep = chosen and plain(chosen)
    arguments.words = ["--vary", arguments.vary] if arguments.vary else [name] if name else None
    protocol = declared(arguments, out, command="ablate", own=NEEDED, defaults=DEFAULTS)
    sweep = sweeps.of(protocol["sweep"])
    entrants = [Entrant(label, protocol["recipe"], change) for label, change in sweep.changes().items()]
    runs = entered(entrants, protocol, catalogue, out)
    dataset = runs[0].dataset(catalogue)
    report = Reporter()
    report.say(f"looking which of {len(entrants)} variants can be trained here")
    runs, refused = fitting(runs, dataset, catalogue)
    lost = [f"{label} is left out: {error}" for label, error in refused.items()]
    for line in lost:
        report.warn(line)
    return make(
        runs,
        dataset,
        catalogue,
        arguments,
        protocol,
        command="ablate",
        told=(f"Recipe: {protocol['recipe']}. Sweep {sweep.name}: {sweep.summary}.", *sweep.notes()),
        lost=lost,
        heading=sweep.name,
        words=protocol["words"],
    )


@hookimpl
def commands() -> Iterable[CommandOffer]:
    """The command."""
    yield CommandOffer(
        name="ablate",
        arguments=_arguments,
        build=_ablate,
        summary="Train variants of a recipe within one budget and score them: the paper's ablations, and your own",
    )
