"""`crosscade compare`: methods trained within one budget, scored by one protocol, in one table."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...framework import Catalogue, CommandOffer, hookimpl

if TYPE_CHECKING:
    from ...framework import Dataset
    from .jobs import Training
    from .trials import Contender


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--methods",
        metavar="A,B,…",
        help="packaged recipes or .toml and .json files; `cascade` is the recipe demo, "
        "and cyclegan@3 is cyclegan with three times the budget",
    )
    budget_arguments(parser, out="compare")


def budget_arguments(parser: argparse.ArgumentParser, *, out: str, minutes: float | None = None) -> None:
    """The arguments that say how much each run gets, on which data, and where the results go."""
    default = f" (default: {minutes:g})" if minutes else ""
    parser.add_argument(
        "--minutes", type=float, help=f"budget of a run: minutes of training, of one core's own time{default}"
    )
    parser.add_argument(
        "--images", type=int, help="budget of a run: images of each domain, summed over every stage that learns"
    )
    parser.add_argument("--seeds", type=int, metavar="N", help="runs of each, by the seeds 0 to N-1 (default: 1)")
    parser.add_argument("--data", metavar="NAME[:A,B]", help="dataset (default: safari:zebra,giraffe)")
    parser.add_argument("--a", metavar="DIR", help="folder of images of domain A")
    parser.add_argument("--b", metavar="DIR", help="folder of images of domain B")
    parser.add_argument(
        "--set", metavar="KEY=VALUE", action="append", default=[], help="override a key of every recipe"
    )
    parser.add_argument(
        "--jobs", type=int, default=1, help="runs at a time, each on one core (default: 1; fair where cores are idle)"
    )
    parser.add_argument("--all", action="store_true", help="every metric, fetching the weights that some need")
    parser.add_argument("--out", default=out, help=f"folder for the results (default: {out})")
    parser.add_argument("--resume", action="store_true", help="go on with what stands in the folder")
    parser.add_argument("--force", action="store_true", help="clear the folder first")


def _compare(arguments: argparse.Namespace, catalogue: Catalogue) -> int:
    from .trials import check, contenders, declared

    out = Path(arguments.out)
    protocol = declared(arguments, out)
    runs = contenders(protocol, catalogue, out)
    dataset = runs[0].dataset(catalogue)
    check(runs, dataset, catalogue)
    times = {run.method: run.times for run in runs if run.times != 1}
    told = [f"{method} has {factor:g} times the budget." for method, factor in times.items()]
    return make(runs, dataset, catalogue, arguments, protocol, told=told)


def make(
    runs: Sequence[Contender],
    dataset: Dataset,
    catalogue: Catalogue,
    arguments: argparse.Namespace,
    protocol: Mapping[str, Any],
    *,
    command: str = "compare",
    told: Sequence[str] = (),
    lost: Sequence[str] = (),
    heading: str = "",
    words: Sequence[str] = (),
) -> int:
    """Trains the runs, scores them together and writes the results; the exit code.

    `told` are lines about who is compared, `lost` about who is not, `heading` leads the page's title, and `words` are
    what the command was told before its options.
    """
    from ...framework import InputError, Reporter
    from ...framework.support import atomic
    from .jobs import run_all
    from .page import write_files
    from .results import score

    if arguments.jobs < 1:
        raise InputError("--jobs", found=str(arguments.jobs), expected="1 or more")
    out, report = Path(arguments.out), Reporter()
    if not arguments.resume:
        hint = "Use --resume to go on with it, or --force to clear it."
        atomic.empty_folder(out, force=arguments.force, hint=hint, keep=dataset.sources)
    out.mkdir(parents=True, exist_ok=True)
    with atomic.alone(out):
        first = sorted(runs, key=lambda run: -run.times)  # else a long one would go on alone at the end
        trainings = [_training(run, catalogue, out / "recipes" / f"{run.name}.json", protocol) for run in first]
        atomic.write_json(out / "protocol.json", protocol)
        report.say(f"{len(runs)} runs, at most {arguments.jobs} at a time. Ctrl-C saves; --resume goes on.")
        failed = run_all(trainings, arguments.jobs, report, f"Go on with: crosscade {command} --resume --out {out}")
    names = [offer.name for offer in catalogue.offers("metric")] if arguments.all else None
    done = [c for c in runs if c.run not in failed]
    compared = score(done, dataset, catalogue, report, (*told, *notes(protocol, arguments.jobs)), names)
    lost = [*lost, *(f"{run.name} failed: {reason}" for run, reason in failed.items())]
    again = command_line(command, words, protocol, arguments)
    page = write_files(out, compared, protocol, done, lost, again, heading, catalogue)
    print((out / "table.md").read_text(encoding="utf-8"))
    print(f"{page}: open it in a browser.")
    return 0


def _training(run: Contender, catalogue: Catalogue, recipe: Path, protocol: Mapping[str, Any]) -> Training:
    """What is to be trained, by a recipe in a file. Raises InputError for a run begun with another one or budget."""
    from ...framework.support import atomic
    from ...framework.training.run_state import RunFolder, resumed
    from .jobs import Training

    minutes = protocol["minutes"] * run.times if protocol["minutes"] else None
    if (folder := RunFolder(run.run)).begun:
        resumed(folder, catalogue, run.recipe, minutes)
    atomic.write_json(recipe, run.recipe.plain())
    return Training(run.run, ("--recipe", str(recipe), *(("--minutes", str(minutes)) if minutes else ())))


def command_line(command: str, words: Sequence[str], protocol: Mapping[str, Any], arguments: argparse.Namespace) -> str:
    """The command that makes the same from nothing, however often it was resumed."""
    made = ["crosscade", command, *words]
    for key in ("methods", "recipe", "data", "a", "b", "minutes", "images", "seeds"):
        if value := protocol.get(key):
            made += [f"--{key}", f"{value:g}" if isinstance(value, float) else str(value)]
    for setting in protocol["set"] or []:
        made += ["--set", setting]
    made += ["--jobs", str(arguments.jobs)] if arguments.jobs > 1 else []
    return shlex.join([*made, *(["--all"] if arguments.all else []), "--out", arguments.out])


def notes(protocol: Mapping[str, Any], jobs: int) -> tuple[str, ...]:
    """The budget and the seeds, for people."""
    seeds = ", ".join(map(str, range(protocol["seeds"])))
    if protocol["minutes"]:
        budget = f"{protocol['minutes']:g} minutes of training a run, of its core's time, as planned at its start"
    else:
        budget = f"{protocol['images']} images of each domain a run, summed over every stage that learns"
    return (
        f"Budget: {budget}; both directions together; at most {jobs} at a time; {protocol['precision']}.",
        f"Training seeds: {seeds}. A method with styles draws one for each image from its prior, by the same seed.",
    )


@hookimpl
def commands() -> Iterable[CommandOffer]:
    """The command."""
    yield CommandOffer(
        name="compare",
        arguments=_arguments,
        build=_compare,
        summary="Train several methods within one budget and score them by one protocol",
    )
