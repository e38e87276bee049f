"""`crosscade doctor`: one screen that says, before training, whether it would work. Torch-free to import."""

from __future__ import annotations

import argparse
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ....framework import Catalogue, CommandOffer, RunError, hookimpl
from ....framework.errors import numbered
from ....framework.recipe.dataset import dataset_of
from ....framework.recipe.read import device_argument, recipe_arguments, recipe_from
from .finding import OK, PROBLEM, WARNING, Line

WIDTH = 110
COLOURS = {OK: "green", WARNING: "yellow", PROBLEM: "bold red"}


def _arguments(parser: argparse.ArgumentParser) -> None:
    recipe_arguments(parser, recipe="demo", folders="photo")
    parser.add_argument(
        "--out", metavar="RUN", default=".", help="where the run would be written, whose disk is looked at"
    )
    device_argument(parser)


def show(console: Console, title: str, lines: Sequence[Line]) -> None:
    """Prints the screen. RunError, with what decides, when a line is a problem."""
    console.print(title, style="bold")
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column()
    for line in lines:
        table.add_row(Text(line.mark, style=COLOURS[line.mark]), line.what, line.text)
    console.print(table)
    problems = [line.what for line in lines if line.mark == PROBLEM]
    if problems:
        raise RunError("training would not work", found=f"problems in these lines: {', '.join(problems)}")
    warnings = sum(line.mark == WARNING for line in lines)
    console.print(f"Training would work ({numbered(warnings, 'warning')}).", style="bold green")


def _doctor(arguments: argparse.Namespace, catalogue: Catalogue) -> int:
    from ....framework import Reporter
    from ....framework.support import ranks
    from ....framework.support.device import device_of
    from ....framework.support.progress import Terminal
    from .images import examine
    from .measure import measure

    device_of(arguments.device)
    recipe = recipe_from(arguments, catalogue)
    dataset = dataset_of(recipe.data, catalogue)
    with ranks.together(arguments.device):
        report = Reporter() if ranks.first() else Reporter(Terminal(file=io.StringIO()))
        # first the machine: the memory's high-water mark must be that of training, not that of looking at pictures
        recipe, machine = measure(recipe, catalogue, dataset, Path(arguments.out), report, arguments.device)
        if not ranks.first():
            return 0
    lines = [*examine(dataset, recipe, report), *machine]
    console = Terminal()
    if not console.is_terminal:
        console = Terminal(width=WIDTH)
    names = " and ".join(d.name for d in dataset.domains)
    show(console, f"{names} ({recipe.data.use}), recipe {recipe.name}, {recipe.image.size} px", lines)
    return 0


@hookimpl
def commands() -> Iterable[CommandOffer]:
    """The command."""
    yield CommandOffer(
        name="doctor",
        arguments=_arguments,
        build=_doctor,
        summary="Say before training whether it would work: data, disk, time and memory",
        group="start",
        example="crosscade doctor --a photos/cats --b photos/dogs",
        together=True,
    )
