"""Training, from recipe to bundle: what the folder holds, what cannot work, the data once, then each stage."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from attrs import evolve

from ..catalogue.catalogue import Catalogue
from ..data.contents import summary
from ..data.dataset import Dataset
from ..features import prepare
from ..recipe.dataset import look_at
from ..recipe.recipe import Recipe
from ..runs.folder import KIND, RunFolder
from ..setup import Setup
from ..spec import Pair
from ..support import ranks
from ..support.events import Events
from ..support.folders import Held, check, paths_in, refuse_overlap
from ..support.progress import Reporter, Terminal
from .opening import HINT, begin, computing, opened, rehearse_watchers, same_everywhere, watchers
from .run import Run
from .start import rehearse_from


def train(
    recipe: Recipe | None,
    out: str | Path,
    *,
    catalogue: Catalogue | None = None,
    dataset: Dataset | None = None,
    resume: bool = False,
    force: bool = False,
    minutes: float | None = None,
    report: Reporter | None = None,
    command: str = "",
    device: str = "auto",
    start: str | Path = "",
    watch: Sequence[str] = (),
    inputs: Sequence[Path] = (),
) -> Path:
    """Trains `recipe` (None: the one that is resumed) into folder `out` and returns the bundle's folder.

    `minutes` scales every stage's images so that training takes about that long on this machine (measured first).
    `resume` goes on with the run in `out`, bit for bit as if it had not stopped, or begins where there is none yet;
    `force` clears the folder, if all in it is a run's and neither the images nor one of `inputs` are there. A finished
    run that is resumed with more minutes than it had learns on: its last stage, for the rest of them. `start` is a
    bundle or a finished run whose networks (and critics, of a run) the new ones begin with, as far as they fit: `taken`
    in `run.json` says which do. `device` is what `support.device.device_of` takes; `auto` is a resumed run's own.
    Processes that torchrun has started train together: see `support.ranks`.
    `watch` names what follows the training.
    """
    with ranks.together(device), ExitStack() as stack:
        folder, catalogue = RunFolder(out), catalogue or Catalogue.discover()
        if watch:
            ranks.on_first(partial(rehearse_watchers, watch, catalogue))
        held = Held(folder.path, partial(check, folder.path, KIND, force=force, resume=resume, hint=HINT))
        ranks.on_first(lambda: bool(stack.enter_context(held)))  # before it is read: it may be another's
        report = (report or Reporter()) if ranks.first() else Reporter(stack.enter_context(_silent()))
        resume = ranks.on_first(lambda: resume and not folder.new)
        asked = partial(opened, folder, catalogue, recipe, minutes, command, str(start), resume=resume)
        state, recipe = ranks.on_first(asked)
        compute = computing(state, recipe.training, device)
        build = partial(catalogue.build, "dataset", recipe.data)
        known = dataset is None and resume and state.ready and bool(state.domains)
        if known and ranks.on_first(partial(prepare.whole, folder.store)):
            dataset = prepare.Kept(recipe, Pair(**state.domains), folder.store, build)
        named = None if dataset else recipe.data
        dataset = dataset or build()
        for line in summary(dataset.set_aside):
            report.warn(line)
        if not recipe.image.size:
            recipe = evolve(recipe, image=evolve(recipe.image, size=dataset.preferred_size))
        setup = Setup.of(recipe, catalogue, compute)
        if not resume:
            refuse_overlap(folder.path, dataset.sources)
            # whatever cannot work is refused before the folder is cleared and before hours are spent
            look_at(dataset, named, catalogue, recipe.image.short_side)
            state.domains = dict(zip("ab", dataset.domains.map(lambda d: d.name)))
            state.white = dataset.white
            state.taken = rehearse_from(state.start, setup)
            read = [*dataset.sources, *inputs, *paths_in([state.asked, state.start])]
            ranks.on_first(partial(held.begin, partial(begin, state, recipe), read))
        same_everywhere(setup, dataset, folder)
        with report.stage("prepare", prepare.total_steps(dataset, recipe)) as bar:
            share = lambda done: bar.advance(done * ranks.world())  # noqa: E731 (the others do as much meanwhile)
            data, warnings = prepare.training_data(setup, dataset, folder.store, share)
        following = watchers(watch, folder.path, catalogue) if ranks.first() else ()
        events = stack.enter_context(Events(folder.events, following, report.warn).open())
        run = Run(folder, state, setup, data, report, events)
        for line in state.taken if not resume else ():
            report.say(line)
        run.refuse_other_data()
        if not state.ready:
            run.settle(warnings)
        else:
            for line in warnings:
                report.warn(line)
        networks, unrefined = run.train_stages()
        run.refuse_collapse(networks)
        ranks.on_first(lambda: run.write_bundles(networks, unrefined, dataset))
        for line in state.warnings:
            report.warn(line)
        return folder.bundle


@contextmanager
def _silent() -> Iterator[Terminal]:
    with open(os.devnull, "w", encoding="utf-8") as nothing:
        yield Terminal(file=nothing)
