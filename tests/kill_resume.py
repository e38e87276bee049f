"""Kills a training run with SIGKILL at random moments, resumes it each time in a fresh process, and compares bits.

    python tests/kill_resume.py --kills 20

A small recipe with every kind of stage (inversion with a critic that starts later, translation with WGAN-GP, with
AdaIN, refinement) is run once without a stop. The same is then run again and killed. A checkpoint is written after
every step. Every fifth kill comes a random time after the process began, the others a random time after it wrote its
first checkpoint; every second one then waits for a checkpoint's temporary file, to land inside a write. When all is
done, every stage's digest (weights, moving averages, moments, counters, as logged in events.jsonl) and the hash of
every file of the bundle must be the same.

Prints what it saw. Exit code 0 when all is equal and kills did land inside writes, else 1.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
POINTERS = ("checkpoint.json", "checkpoint-before.json")
STARTED = "started"
LIMIT_SECONDS = 600
SHARE = 1.2  # of the work is done by the processes that are killed in training, if none repeated any


def settings(steps: int) -> list[str]:
    """The tiny recipe with `steps` steps a stage and a checkpoint after every one."""
    parts = ("invert[0]", "translate[0]", "translate[1]", "refine")
    return ["training.checkpoint_seconds=1e-9", *(f"{part}.schedule.images={2 * steps}" for part in parts)]


def work(out: Path, steps: int, resume: bool) -> None:
    """What a process does that is going to be killed."""
    from tests.framework.tiny import tiny_run

    print(STARTED, flush=True)
    tiny_run(out, *settings(steps), resume=resume)


def start(out: Path, steps: int) -> subprocess.Popen[str]:
    """Begins the run, or goes on with it, in a process of its own; returns once its imports are done."""
    resume = (out / "run.json").exists()
    if not resume:
        shutil.rmtree(out, ignore_errors=True)
    words = [sys.executable, __file__, "--work", str(out), "--steps", str(steps), *(["--resume"] if resume else [])]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    if process.stdout.readline().strip() != STARTED:
        raise SystemExit(f"the process failed before it began: exit code {process.wait()}")
    return process


def parts(out: Path) -> list[str]:
    """Temporary files of checkpoint writes that are under way or were cut off."""
    return [p.name for p in out.glob(".checkpoint*.part")]


def saved(out: Path) -> int:
    """Changes with every checkpoint that is completed."""
    pointer = out / "checkpoint.json"
    try:
        return pointer.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def wait_and_kill(
    process: subprocess.Popen[str], out: Path, delay: float, *, training: bool = True, in_write: bool = False
) -> bool:
    """Kills after `delay` seconds of `training`, or of the process; False when it ended first.

    `in_write` waits on for the next checkpoint write.
    """
    now = time.monotonic()
    moment, limit, before = now if training else now + delay, now + LIMIT_SECONDS, saved(out)
    waiting = training
    while process.poll() is None and time.monotonic() < limit:
        if waiting and saved(out) not in (before, 0):
            waiting, moment = False, time.monotonic() + delay
        if not waiting and time.monotonic() >= moment and (not in_write or parts(out)):
            process.kill()
            return process.wait() < 0
        time.sleep(0.0002)
    if process.poll() is None:
        process.kill()
        raise SystemExit(f"no end after {LIMIT_SECONDS} s")
    if process.returncode:
        raise SystemExit(f"the process failed with exit code {process.returncode}")
    return False


def digests(run: Path) -> dict[str, str]:
    """Every stage's final state and every file of the bundles."""
    from crosscade.framework.support.events import Events

    made = {e["title"]: e["state_sha256"] for e in Events(run / "events.jsonl").read() if e["event"] == "stage"}
    for name in ("bundle", "without-refine"):
        files = json.loads((run / name / "bundle.json").read_text(encoding="utf-8"))["files"]
        made |= {f"{name}/{file}": found for file, found in files.items()}
    return made


def litter(run: Path) -> list[str]:
    """Files that a finished run has no use for."""
    left = [*run.rglob(".*.part"), *run.rglob(".*.part.npy"), *run.rglob("checkpoint*")]
    return sorted(str(p.relative_to(run)) for p in left)


def check(folder: Path, kills: int, steps: int, seed: int) -> bool:
    """The whole experiment; True when every bit is the same."""
    chance = random.Random(seed)
    process = start(folder / "whole", steps)
    began = time.monotonic()
    wait_and_kill(process, folder / "whole", LIMIT_SECONDS)
    seconds = time.monotonic() - began
    expected = digests(folder / "whole")
    print(f"uninterrupted: {seconds:.1f} s of work, {len(expected)} digests", flush=True)

    done, inside, between, equal, runs = 0, 0, 0, True, 0
    while done < kills:
        runs += 1
        run = folder / f"killed{runs}"
        while True:
            process = start(run, steps)
            if done == kills:  # let it end
                wait_and_kill(process, run, LIMIT_SECONDS)
                break
            training, in_write = done % 5 != 4, done % 2 == 1
            delay = chance.uniform(0, SHARE * seconds / kills if training else seconds / 4)
            if not wait_and_kill(process, run, delay, training=training, in_write=training and in_write):
                break
            done += 1
            cut, pointers = parts(run), [path for name in POINTERS if (path := run / name).exists()]
            kept = [json.loads(pointer.read_text(encoding="utf-8"))["file"] for pointer in pointers]
            named = kept[0] if kept else ""
            orphans = [p.name for p in run.glob("checkpoint-*.safetensors") if p.name not in kept]
            inside, between = inside + bool(cut), between + bool(orphans)
            where = f"inside the write of {cut[0]}" if cut else "between its two files" if orphans else "elsewhere"
            print(f"kill {done:2d}: {where}; resumes from {named or 'the start of a stage'}", flush=True)
        found = digests(run)
        wrong = sorted(k for k in expected.keys() | found.keys() if expected.get(k) != found.get(k))
        print(f"run {runs}: {len(expected) - len(wrong)} of {len(expected)} digests equal", *wrong, flush=True)
        left = litter(run)
        print("left behind: " + (", ".join(left) or "nothing"))
        equal = equal and not wrong and not left
    print(f"{done} kills, {inside} inside a checkpoint's file, {between} between its two files")
    return equal and inside + between > 0


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--steps", type=int, default=24, help="of each stage")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--resume", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.work:
        work(given.work, given.steps, given.resume)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        return 0 if check(Path(folder), given.kills, given.steps, given.seed) else 1


if __name__ == "__main__":
    sys.exit(main())
