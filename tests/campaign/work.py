"""Commands that write, each cut off at a random moment and then done again: the end is the same, nothing is lost."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from attrs import frozen

from crosscade.framework.support.atomic import sha256

from .contain import Ended, contained
from .ledger import HELD, LOST, Outcome, judged
from .subjects import PIXELS, Workshop, call

KILL, SIGNALS = (signal.SIGKILL,), (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
WAIT_SECONDS = 60.0
"""For processes that a killed one has started and that have its folder."""


@frozen
class Job:
    """A command that writes below a folder, the same again after it was cut off, and what matters of what it wrote."""

    words: Callable[[Path], tuple[object, ...]]
    again: tuple[str, ...] = ()
    files: tuple[str, ...] = ("**/*.png",)
    whole: bool = False
    """Whether it refuses a folder in which it is done."""

    def result(self, out: Path) -> dict[str, str]:
        """Hashes of what it wrote."""
        paths = {path for pattern in self.files for path in out.glob(pattern) if path.is_file()}
        return {path.relative_to(out).as_posix(): _digest(path) for path in sorted(paths)}


def _digest(path: Path) -> str:
    if path.name == "manifest.json":  # which names the versions and what the parity measured in seconds
        return json.dumps(sorted(json.loads(path.read_text())["files"]))
    return sha256(path)


def jobs(workshop: Workshop) -> dict[str, Job]:
    """By command."""
    a, b = workshop.pictures / "a", workshop.pictures / "b"
    data, run, exported = ("--a", a, "--b", b), workshop.bundle.parent, workshop.export
    budget = ("--images", 12, "--out")
    return {
        "train": Job(lambda out: ("train", *PIXELS, *data, "--out", out), ("--resume",), ("bundle/**/*.safetensors",)),
        "translate": Job(lambda out: ("translate", run, a, b, "--out", out)),
        "run": Job(lambda out: ("run", exported, a, b, "--out", out, "--device", "cpu", "--threads", 1)),
        "data": Job(lambda out: ("data", "safari", "--set", "train=6", "--set", "test=4", "--size", 32, "--out", out),
                    whole=True),
        "evaluate": Job(lambda out: ("evaluate", run, *data, "--out", out), files=("*.md",)),
        "export": Job(lambda out: ("export", run, "--direction", "a2b", *data, "--out", out),
                      files=("*.onnx", "golden/*.png", "manifest.json"), whole=True),
        "compare": Job(lambda out: ("compare", "--methods", run / "recipe.json", *data, *budget, out), ("--resume",),
                       ("runs/*/bundle/**/*.safetensors",)),
    }  # fmt: skip


WEIGHTS = {"train": 8, "translate": 5, "run": 5, "data": 5, "evaluate": 3, "export": 2, "compare": 2}


class Cut:
    """The parts `kills`, `signals` and `disk`."""

    def __init__(self, workshop: Workshop, seed: int, part: str) -> None:
        self.workshop, self.seed, self.part, self.jobs = workshop, seed, part, jobs(workshop)
        self.sound: dict[str, tuple[dict[str, str], float]] = {}

    def attempt(self, number: int) -> Outcome:
        """A command, cut off as the number says, and done again until it is done."""
        chance = random.Random(f"{self.part} {self.seed} {number}")
        name = chance.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
        job, scratch = self.jobs[name], self.workshop.folder
        expected, seconds = self._sound(name)
        place = scratch / "place"
        shutil.rmtree(place, ignore_errors=True)
        out = place / "out"
        out.mkdir(parents=True)
        (place / "beside.txt").write_text("mine")
        if self.part == "disk":
            how, cut = self._full(chance, job, out)
        else:
            number_of, moment = chance.choice(KILL if self.part == "kills" else SIGNALS), chance.uniform(0, seconds)
            how = f"{signal.Signals(number_of).name} after {moment:.2f} s"
            cut = contained(lambda: call(*job.words(out)), scratch, memory=16 << 30,
                            meanwhile=lambda child: _send(child, number_of, moment))  # fmt: skip
        first, said = judged(cut, None, None, own=True)
        expected_end = cut.code in (-signal.SIGKILL, -signal.SIGHUP, -signal.SIGTERM, 130, 143, 0)
        if not expected_end and (self.part != "disk" or first not in (HELD, "refused clearly")):
            return Outcome(number, f"{self.part}: {name}", how, first, cut.seconds, said[:300])
        ended = self._again(job, out, started=(out / "run.json").exists() or name == "compare")
        done = job.result(out)
        refused = job.whole and "not empty" in ended.error  # it was done already
        outcome, said = judged(ended, done, expected, own=False) if not refused else (HELD, "")
        if (refused and done != expected) or (place / "beside.txt").read_text() != "mine":
            outcome = LOST
        if outcome == HELD and (left := _litter(place)):
            outcome, said = "refused badly", f"left behind: {', '.join(left)}"
        return Outcome(number, f"{self.part}: {name}", how, outcome, cut.seconds + ended.seconds, said[:300])

    def _sound(self, name: str) -> tuple[dict[str, str], float]:
        """What the command makes when nothing stops it, and the seconds of the clock that it takes."""
        if name not in self.sound:
            job, out, started = self.jobs[name], self.workshop.folder / "sound-work" / "out", time.monotonic()
            shutil.rmtree(out.parent, ignore_errors=True)
            out.parent.mkdir()
            ended = contained(lambda: call(*job.words(out)), self.workshop.folder, seconds=600, memory=16 << 30)
            if ended.code:
                raise SystemExit(f"{name}: {ended.error[-2000:]}")
            self.sound[name] = job.result(out), time.monotonic() - started
        return self.sound[name]

    def _again(self, job: Job, out: Path, *, started: bool) -> Ended:
        words, until = (*job.words(out), *(job.again if started else ())), time.monotonic() + WAIT_SECONDS
        while True:
            ended = contained(lambda: call(*words), self.workshop.folder, seconds=600, memory=16 << 30)
            if "another process at work" not in ended.error or time.monotonic() > until:
                return ended
            time.sleep(0.5)

    def _full(self, chance: random.Random, job: Job, out: Path) -> tuple[str, Ended]:
        """The command on a disk that has too little room, which is then given more."""
        room = int(4096 * chance.uniform(1, 40) ** 2)
        mount = ["mount", "-t", "tmpfs", "-o", f"size={room}", "none", str(out)]
        if subprocess.run(mount, capture_output=True).returncode:
            raise SystemExit("disk: no file system may be mounted here (it takes the rights of root)")
        kept = out.with_name("kept")
        try:
            ended = contained(lambda: call(*job.words(out)), self.workshop.folder, memory=16 << 30)
            shutil.copytree(out, kept, symlinks=True)
        finally:
            subprocess.run(["umount", "-l", str(out)], check=True)
        out.rmdir()
        kept.rename(out)
        return f"{room >> 10} KiB", ended


def _send(child: int, number: int, seconds: float) -> None:
    time.sleep(seconds)
    with contextlib.suppress(ProcessLookupError):
        os.kill(child, number)


def _litter(place: Path) -> list[str]:
    """Parts and old folders that nobody has use for."""
    found = [p for p in place.rglob(".*") if p.name.endswith((".part", ".old", ".part.npy"))]
    return sorted(p.relative_to(place).as_posix() for p in found)
