"""Runs of `crosscade train`, each a process of its own, so that its processor time and memory can be measured.

A Ctrl-C is handed to the processes once: they save and end, and the same command with `--resume` goes on.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from attrs import asdict, define, evolve, frozen

from ...framework import Reporter
from ...framework.support import atomic
from ...framework.training.events import Events
from ...framework.training.run_state import RunFolder
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


@frozen
class Training:
    """A run to make: its folder and the words after `crosscade train`."""

    run: Path
    words: tuple[str, ...]

    @property
    def done(self) -> bool:
        """Whether there is a bundle."""
        return bool(_state(self.run).get("done"))

    @property
    def share(self) -> float:
        """The finished share of its training, from 0 to 1, by expected seconds where they are known."""
        state = _state(self.run)
        if not state.get("ready"):
            return 0.0
        if state.get("done"):
            return 1.0
        recipe = atomic.read_json(self.run / "recipe.json", "a resolved recipe")
        stages = [*recipe["inversions"], *recipe["stages"], *([recipe["refine"]] if recipe.get("refine") else [])]
        images = [stage["schedule"]["images"] if stage["losses"] else 0 for stage in stages]
        weights = state.get("seconds") or images
        seen = {e["stage"]: e["images"] for e in Events(self.run / "events.jsonl").read() if e["event"] == "step"}
        finished = sum(w * min(1.0, seen.get(n, 0) / max(1, images[n])) for n, w in enumerate(weights))
        return float(finished / sum(weights)) if sum(weights) else 0.0


@define
class Process:
    """A training at work."""

    training: Training
    popen: subprocess.Popen[bytes]
    log: BinaryIO
    began: float
    told: int = 0

    @classmethod
    def start(cls, training: Training) -> Process:
        """Begins it, or goes on with it. Its own session, so that a terminal's Ctrl-C does not reach it twice."""
        run = training.run
        run.parent.mkdir(parents=True, exist_ok=True)
        cost = Cost.read(run)
        evolve(cost, begun=cost.begun + 1).write(run)
        again = "--resume" if RunFolder(run).begun else "--force"
        log = _beside(run, ".log").open("ab")
        command = [*TRAIN, *training.words, "--out", str(run), again]
        popen = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=log, start_new_session=True)
        return cls(training, popen, log, time.monotonic())

    def ended(self) -> bool:
        """Whether it has; what it took is added to the run's cost."""
        usage: Any = None
        if hasattr(os, "wait4"):
            pid, status, usage = os.wait4(self.popen.pid, os.WNOHANG)
            if not pid:
                return False
            self.popen.returncode = os.waitstatus_to_exitcode(status)
        elif self.popen.poll() is None:
            return False
        self.log.close()
        cost = Cost.read(self.training.run)
        if usage is not None:
            unit = 1 if sys.platform == "darwin" else 1024  # Linux counts in KiB, macOS in bytes
            cost = evolve(
                cost,
                cpu_seconds=cost.cpu_seconds + usage.ru_utime + usage.ru_stime,
                peak_bytes=max(cost.peak_bytes, usage.ru_maxrss * unit),
                measured=cost.measured + 1,
            )
        evolve(cost, wall_seconds=cost.wall_seconds + time.monotonic() - self.began).write(self.training.run)
        return True

    def tell(self, signals: int) -> None:
        """Hands on each Ctrl-C that came, once."""
        while self.told < signals:
            self.told += 1
            if self.popen.returncode is None:
                self.popen.send_signal(signal.SIGINT if os.name != "nt" else signal.SIGTERM)

    def complaint(self) -> str:
        """The last thing that it said."""
        lines = _beside(self.training.run, ".log").read_text(encoding="utf-8", errors="replace").splitlines()
        said = [line for line in lines if line.startswith("crosscade: ")] or lines or ["nothing was said"]
        return said[-1].removeprefix("crosscade: ")


class _Signals:
    """Counts Ctrl-C and SIGTERM while it is open."""

    def __init__(self) -> None:
        self.count = 0

    @contextmanager
    def counted(self) -> Iterator[None]:
        before: dict[int, Any] = {}
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                before[number] = signal.signal(number, self._count)
        try:
            yield
        finally:
            for known, handler in before.items():
                signal.signal(known, handler)

    def _count(self, *_: object) -> None:
        self.count += 1


def run_all(trainings: Sequence[Training], jobs: int, report: Reporter, hint: str) -> dict[Path, str]:
    """Makes what is not made yet, at most `jobs` at a time; returns why some could not be, by their folder.

    Raises InterruptedRunError after a Ctrl-C, once every process has saved and ended; its cure is `hint`.
    """
    waiting = [t for t in trainings if not t.done]
    running: list[Process] = []
    failed: dict[Path, str] = {}
    signals = _Signals()
    shares = {t.run: t.share for t in trainings}
    with signals.counted(), report.stage("training, % of each run", TICKS * len(trainings)) as bar:
        bar.done = bar.began_at = round(TICKS * sum(shares.values()))
        while running or (waiting and not signals.count):
            while waiting and len(running) < jobs and not signals.count:
                running.append(Process.start(waiting.pop(0)))
                report.say(f"{running[-1].training.run.name}: training")
            time.sleep(POLL_SECONDS)
            for process in running:
                process.tell(signals.count)
            for process in [p for p in running if p.ended()]:
                running.remove(process)
                run = process.training.run
                shares[run] = 1.0  # a failed one is not waited for either
                if process.popen.returncode and not signals.count:
                    failed[run] = process.complaint()
                    report.warn(f"{run.name}: {failed[run]}")
                elif not process.popen.returncode:
                    report.say(f"{run.name}: done in {Cost.read(run).wall_seconds / 60:.1f} minutes")
            shares |= {p.training.run: p.training.share for p in running}
            bar.show(round(TICKS * sum(shares.values())), {})
    if signals.count:
        raise InterruptedRunError("stopped while training", cure=hint)
    return failed


def _beside(run: Path, suffix: str) -> Path:
    return run.with_name(run.name + suffix)


def _state(run: Path) -> Mapping[str, Any]:
    file = run / "run.json"
    return atomic.read_json(file, "the state of a run") if file.exists() else {}
