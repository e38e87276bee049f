"""After every step: events, progress, samples, checkpoints, and a Ctrl-C that loses nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch

from ..errors import RunError
from ..recipe.recipe import Training
from ..support import ranks
from ..support.events import Events
from ..support.progress import Bar
from . import checkpoint
from .loop import TrainState

EVENTS_A_STAGE = 100
AGREED_STEP = 5
"""After this many steps of a stage, and at its end, processes compare their states."""


class InterruptedRunError(RunError):
    """The user stopped the run; everything is saved."""

    exit_code = 130


class RunWatcher:
    """Watches one stage. Once there is any of `interrupts` it lets the step end, saves and says how to go on."""

    def __init__(
        self,
        out: Path,
        events: Events,
        bar: Bar,
        training: Training,
        sample: Callable[[TrainState], Path],
        interrupts: Sequence[int],
    ) -> None:
        self.out, self.events, self.bar, self.training, self.sample = out, events, bar, training, sample
        self.interrupts = interrupts
        self._began = self._saved = self._sampled = time.monotonic()

    @property
    def stopping(self) -> bool:
        """Whether the user wants this process to end."""
        return bool(self.interrupts)

    def after(self, state: TrainState, values: Mapping[int, Mapping[str, float]], stop: bool) -> None:
        """Called by the loop after every few steps. The first process alone writes; all end when one is to."""
        step, steps = state.step, state.stage.schedule.steps
        if ranks.first():
            self._report(state, values, stop)
        if step == steps or step - len(values) < AGREED_STEP <= step:
            self._agree(state)
        if stop:
            raise InterruptedRunError(
                f"stopped at {state.stage.title}, step {step} of {steps}", cure=f"Go on with: {self._how()}"
            )

    def _report(self, state: TrainState, values: Mapping[int, Mapping[str, float]], stop: bool) -> None:
        stage, steps, before = state.stage, state.stage.schedule.steps, state.stage.before
        about = {"stage": stage.index, "title": stage.title}
        for step, terms in values.items():
            if step % max(1, steps // EVENTS_A_STAGE) == 0 or step == steps:
                numbers, images = {k: round(v, 6) for k, v in terms.items()}, (before + step) * stage.schedule.batch
                self.events.add("step", **about, step=before + step, images=images, values=numbers)
        self.bar.show(state.step, values[state.step])
        now, last = time.monotonic(), state.step == steps
        if now - self._sampled >= self.training.samples_seconds or last:
            strip = self.sample(state)
            self.events.add("sample", **about, step=before + state.step, file=str(strip.relative_to(self.out)))
            self._sampled = time.monotonic()
        if stop or (now - self._saved >= self.training.checkpoint_seconds and not last):
            self.save(state)
        if last:
            seconds = round(time.monotonic() - self._began, 2)
            digest = checkpoint.digest(state.tensors(), state.meta())
            self.events.add("stage", **about, step=before + state.step, seconds=seconds, state_sha256=digest)

    @staticmethod
    def _agree(state: TrainState) -> None:
        """RunError when the processes do not have the same state, which no update can bring about."""
        if ranks.world() == 1:
            return
        states = ranks.each({name: checkpoint.digest({name: v}, {}) for name, v in state.tensors().items()})
        other = [name for name in states[0] if any(theirs.get(name) != states[0][name] for theirs in states)]
        if other:
            raise RunError(
                f"{state.stage.title}, step {state.step}: '{other[0]}'",
                found="not the same in all processes",
                expected="state that all share",
                cure="What a component keeps of its own rows must be taken with over_all. Until then use one process.",
            )

    def save(self, state: TrainState) -> None:
        """Saves a checkpoint unless a weight is not finite."""
        tensors = {name: tensor.detach().cpu() for name, tensor in state.tensors().items()}
        for name, tensor in tensors.items():
            if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
                raise RunError(
                    f"{state.stage.title}, step {state.step}: '{name}'",
                    found="a non-finite weight",
                    cure="The last checkpoint is kept. Lower the stage's learning_rate.",
                )
        checkpoint.save(self.out, tensors, state.meta())
        self._saved = time.monotonic()

    def _how(self) -> str:
        return f"the same command with --resume (folder {self.out})"
