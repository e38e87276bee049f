"""How a run begins or goes on: in which folder, with what it computes, and alike in all its processes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from attrs import frozen

from ..bundle import bundle
from ..catalogue.catalogue import Catalogue
from ..data.dataset import Dataset
from ..errors import InputError
from ..recipe.read import named
from ..recipe.recipe import Component, Recipe, Training
from ..recipe.resolve import component
from ..runs.folder import RunFolder
from ..runs.resume import resumed
from ..runs.state import RunState
from ..setup import Setup
from ..support import atomic, ranks
from ..support.device import Compute
from ..support.events import Watcher
from .start import starter

HINT = "Use --resume to go on with the run in it, or --force to clear it."


def opened(
    folder: RunFolder,
    catalogue: Catalogue,
    recipe: Recipe | None,
    minutes: float | None,
    command: str,
    start: str,
    *,
    resume: bool,
) -> tuple[RunState, Recipe]:
    """The state and the recipe of a run that goes on, or of one that can begin: nothing is changed yet."""
    if resume:
        state, kept = resumed(folder, catalogue, recipe, minutes, command, start)
        known = state.files is not None
        for path in [folder.recipe, *sorted(folder.stages.glob("*.safetensors"))]:
            again = (
                "more minutes then begin with new critics" if ".critics." in path.name else "its stage is made again"
            )
            if known:
                state.check(folder, path, f"It was changed since. Put back what it was, or delete it: {again}.")
            elif state.ready or state.spent:
                state.vouch(folder, path)  # of a run that kept no hashes: it is taken as it is
        return state, kept
    if recipe is None:
        raise InputError("recipe", found="none", expected=f"one, because {folder.path} has no run to go on with yet")
    return RunState.new(recipe, minutes, command, start or starter(recipe, catalogue)), recipe


def begin(state: RunState, recipe: Recipe, path: Path) -> None:
    """Writes into a run's folder what says that it was begun."""
    folder = RunFolder(path)
    state.write(folder)  # first: what is there without it has not been begun
    atomic.write_json(folder.recipe, recipe.plain())


def same_everywhere(setup: Setup, dataset: Dataset, folder: RunFolder) -> None:
    """InputError when the processes do not have the same software, weights or images, or not one folder."""
    if ranks.world() == 1:
        return
    images = dataset.domains.map(lambda d: {"train": len(d.train), "test": len(d.test)})
    versions = {"torch": torch.__version__, **bundle.versions(setup.recipe, setup.catalogue)}
    written = atomic.sha256(folder.recipe)[:12] if folder.recipe.exists() else "no such file"
    for what, value, cure in (
        ("versions", versions, "Install the same everywhere."),
        ("encoder's weights", bundle.weights_hash(setup.encoder)[:12], "Install the same weights everywhere."),
        ("images", f"{images.a} and {images.b}", "Give a folder that every machine sees."),
        (f"{folder.recipe}", written, "Give --out on a disk that all machines share."),
    ):
        ranks.agree(what, value, cure)


def computing(state: RunState, training: Training, device: str) -> Compute:
    """What the run computes with: what it began with, because other arithmetic and threads give other bits.

    Another `device` may be asked for. Raises InputError for one that is not there.
    """
    wanted = state.device if device == "auto" and state.device else device
    threads, precision = state.threads or training.threads, state.precision or training.precision
    try:
        compute = Compute.chosen(threads, precision, wanted, deterministic=training.deterministic)
    except InputError as error:
        cure = f"The run began on {state.device}: with --device it goes on elsewhere, the same but for rounding."
        raise error.at(error.where, cure if wanted != device else error.cure) from None
    state.threads, state.precision, state.tf32 = compute.threads, compute.precision, compute.tf32
    state.device, state.gpu, state.processes = compute.device.type, compute.gpu, ranks.world()
    return compute


def watchers(names: Iterable[str], run: Path, catalogue: Catalogue) -> list[Watcher]:
    """Those that `NAME` or `NAME:key=value,…` name, for the run in that folder. InputError for what there is not."""
    uses = [
        component({"use": name, **options}, "watcher", f"--watch {name}", catalogue)
        for text in names
        for name, options in named(text)
    ]
    made = list[Watcher]()
    with ExitStack() as built:
        for use in uses:
            made.append(_Named(catalogue.build("watcher", use, run=run), use, catalogue))
            built.callback(made[-1].close)
        built.pop_all()  # none failed
    return made


def rehearse_watchers(names: Iterable[str], catalogue: Catalogue) -> None:
    """InputError for one that cannot be built: before a run's folder is touched, in one that is thrown away."""
    with TemporaryDirectory(prefix="crosscade-") as folder:
        for watcher in watchers(names, Path(folder), catalogue):
            watcher.close()


@frozen
class _Named(Watcher):
    """A watcher whose failures name it."""

    watcher: Watcher
    use: Component
    catalogue: Catalogue

    def event(self, event: Mapping[str, Any]) -> None:
        with self.catalogue.calling("watcher", self.use, f"`event` of a {event['event']}"):
            self.watcher.event(event)

    def close(self) -> None:
        with self.catalogue.calling("watcher", self.use, "`close`"):
            self.watcher.close()
