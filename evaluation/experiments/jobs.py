"""Runs of `crosscade train`, each a process of its own, so that its processor time and memory can be measured.

A Ctrl-C is handed to the processes once: they save and end, and the same command with `--resume` goes on.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import asdict, define, evolve, field, frozen

from ...framework import Reporter
from ...framework.runs.folder import RunFolder
from ...framework.support import atomic, folders
from ...framework.support.events import Events
from ...framework.support.interrupts import counted_interrupts
from ...framework.training.watcher import InterruptedRunError

POLL_SECONDS = 1.0
TICKS = 100
TRAIN = (sys.executable, "-m", "crosscade.framework.cli", "train")


@frozen
class Cost:
    """What a run took, summed over the processes that worked at it."""

    cpu_seconds: float = 0.0
    wall_seconds: float = 0.0
    peak_bytes: int = 0
    begun: int = 0
    measured: int = 0
    """Processes of which the end was seen; fewer than were begun after a kill of the comparison itself."""

    @classmethod
    def read(cls, run: Path) -> Cost:
        """The cost so far of the run in folder `run`."""
        file = _beside(run, ".cost.json")
        return cls(**atomic.read_json(file, "the cost of a run")) if file.exists() else cls()

    def write(self, run: Path) -> None:
        """Keeps it beside the run's folder."""
        atomic.write_json(_beside(run, ".cost.json"), asdict(self))


@define
class Job:
    """A process that trains: the folder of its run and the words after `crosscade train`."""

    run: Path
    words: tuple[str, ...]
    device: str = field(init=False, default="")
    """What it was started on."""
    _process: subprocess.Popen[bytes] = field(init=False)
    _began: float = field(init=False)
    _signals: int = field(init=False, default=0)
    """How many Ctrl-C were handed on."""

    @property
    def done(self) -> bool:
        """Whether there is a bundle."""
        return bool(_state(self.run).get("done"))

    @property
    def held(self) -> bool:
        """Whether a process is at work on it that a comparison began which was killed: it goes on by itself."""
        return folders.held(self.run)

    @property
    def share(self) -> float:
        """The finished share of the training, from 0 to 1, by expected seconds where they are known."""
        state = _state(self.run)
        if not state.get("ready"):
            return 0.0
        if state.get("done"):
            return 1.0
        recipe = RunFolder(self.run).read_recipe()
        stages = [*recipe["invert"], *recipe["translate"], *([recipe["refine"]] if recipe.get("refine") else [])]
        images = [stage["schedule"]["images"] if stage["losses"] else 0 for stage in stages]
        weights = state.get("seconds") or images
        seen = {e["stage"]: e["images"] for e in Events(RunFolder(self.run).events).read() if e["event"] == "step"}
        finished = sum(w * min(1.0, seen.get(n, 0) / max(1, images[n])) for n, w in enumerate(weights))
        return float(finished / sum(weights)) if sum(weights) else 0.0

    def start(self, device: str) -> None:
        """Begins the run, or goes on with it, on `device`.

        In a session of its own: a terminal's Ctrl-C must not reach it twice.
        """
        self.run.parent.mkdir(parents=True, exist_ok=True)
        cost = Cost.read(self.run)
        evolve(cost, begun=cost.begun + 1).write(self.run)
        command = [*TRAIN, *self.words, "--device", device, "--out", str(self.run), "--resume"]
        self.device = device
        with _beside(self.run, ".log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=log, start_new_session=True)
        self._began = time.monotonic()

    def ended(self) -> bool:
        """Whether it has, since it was started; what it took is added to the run's cost."""
        process = self._process
        usage: Any = None
        if hasattr(os, "wait4"):
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            if not pid:
                return False
            process.returncode = os.waitstatus_to_exitcode(status)
        elif process.poll() is None:
            return False
        cost = Cost.read(self.run)
        if usage is not None:
            unit = 1 if sys.platform == "darwin" else 1024  # Linux counts in KiB, macOS in bytes
            cost = evolve(
                cost,
                cpu_seconds=cost.cpu_seconds + usage.ru_utime + usage.ru_stime,
                peak_bytes=max(cost.peak_bytes, usage.ru_maxrss * unit),
                measured=cost.measured + 1,
            )
        evolve(cost, wall_seconds=cost.wall_seconds + time.monotonic() - self._began).write(self.run)
        return True

    @property
    def failed(self) -> bool:
        """Whether it ended with an error."""
        return bool(self._process.returncode)

    def signal(self, count: int) -> None:
        """Hands on each of `count` Ctrl-C, once."""
        while self._signals < count:
            self._signals += 1
            if self._process.returncode is None:
                self._process.send_signal(signal.SIGINT if os.name != "nt" else signal.SIGTERM)

    def complaint(self) -> str:
        """The last thing that it said."""
        lines = _beside(self.run, ".log").read_text(encoding="utf-8", errors="replace").splitlines()
        said = [line for line in lines if line.startswith("crosscade: ")] or lines or ["nothing was said"]
        return said[-1].removeprefix("crosscade: ")


def places(device: str, jobs: int | None, there: Sequence[str]) -> list[str]:
    """The device of each run that goes at a time: of several GPUs each has its own, and another device they share.

    `jobs` is how many go at most (None: one, or one a GPU); `there` are this machine's devices.
    """
    gpus = [name for name in there if name.startswith("cuda")]
    return gpus[:jobs] if device == "cuda" and len(gpus) > 1 else [device] * (jobs or 1)


def run_jobs(jobs: Sequence[Job], free: Sequence[str], report: Reporter, hint: str) -> dict[Path, str]:
    """Makes what is not made yet, one at a time on each of the `free` devices; returns why some could not, by folder.

    Raises InterruptedRunError after a Ctrl-C, once every process has saved and ended; its cure is `hint`.
    """
    waiting = [job for job in jobs if not job.done]
    running: list[Job] = []
    free = list(free)
    for name in [job.run.name for job in waiting if job.held]:
        report.say(f"{name}: waiting for the process that is at work on it already")
    failed: dict[Path, str] = {}
    shares = {job.run: job.share for job in jobs}
    with counted_interrupts() as interrupts, report.stage("training, % of each run", TICKS * len(jobs)) as bar:
        bar.done = bar.began_at = round(TICKS * sum(shares.values()))
        while running or (waiting and not interrupts):
            waiting = [job for job in waiting if job.held or not job.done]
            for job in [job for job in waiting if not job.held][: 0 if interrupts else len(free)]:
                waiting.remove(job)
                running.append(job)
                job.start(free.pop(0))
                report.say(f"{job.run.name}: training on {job.device}")
            time.sleep(POLL_SECONDS)
            for job in running:
                job.signal(len(interrupts))
            for job in [job for job in running if job.ended()]:
                running.remove(job)
                free.append(job.device)
                shares[job.run] = 1.0  # a failed one is not waited for either
                if not job.failed:
                    report.say(f"{job.run.name}: done in {Cost.read(job.run).wall_seconds / 60:.1f} minutes")
                elif not interrupts:
                    failed[job.run] = job.complaint()
                    report.warn(f"{job.run.name}: {failed[job.run]}")
            shares |= {job.run: job.share for job in [*running, *waiting]}
            bar.show(round(TICKS * sum(shares.values())), {})
    if interrupts:
        raise InterruptedRunError("stopped while training", cure=hint)
    return failed


def _beside(run: Path, suffix: str) -> Path:
    return run.with_name(run.name + suffix)


def _state(run: Path) -> Mapping[str, Any]:
    folder = RunFolder(run)
    return atomic.read_json(folder.state, "the state of a run") if folder.begun else {}
