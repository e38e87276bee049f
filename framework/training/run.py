"""A training run, from recipe to bundle: prepare the data once, train each stage, write the bundle. Resumable."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
from attrs import asdict, define, evolve
from numpy.typing import NDArray

from ..bundle import bundle
from ..bundle.networks import Networks
from ..catalogue import Catalogue
from ..data.dataset import Dataset
from ..errors import InputError, RunError
from ..features import prepare
from ..features.training_data import TrainingData
from ..recipe.recipe import Recipe
from ..spec import DIRECTIONS
from ..support import atomic, tensor_files
from ..support.device import Compute
from ..support.interrupts import counted_interrupts
from ..support.progress import Reporter
from . import checkpoint
from .after_stage import check_final, check_inverters, check_translations, translate_stores
from .loop import TrainState, train_stage
from .run_state import RunFolder, RunState, resumed
from .samples import Sampler
from .setup import Setup
from .stages import Stage, build_stage, rehearse
from .time_budget import TimeBudget
from .watcher import RunWatcher

HINT = "Use --resume to go on with the run in it, or --force to clear it."


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
) -> Path:
    """Trains `recipe` (None: the one that is resumed) into folder `out` and returns the bundle's folder.

    `minutes` scales every stage's images so that training takes about that long on this machine (measured first).
    `resume` goes on with the run in `out`, bit for bit as if it had not stopped; `force` clears the folder.
    """
    folder, catalogue, report = RunFolder(out), catalogue or Catalogue.discover(), report or Reporter()
    if resume:
        state, recipe = resumed(folder, catalogue, recipe, minutes)
    elif recipe is None:
        raise InputError("recipe", found="none", expected="one, or a run to resume")
    else:
        state = RunState.new(recipe, minutes, command)
        if not force:
            atomic.empty_folder(folder.path, force=False, hint=HINT)
    # a run keeps the arithmetic and the threads it began with: others would give other bits
    compute = Compute.chosen(state.threads or recipe.training.threads, state.precision or recipe.training.precision)
    state.threads, state.precision = compute.threads, compute.precision

    dataset = dataset or catalogue.build("dataset", recipe.data)
    for line in dataset.set_aside:
        report.warn(line)
    if not recipe.image.size:
        recipe = evolve(recipe, image=evolve(recipe.image, size=dataset.preferred_size))
    setup = Setup.of(recipe, catalogue, compute)
    if not resume:
        # whatever cannot work is refused before the folder is cleared and before hours are spent
        rehearse(setup)
        atomic.empty_folder(folder.path, force=force, hint=HINT, keep=dataset.sources)
        atomic.write_json(folder.recipe, recipe.plain())
        state.write(folder)
    with atomic.alone(folder.path):
        with report.stage("prepare", prepare.total_steps(dataset, recipe)) as bar:
            data, warnings = prepare.training_data(recipe, dataset, setup.encoder, compute, folder.store, bar.advance)
        run = Run(folder, state, setup, data, report)
        run.refuse_other_data()
        if not state.ready:
            run.settle(warnings)
        networks, unrefined = run.train_stages()
        run.refuse_collapse(networks)
        run.write_bundles(networks, unrefined, dataset)
        state.done = True
        state.write(folder)
    for line in state.warnings:
        report.warn(line)
    return folder.bundle


@define
class Run:
    """A run at work."""

    folder: RunFolder
    state: RunState
    setup: Setup
    data: TrainingData
    report: Reporter

    def refuse_other_data(self) -> None:
        """Remembers the training images' hashes; InputError when a resumed run began with others."""
        content = {side: store.content for side, store in zip("ab", self.data.train)}
        if self.state.data and self.state.data != content:
            raise InputError(
                "the training images",
                found="other images than this run began with",
                expected="the same data",
                cure="Give the same data, or begin a new run.",
            )
        self.state.data = content

    def settle(self, warnings: list[str]) -> None:
        """Fixes the recipe, with as many images as fit into the minutes asked for, if any were."""
        state = self.state
        if state.minutes:
            budget = TimeBudget.measured(self.setup, self.data, self.report, state.minutes)
            self.setup = evolve(self.setup, recipe=budget.scaled_to(self.setup.recipe, state.minutes))
            state.seconds = budget.seconds(self.setup.recipe)
            self.report.say(f"training will take about {state.minutes:g} minutes here ({self.setup.compute})")
        state.ready = True
        state.warn(*warnings)
        atomic.write_json(self.folder.recipe, self.setup.recipe.plain())
        state.write(self.folder)

    def train_stages(self) -> tuple[Networks, Networks]:
        """Trains what is not trained yet, in order; the networks, and those before refinement."""
        recipe, finished, unrefined = self.setup.recipe, Networks(), Networks()
        with self.report.run([stage.schedule.steps for stage in recipe.trained], self.state.seconds):
            for index, kind in enumerate(stage.kind for stage in recipe.trained):
                stage = build_stage(self.setup, index, finished)
                self.train_stage(stage, finished)
                unrefined = finished if kind == "refine" else finished.with_stage(stage.networks)
                finished = finished.with_stage(stage.networks, refined=kind == "refine")
        checkpoint.clear(self.folder.path)  # a kill just after the last stage's weights were written leaves one
        return finished, unrefined

    def train_stage(self, stage: Stage, finished: Networks) -> None:
        """Trains a stage unless it is trained; its networks then hold what is kept, and are looked at."""
        weights, modules = self.folder.weights(stage.name), stage.networks.modules
        if weights.exists():
            self.report.skip(stage.index, stage.schedule.steps)
        else:
            self._calibrate(stage)
            if stage.learns:
                self._learn(stage, finished)
            else:
                tensor_files.write(weights, modules.state_dict())
                self.report.skip(stage.index, stage.schedule.steps)
        modules.load_state_dict(tensor_files.read(weights))
        modules.eval()
        if stage.kind == "translate":
            translate_stores(stage, self.setup, self.data)
            self._look(stage)
        if stage.kind == "invert":
            self.state.warn(*check_inverters(stage, self.setup, self.data))

    def _calibrate(self, stage: Stage) -> None:
        """Shows real features to translators that want some, evenly spread over each domain's."""
        for pair in stage.networks.translators.values():
            if pair.examples:
                rows = self.data.sizes.map(partial(_spread, pair.examples))
                pair.calibrate(self.data.features(stage.level, rows))

    def _learn(self, stage: Stage, finished: Networks) -> None:
        state, folder, training = TrainState.of(stage), self.folder, self.setup.recipe.training
        saved = checkpoint.load(folder.path)
        if saved and saved[1]["stage"] == stage.index:
            state.restore(*saved)
        folder.events.rewind(stage.index, state.step)
        sampler = Sampler(self.setup, self.data, finished, folder.samples)
        with (
            self.report.training(stage.index, stage.title, stage.schedule.steps, state.step) as bar,
            counted_interrupts(patience=1) as interrupts,
        ):
            watcher = RunWatcher(folder.path, folder.events, bar, training, sampler, interrupts)
            train_stage(state, self.data, training.seed, self.setup.compute.autocast, watcher)
        tensor_files.write(folder.weights(stage.name), state.average.modules.state_dict())
        checkpoint.clear(folder.path)

    def _look(self, stage: Stage) -> None:
        """Keeps a translated level's health."""
        if any(health.level == stage.level for health in self.state.health):
            return
        for health in check_translations(stage, self.data):
            self.folder.events.add("health", stage=stage.index, step=stage.schedule.steps, **asdict(health))
            self.state.health.append(health)
            self.state.warn(*health.warnings)
        self.state.write(self.folder)

    def refuse_collapse(self, networks: Networks) -> None:
        """RunError when there is nothing worth a bundle."""
        collapsed = [str(health) for health in self.state.health if health.collapsed]
        for direction in DIRECTIONS:
            cascade = networks.cascade(direction, self.setup.encoder, self.data.normalise)
            warnings, gone = check_final(cascade, direction.source(self.data.test), direction)
            self.state.warn(*warnings)
            collapsed += warnings if gone else []
        if collapsed and not self.setup.recipe.training.ship_collapsed:
            raise RunError(
                f"the translation collapsed ({'; '.join(collapsed)})",
                found="nothing worth a bundle",
                cure=f"Look at {self.folder.samples}; train longer or change the losses' weights, in a new run "
                "(training.ship_collapsed=true makes a bundle all the same).",
            )

    def write_bundles(self, networks: Networks, unrefined: Networks, dataset: Dataset) -> None:
        """The bundle and, where there is a refinement, the one without it to compare with."""
        state, setup, domains = self.state, self.setup, dataset.domains.map(lambda d: d.name)
        facts = {key: getattr(state, key) for key in ("command", "precision", "threads", "data", "warnings")}
        parts = (setup.recipe, setup.catalogue, domains, setup.encoder, self.data.normalise)
        if setup.recipe.refine:
            bundle.write(self.folder.without_refine, *parts, unrefined, facts)
        bundle.write(self.folder.bundle, *parts, networks, facts)


def _spread(count: int, size: int) -> NDArray[np.int64]:
    return np.linspace(0, size - 1, count).round().astype(np.int64)
