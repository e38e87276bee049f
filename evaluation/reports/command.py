"""`crosscade report`: the page of a run, from what stands in its folder; nothing is trained or judged."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable
from pathlib import Path

from ...framework import Catalogue, CommandOffer, InputError, hookimpl
from ...framework.errors import show
from ...framework.recipe.dataset import dataset_of
from ...framework.recipe.read import device_argument
from ...framework.runs.folder import RunFolder
from ...framework.runs.state import RunState
from ...framework.support.folders import held, left

WATCH_SECONDS = 5


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", metavar="RUN", help="folder of a run that was begun")
    parser.add_argument("--out", metavar="FILE", help="the page (default: RUN/index.html)")
    parser.add_argument(
        "--watch",
        action="store_true",
        help="write the page again whenever something has happened, until the run ends or is stopped",
    )
    device_argument(parser)


def _report(arguments: argparse.Namespace, catalogue: Catalogue) -> int:
    run = Path(arguments.folder)
    while arguments.watch and not (run / "run.json").exists() and held(run):
        time.sleep(WATCH_SECONDS)  # it is being begun
    if not (run / "run.json").exists():
        raise _no_run(run)
    ended, seen = _ended(run), _changed(run)  # before the page is drawn: what happens meanwhile is for the next
    show(f"{_write(arguments, catalogue, run, ended)}: open it in a browser.")
    while arguments.watch and not ended:
        while _changed(run) == seen and not _ended(run):
            time.sleep(WATCH_SECONDS)
        ended, seen = _ended(run), _changed(run)
        _write(arguments, catalogue, run, ended)
    if arguments.watch and not RunState.read(RunFolder(run)).done:
        show(f"Nothing trains it now. Go on with: crosscade train --out {run} --resume")
    return 0


def _ended(run: Path) -> bool:
    """Whether nothing trains a run: it is done, or what trained it was stopped."""
    return left(run) or (RunState.read(RunFolder(run)).done and not held(run))


def _changed(run: Path) -> tuple[float, ...]:
    """When a run's state and its events were last written."""
    folder = RunFolder(run)
    return tuple(file.stat().st_mtime for file in (folder.state, folder.events) if file.exists())


def _write(arguments: argparse.Namespace, catalogue: Catalogue, run: Path, ended: bool) -> Path:
    from attrs import evolve

    from ...framework import Reporter, load
    from .page import refuse_others, write
    from .run import SUMMARY, about, samples, translated
    from .table import read_tables

    out = Path(arguments.out or run / "index.html")
    refuse_others(out)
    data = about(run, catalogue)
    if (run / "bundle" / "bundle.json").exists():
        bundle = load(run, catalogue)
        data = evolve(data, title=f"{bundle.domains.a} ↔ {bundle.domains.b}")
        try:
            dataset = dataset_of(bundle.recipe.data, catalogue)
        except InputError as error:  # the folders may have gone, or this may be another machine
            Reporter().warn(f"no translations on the page: {error}")
        else:
            data = evolve(data, summary=SUMMARY, strips=translated(run, bundle, dataset, arguments.device))
    if not data.strips:
        data = evolve(data, figures=samples(run))
    if (run / "scores.json").exists():
        data = evolve(data, tables=read_tables(run / "scores.json"))
    if arguments.watch:
        data = evolve(data, refresh=0 if ended else WATCH_SECONDS)
    return write(data, out)


def _no_run(folder: Path) -> InputError:
    if (folder / "run" / "run.json").exists():
        cure = f"Give {folder / 'run'}; {folder / 'index.html'} is the page of the whole."
    elif (folder / "protocol.json").exists():
        cure = "A comparison writes its page itself: repeat its command with --resume."
    else:
        cure = "Make one with `crosscade train`."
    return InputError(str(folder), found="no run.json", expected="the folder of a run that was begun", cure=cure)


@hookimpl
def commands() -> Iterable[CommandOffer]:
    """The command."""
    yield CommandOffer(
        name="report",
        arguments=_arguments,
        build=_report,
        summary="Make the page of a run from what its folder holds",
        group="start",
        example="crosscade report runs/cat-dog",
    )
