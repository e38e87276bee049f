"""A run at work: its budget, its stages one after the other, what each has learnt, and the bundle. Resumable."""

from __future__ import annotations

from functools import partial

import numpy as np
import torch
from attrs import asdict, define, evolve
from numpy.typing import NDArray
from torch import nn

from ..bundle import bundle
from ..bundle.networks import Networks
from ..data.dataset import Dataset
from ..errors import InputError, RunError
from ..features.training_data import TrainingData
from ..runs.folder import RunFolder
from ..runs.state import RunState
from ..setup import Setup
from ..spec import DIRECTIONS
from ..support import atomic, ranks, tensor_files
from ..support.events import Events
from ..support.interrupts import counted_interrupts
from ..support.progress import Reporter
from . import checkpoint
from .after_stage import check_final, check_inverters, check_translations, translate_stores
from .loop import TrainState, train_stage
from .samples import Sampler
from .stages import Stage, build_stage
from .start import begin_with, keep_for_itself, not_given, take_over
from .time_budget import TimeBudget
from .watcher import RunWatcher


@define
class Run:
    """A run at work."""

    folder: RunFolder
    state: RunState
    setup: Setup
    data: TrainingData
    report: Reporter
    events: Events

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
        state, recipe = self.state, self.setup.recipe
        last = recipe.learning[-1] if state.spent else None
        if last:
            self._forget(build_stage(self.setup, recipe.trained.index(last)))
        elif state.start:
            ranks.on_first(partial(take_over, self.setup, self.folder, self.state))
        if state.minutes:
            minutes = state.minutes - state.spent
            budget = TimeBudget.measured(self.setup, self.data, self.report, minutes, last)
            self.setup = evolve(self.setup, recipe=budget.scaled_to(recipe, minutes, last))
            state.seconds = budget.seconds(self.setup.recipe)
            self.report.say(f"training will take about {minutes:g} minutes here ({self.setup.compute})")
        state.ready = True
        state.warn(*warnings)
        if ranks.first():
            atomic.write_json(self.folder.recipe, self.setup.recipe.longer(state.before).plain())
            state.vouch(self.folder, self.folder.recipe)
            state.write(self.folder)

    def _starts(self) -> bool:
        """Whether stages begin with something; InputError when that was changed, or is gone."""
        state, folder = self.state, self.folder
        state.check(folder, folder.start, "It was changed since: begin a new run.")
        if not folder.start.exists() and folder.name_of(folder.start) in (state.files or {}):
            cure = "Put it back, or begin a new run."
            raise InputError(str(folder.start), found="no such file", expected="what its stages begin with", cure=cure)
        return folder.start.exists()

    def _forget(self, stage: Stage) -> None:
        """Makes a trained stage one that is not, and that begins with what it had learnt."""
        ranks.on_first(partial(keep_for_itself, stage, self.folder, self.state))
        if stage.kind == "translate":
            self.state.health = [health for health in self.state.health if health.level != stage.level]
            translated = f"translated{stage.level}"
            for store in (*self.data.train, *self.data.test):
                if ranks.on_first(partial(store.has, translated)):
                    store.drop(translated)

    def train_stages(self) -> tuple[Networks, Networks]:
        """Trains what is not trained yet, in order; the networks, and those before refinement."""
        recipe, finished, unrefined = self.setup.recipe, Networks(), Networks()
        with self.report.run([stage.schedule.steps for stage in recipe.trained], self.state.seconds):
            for index, kind in enumerate(stage.kind for stage in recipe.trained):
                stage = build_stage(self.setup, index, finished)
                stage.before = self.state.before if recipe.trained[index] in recipe.learning[-1:] else 0
                self.train_stage(stage, finished)
                unrefined = finished if kind == "refine" else finished.with_stage(stage.networks)
                finished = finished.with_stage(stage.networks, refined=kind == "refine")
        if ranks.first():
            checkpoint.clear(self.folder.path)  # a kill just after the last stage's weights were written leaves one
        return finished, unrefined

    def train_stage(self, stage: Stage, finished: Networks) -> None:
        """Trains a stage unless it is trained; its networks then hold what is kept, and are looked at."""
        weights, modules = self.folder.weights(stage.name), stage.networks.modules
        if ranks.on_first(partial(self.state.vouches, self.folder, weights)):
            self.report.skip(stage.index, stage.schedule.steps)
        else:
            start = tensor_files.read(self.folder.start) if ranks.on_first(self._starts) else {}
            if not begin_with(stage, start) and stage.given:
                raise not_given(stage)
            self._calibrate(stage)
            if stage.learns:
                self._learn(stage, finished)
            else:
                ranks.on_first(lambda: self._keep(stage, modules))
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
        saved = ranks.on_first(partial(checkpoint.newest, folder.path, self.report.warn))
        if saved and saved["stage"] == stage.index:
            state.restore(tensor_files.read(folder.path / saved["file"]), saved)
        if ranks.first():
            self.events.rewind(stage.index, stage.before + state.step)
        sampler = Sampler(self.setup, self.data, finished, folder.samples)
        # torchrun hands a Ctrl-C on that the terminal has given to all already
        patience = 1 if ranks.world() == 1 else None
        with (
            self.report.training(stage.index, stage.title, stage.schedule.steps, state.step) as bar,
            counted_interrupts(patience) as interrupts,
        ):
            watcher = RunWatcher(folder.path, self.events, bar, training, sampler, interrupts)
            try:
                train_stage(state, self.data, training.seed, self.setup.compute.autocast, watcher)
            except torch.OutOfMemoryError as error:
                raise RunError(
                    f"{stage.title}, step {state.step}: {self.setup.compute.device}",
                    found=f"not enough memory ({str(error).splitlines()[0]:.100})",
                    cure="The last checkpoint is kept. Lower the stage's schedule.batch or image.size in a new run, or "
                    "go on with --resume on a device with more.",
                ) from None
        ranks.on_first(lambda: self._keep(stage, state.average.modules))

    def _keep(self, stage: Stage, modules: nn.Module) -> None:
        """What the stage has learnt, in place of its checkpoints."""
        weights, critics = self.folder.weights(stage.name), self.folder.critics(stage.name)
        learnt = {f"{name}.{k}": v for name, net in stage.critics.items() for k, v in net.named_parameters()}
        if learnt:
            tensor_files.write(critics, learnt)
            self.state.vouch(self.folder, critics)
        tensor_files.write(weights, modules.state_dict())
        self.state.vouch(self.folder, weights)
        self.state.write(self.folder)  # only now the stage is trained
        checkpoint.clear(self.folder.path)

    def _look(self, stage: Stage) -> None:
        """Keeps a translated level's health."""
        if any(health.level == stage.level for health in self.state.health):
            return
        for health in check_translations(stage, self.data):
            if ranks.first():
                step = stage.before + stage.schedule.steps
                self.events.add("health", stage=stage.index, step=step, **asdict(health))
            self.state.health.append(health)
            self.state.warn(*health.warnings)
        if ranks.first():
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
        """The bundle and, where there is a refinement, the one without it to compare with; then the run is done."""
        state, setup, domains = self.state, self.setup, dataset.domains.map(lambda d: d.name)
        told = ("command", "precision", "threads", "device", "data", "white", "warnings")
        facts = {key: getattr(state, key) for key in told}
        if state.start:
            facts |= {"start": state.start, "taken": state.taken}
        recipe = setup.recipe.longer(state.before)
        parts = (recipe, setup.catalogue, domains, setup.encoder, self.data.normalise)
        if recipe.refine:
            bundle.write(self.folder.without_refine, *parts, unrefined, facts)
        bundle.write(self.folder.bundle, *parts, networks, facts)
        state.done = True
        state.write(self.folder)


def _spread(count: int, size: int) -> NDArray[np.int64]:
    return np.linspace(0, size - 1, count).round().astype(np.int64)
