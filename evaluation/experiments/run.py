"""A comparison from its trials to its files: trained, scored together, written."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ...framework import Catalogue, Dataset, InputError, Reporter
from ...framework.support import atomic
from ...framework.support.device import available
from ...framework.training.run_state import RunFolder, resumed
from .jobs import Job, places, run_jobs
from .page import write_files
from .protocol import Protocol
from .results import score
from .trials import Trial


def run(
    trials: Sequence[Trial],
    protocol: Protocol,
    dataset: Dataset,
    catalogue: Catalogue,
    lost: Sequence[str] = (),
    *,
    out: Path,
    jobs: int | None = None,
    every_metric: bool = False,
    resume: bool = False,
    force: bool = False,
) -> None:
    """Trains what is not trained yet, at most `jobs` at a time, scores it together and writes the results.

    Without `jobs` one at a time, or where there are several GPUs one on each. `lost` are lines about who is not
    compared; `every_metric` counts those that fetch weights.
    """
    if jobs is not None and jobs < 1:
        raise InputError("--jobs", found=str(jobs), expected="1 or more")
    report, devices = Reporter(), places(protocol.device, jobs, available())
    if not resume:
        hint = "Use --resume to go on with it, or --force to clear it."
        atomic.empty_folder(out, force=force, hint=hint, keep=dataset.sources)
    out.mkdir(parents=True, exist_ok=True)
    with atomic.alone(out):
        longest = sorted(trials, key=lambda trial: -trial.variant.times)  # else it would go on alone at the end
        waiting = [job_of(trial, protocol, catalogue, out / "recipes") for trial in longest]
        atomic.write_json(out / "protocol.json", protocol.plain())
        report.say(f"{len(trials)} runs, at most {len(devices)} at a time. Ctrl-C saves; --resume goes on.")
        failed = run_jobs(waiting, devices, report, f"Go on with: crosscade {protocol.command} --resume --out {out}")
    trained = [trial for trial in trials if trial.run not in failed]
    metrics = [offer.name for offer in catalogue.offers("metric")] if every_metric else None
    results = score(trained, dataset, catalogue, report, protocol.notes(devices), metrics, protocol.device)
    lost = [*lost, *(f"{folder.name} failed: {reason}" for folder, reason in failed.items())]
    command = protocol.command_line(len(devices), every_metric, out)
    page = write_files(out, results, protocol, trained, lost, command, catalogue)
    print((out / "table.md").read_text(encoding="utf-8"))
    print(f"{page}: open it in a browser.")


def job_of(trial: Trial, protocol: Protocol, catalogue: Catalogue, recipes: Path) -> Job:
    """The process that trains a trial. Raises InputError for a run begun with another recipe or budget."""
    minutes = protocol.minutes * trial.variant.times if protocol.minutes else None
    if (folder := RunFolder(trial.run)).begun:
        resumed(folder, catalogue, trial.recipe, minutes)
    recipe = recipes / f"{trial.name}.json"
    atomic.write_json(recipe, trial.recipe.plain())
    return Job(trial.run, ("--recipe", str(recipe), *(("--minutes", str(minutes)) if minutes else ())))
