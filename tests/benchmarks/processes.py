"""Is a training by two processes quicker than by one? Steps of a recipe's stages, timed in turn on this machine.

`python -m tests.benchmarks.processes [--recipe demo] [--batches 0.5 1 4]` prints a table. Cores must be idle.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from attrs import evolve

from crosscade.framework import Catalogue, read, resolve
from crosscade.framework.features import prepare
from crosscade.framework.features.training_data import Untranslated
from crosscade.framework.runs.state import machine
from crosscade.framework.setup import Setup
from crosscade.framework.support import ranks
from crosscade.framework.support.device import CPU, Compute
from crosscade.framework.training.loop import TrainState, train_step
from crosscade.framework.training.stages import build_stage

WAYS = {"1 process, 1 thread": (1, 1), "1 process, 2 threads": (1, 2), "2 processes, 1 thread each": (2, 1)}
IMAGES = ("data.train=24", "data.test=8")
WARM_UP = 2


def seconds(recipe, times, steps, threads, folder):
    """Seconds that the whole training would take with `times` the batch, by its stages' steps."""
    torch.set_num_threads(threads)
    catalogue = Catalogue.discover()
    recipe = resolve(read(recipe, catalogue, settings=IMAGES), catalogue)
    with ranks.together():
        dataset = catalogue.build("dataset", recipe.data)
        if not recipe.image.size:
            recipe = evolve(recipe, image=evolve(recipe.image, size=dataset.preferred_size))
        setup = Setup.of(recipe, catalogue, Compute.chosen(threads, "auto"))
        data, _ = prepare.training_data(setup, dataset, folder, lambda _: None)
        data, whole = Untranslated(data.train, data.test, data.normalise, CPU), 0.0
        for index, trained in enumerate(recipe.trained):
            stage = build_stage(setup, index)
            if not stage.learns:
                continue
            count = trained.schedule.steps
            stage.schedule = evolve(stage.schedule, batch=round(times * stage.schedule.batch))
            state = TrainState.of(stage)
            state.step = stage.schedule.steps // 2
            for step in range(WARM_UP + steps):
                if step == WARM_UP:
                    ranks.wait()
                    start = time.perf_counter()
                train_step(state, data, 0, setup.compute.autocast)
            ranks.wait()
            whole += count * (time.perf_counter() - start) / steps
        return whole


def timed(way, recipe, times, steps):
    """The same in processes of its own."""
    world, threads = WAYS[way]
    with TemporaryDirectory() as folder:
        one = [
            sys.executable,
            "-m",
            __spec__.name,
            "--one",
            json.dumps([recipe, times, steps, threads, f"{folder}/store"]),
        ]
        launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={world}"]
        command = [*launch, *one[1:]] if world > 1 else one
        env = os.environ | {"OMP_NUM_THREADS": str(threads)}
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=True, timeout=1800)
    return float(done.stdout.split()[-1])


def main():
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipe", default="demo")
    parser.add_argument("--batches", type=float, nargs="+", default=[1, 4], help="times the recipe's batch")
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--one", type=json.loads, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        *facts, folder = arguments.one
        spent = seconds(*facts, Path(folder))
        if ranks.local() == 0:
            print(spent)
        return
    print(f"{machine()}; torch {torch.__version__}\n")
    print("| recipe | batch |", " | ".join(WAYS), "|")
    print("|---|---|" + "---|" * len(WAYS))
    for times in arguments.batches:
        spent = [timed(way, arguments.recipe, times, arguments.steps) for way in WAYS]
        row = [f"{spent[0] / s:.2f} times as fast" if s != spent[0] else f"{s / 60:.1f} min" for s in spent]
        print(f"| {arguments.recipe} | {times:g} x the recipe's |", " | ".join(row), "|", flush=True)


if __name__ == "__main__":
    main()
