"""A comparison from its trials to its files: trained, scored together, written."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from attrs import evolve

from ...framework import Catalogue, Dataset, InputError, Reporter, RunError
from ...framework.data.contents import summary
from ...framework.errors import numbered, show
from ...framework.recipe.dataset import dataset_of
from ...framework.runs.folder import RunFolder
from ...framework.runs.resume import resumed
from ...framework.runs.state import RunState
from ...framework.support import atomic
from ...framework.support.device import available
from ...framework.support.folders import Held, paths_in, refuse_overlap
from .jobs import Job, places, run_jobs
from .page import write_files
from .protocol import Protocol
from .results import score
from .trials import Trial, started


def run(
    trials: Sequence[Trial],
    protocol: Protocol,
    dataset: Dataset,
    catalogue: Catalogue,
    lost: Sequence[str] = (),
    *,
    out: Held,
    inputs: Sequence[str | None] = (),
    jobs: int | None = None,
    every_metric: bool = False,
    resume: bool = False,
) -> None:
    """Trains what is not trained yet, at most `jobs` at a time, scores it together and writes the results.

    Without `jobs` one at a time, or where there are several GPUs one on each. `lost` are lines about who is not
    compared; `inputs` may name files that were read; `every_metric` counts those that fetch weights. Raises InputError
    for other training images than those that the comparison began with, and RunError, once all is written, for runs
    that failed.
    """
    if jobs is not None and jobs < 1:
        raise InputError("--jobs", found=str(jobs), expected="1 or more")
    report, devices = Reporter(), places(protocol.device, jobs, available())
    for line in summary(dataset.set_aside):
        report.warn(line)
    folder = out.folder
    if not resume:
        refuse_overlap(folder, dataset.sources)
        read = [protocol.plain(), *inputs, *(variant.recipe for variant in protocol.variants())]
        out.begin(partial(_begin, protocol), [*dataset.sources, *paths_in(read)])
    longest = sorted(trials, key=lambda trial: -trial.variant.times)  # else it would go on alone at the end
    protocol = on_the_same_images(protocol, dataset)
    waiting = [job_of(trial, protocol, catalogue, folder / "recipes") for trial in longest]
    _begin(protocol, folder)
    report.say(f"{numbered(len(trials), 'run')}, at most {len(devices)} at a time. Ctrl-C saves; --resume goes on.")
    failed = run_jobs(waiting, devices, report, f"Go on with: crosscade {protocol.command} --resume --out {folder}")
    on_the_same_images(protocol, dataset_of(trials[0].recipe.data, catalogue))  # hours later
    trained = [trial for trial in trials if trial.run not in failed]
    metrics = [entry.qualified for entry in catalogue.of_kind("metric")] if every_metric else None
    notes = (*protocol.notes(devices), *started(trials))
    results = score(trained, dataset, catalogue, report, notes, metrics, protocol.device)
    lost = [*lost, *(f"{folder.name} failed: {reason}" for folder, reason in failed.items())]
    command = protocol.command_line(len(devices), every_metric, folder)
    page = write_files(folder, results, protocol, trained, lost, command, catalogue)
    show((folder / "table.md").read_text(encoding="utf-8"))
    show(f"{page}: open it in a browser.")
    if failed:
        raise RunError(
            "the comparison",
            found=f"{', '.join(sorted(run.name for run in failed))} failed",
            expected=f"all of {numbered(len(trials), 'run')} in the table",
            cure=f"Each has its log in {folder / 'runs'}; --resume tries again.",
        )


def _begin(protocol: Protocol, folder: Path) -> None:
    atomic.write_json(folder / "protocol.json", protocol.plain())


def on_the_same_images(protocol: Protocol, dataset: Dataset) -> Protocol:
    """`protocol` with the hash of the training images: of their files, or their labels where they are in none.

    Raises InputError when it has another one.
    """
    digest = hashlib.sha256()
    for images in dataset.domains.map(lambda domain: domain.train):
        for n in range(len(images)):
            path = images.path(n)
            digest.update((atomic.sha256(path) if path else images.label(n)).encode("utf-8", "replace") + b"\n")
        digest.update(b"\n")
    if protocol.images_sha256 not in ("", digest.hexdigest()):
        raise InputError(
            "the training images",
            found="other images than this comparison began with",
            expected="the same data",
            cure="Give the same data, or begin a new comparison.",
        )
    return evolve(protocol, images_sha256=digest.hexdigest())


def job_of(trial: Trial, protocol: Protocol, catalogue: Catalogue, recipes: Path) -> Job:
    """The process that trains a trial. Raises InputError for a run begun with another recipe or budget."""
    minutes = protocol.minutes * trial.variant.times if protocol.minutes else None
    if (folder := RunFolder(trial.run)).begun:
        if (began := RunState.read(folder).minutes) != minutes:
            raise InputError(
                f"{trial.name}: --minutes",
                found=str(minutes),
                expected=f"{began}, which the run began with",
                cure="All runs of a comparison have one budget: leave it out, or begin a new comparison.",
            )
        resumed(folder, catalogue, trial.recipe, minutes)
    recipe = recipes / f"{trial.name}.json"
    atomic.write_json(recipe, trial.recipe.plain())
    return Job(trial.run, ("--recipe", str(recipe), *(("--minutes", str(minutes)) if minutes else ())))
