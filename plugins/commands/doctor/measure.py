"""What the doctor says of the recipe on this machine: does it fit, and what disk, time and memory will it take?

Every stage takes a few real steps on the features of a few real images, in a folder that is removed afterwards.
"""

from __future__ import annotations

import shutil
import sys
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from attrs import evolve, frozen
from rich.filesize import decimal

from ....framework import Catalogue, Dataset, Domain, Image, ImageSet, Pair, Recipe, Reporter
from ....framework.features import prepare
from ....framework.features.health import check_features
from ....framework.features.normalise import participation_ratio
from ....framework.features.store import BATCH
from ....framework.features.training_data import TrainingData
from ....framework.setup import Setup
from ....framework.support import ranks
from ....framework.support.device import Compute, available
from ....framework.training.start import rehearse_from, starter
from ....framework.training.time_budget import TimeBudget
from .finding import OK, PROBLEM, WARNING, Line

TESTED = 4
CHECKED = 300
"""Rows of features that a run's checks hold at once."""
SPARE = 1.25
LONG_S = 24 * 3600


class _Few(ImageSet):
    """Some images of a set, evenly spread."""

    def __init__(self, images: ImageSet, count: int) -> None:
        self.name, self._images = images.name, images
        self._rows = np.unique(np.linspace(0, len(images) - 1, count).astype(int))

    def __len__(self) -> int:
        return len(self._rows)

    def load(self, index: int, short_side: int) -> Image:
        """One of them."""
        return self._images.load(int(self._rows[index]), short_side)


class _FewOf(Dataset):
    """Just enough images of a dataset for one batch of each process's encoder."""

    def __init__(self, dataset: Dataset, views: int) -> None:
        self.name, count = dataset.name, -(-BATCH * ranks.world() // views)
        self.domains = dataset.domains.map(lambda d: Domain(d.name, _Few(d.train, count), _Few(d.test, TESTED)))


@frozen
class Rehearsal:
    """Seconds of each part of a training, and the most memory that it took here, in bytes where that is known."""

    seconds: dict[str, float]
    peak: int | None
    arithmetic: str


def measure(
    recipe: Recipe, catalogue: Catalogue, dataset: Dataset, out: Path, report: Reporter, device: str = "auto"
) -> tuple[Recipe, list[Line]]:
    """The recipe with the size of its images, and the lines about it and this machine's `device`.

    Of several processes, which measure together, the first one's lines hold.
    """
    free = available_memory()
    if not recipe.image.size:
        recipe = evolve(recipe, image=evolve(recipe.image, size=dataset.preferred_size))
    lines: list[Line] = []
    try:
        setup, training = Setup.of(recipe, catalogue, Compute.as_it_is(device)), recipe.training
        lines.append(disk(*prepare.room(recipe, setup.encoder, dataset), out))
        rehearse_from(starter(recipe, catalogue), setup)
        compute = Compute.chosen(training.threads, training.precision, device, deterministic=training.deterministic)
        done = rehearsed(evolve(setup, compute=compute), dataset, out, report)
    except Exception as error:  # a component may raise anything, and that it does is what is to be told
        return recipe, [Line.of("recipe", error), *lines]
    fits = f"{recipe.encoder.use}, levels {', '.join(map(str, prepare.levels_of(recipe)))}, every stage took its steps"
    return recipe, [
        Line(OK, "recipe", fits),
        *lines,
        expected_time(done),
        *memory(done, free, compute.device),
        *idle(device),
    ]


def rehearsed(setup: Setup, dataset: Dataset, out: Path, report: Reporter) -> Rehearsal:
    """Encodes a few images and takes a few steps of every stage."""
    recipe, compute, size = setup.recipe, setup.compute, setup.recipe.image.size
    few = _FewOf(dataset, recipe.image.crops)
    with torch.no_grad(), compute.autocast():  # the first time takes longer
        setup.encoder(torch.zeros(BATCH, 3, size, size, device=compute.device), prepare.levels_of(recipe))
    processes = ranks.world()
    shared = existing(out) if processes > ranks.neighbours() else None  # a disk that all machines see
    with ExitStack() as stack:
        scratch = partial(TemporaryDirectory, prefix="crosscade-doctor-", dir=shared)
        folder = Path(ranks.on_first(lambda: stack.enter_context(scratch())))
        start = compute.clock()
        data, _ = prepare.training_data(setup, few, folder, _nobody)
        each = (compute.clock() - start) / prepare.total_steps(few, recipe)
        seconds = {"encode": each * prepare.total_steps(dataset, recipe)}
        budget = TimeBudget.measured(setup, data, report)
        for stage, spent in zip(recipe.trained, budget.seconds(recipe)):
            seconds[stage.kind] = seconds.get(stage.kind, 0.0) + spent
        _check(setup, data)
        ranks.wait()
    peak = peak_memory()
    return Rehearsal(
        seconds,
        peak and peak * ranks.neighbours(),
        f"{compute}{f', {processes} processes' if processes > 1 else ''}",
    )


def _nobody(_: int) -> None:
    pass


def _check(setup: Setup, data: TrainingData) -> None:
    """A run's checks of as many rows as it will check: what the widest level takes is part of the peak."""
    # values a row: channels over the stride squared, times what all levels share
    widest = max((setup.level(s.level) for s in setup.recipe.translate), key=lambda v: v.channels / v.stride**2)
    name = f"level{widest.number}"
    real: Pair[Any] = data.train.map(lambda store: store.features(name, np.arange(CHECKED) % len(store)))
    participation_ratio(real.a)
    check_features(real.a, real.b, name)


def disk(whole: int, peak: int, out: Path) -> Line:
    """What the stores take of the disk that `out` is or will be on."""
    folder = existing(out)
    free = shutil.disk_usage(folder).free
    found = f"stores of {decimal(whole)}, {decimal(peak)} while they are made; {decimal(free)} free in {folder}"
    cure = "Free some, give --out on another disk, or set fewer image.crops."
    if free < peak:
        return Line(PROBLEM, "disk", found, f"{decimal(peak)} free", cure)
    if free < SPARE * peak:
        return Line(WARNING, "disk", found, f"{decimal(int(SPARE * peak))}, with room for networks", cure)
    return Line(OK, "disk", found)


def existing(out: Path) -> Path:
    """The nearest folder above `out` that is there, or itself."""
    return next(folder for folder in (out.resolve(), *out.resolve().parents) if folder.is_dir())


def idle(device: str) -> list[Line]:
    """A line about GPUs that one process would leave idle."""
    gpus = sum(name.startswith("cuda") for name in available())
    if gpus < 2 or ranks.world() > 1 or device not in ("auto", "cuda"):
        return []
    command = f"torchrun --standalone --nproc-per-node {gpus} --no-python crosscade train …"
    return [Line(OK, "GPUs", f"one of {gpus}; this uses all: {command}")]


def expected_time(done: Rehearsal) -> Line:
    """How long the whole will take here."""
    total = sum(done.seconds.values())
    parts = ", ".join(f"{kind} {_clock(spent)}" for kind, spent in done.seconds.items())
    found = f"about {_clock(total)}: {parts} ({done.arithmetic})"
    if total > LONG_S:
        return Line(WARNING, "time", found, "a day at most", "crosscade train --minutes N takes about N minutes.")
    return Line(OK, "time", found)


def _clock(seconds: float) -> str:
    for unit, size in (("days", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {unit}" if seconds < 20 * size else f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def memory(done: Rehearsal, free: int | None, device: torch.device) -> list[Line]:
    """The most that the rehearsal took, of this machine's memory and of the GPU's where there is one."""
    cure = "Set a smaller image.size or schedule.batch."
    lines = [Line(OK, "memory", "not measured: this system does not tell")]
    if done.peak is not None and free is not None:
        found = f"{decimal(done.peak)} at most in the rehearsal, {decimal(free)} available"
        lines = [Line(OK, "memory", found)]
        if done.peak > free:
            lines = [Line(PROBLEM, "memory", found, "more memory than it takes", cure)]
    if device.type == "cuda":
        most, whole = torch.cuda.max_memory_allocated(device), torch.cuda.mem_get_info(device)[1]
        lines.append(Line(OK, "GPU memory", f"{decimal(most)} at most in the rehearsal, {decimal(whole)} in all"))
    return lines


def peak_memory() -> int | None:
    """The most bytes of memory that this process has held so far; None where the system does not tell."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def available_memory() -> int | None:
    """Bytes that a new process may take: what Linux calls available, and at most a container's limit; else None."""
    limits = []
    with suppress(OSError, StopIteration):
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        limits.append(1024 * int(next(v for v in lines if v.startswith("MemAvailable")).split()[1]))
    with suppress(OSError, ValueError):  # "max": no limit
        limits.append(int(Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii")))
    return min(limits, default=None)
