"""After every step: events, progress, samples, checkpoints, and a Ctrl-C that loses nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch

from ..errors import RunError
from ..recipe.recipe import Training
from ..support.progress import Bar
from . import checkpoint
from .events import Events
from .loop import TrainState

EVENTS_A_STAGE = 100


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
        sample: Callable[[TrainState], None],
        interrupts: Sequence[int],
    ) -> None:
        self.out, self.events, self.bar, self.training, self.sample = out, events, bar, training, sample
        self.interrupts = interrupts
        self._began = self._saved = self._sampled = time.monotonic()

    def after(self, state: TrainState, values: Mapping[str, float]) -> None:
        """Called by the loop after every step."""
        step, steps = state.step, state.stage.schedule.steps
        if step % max(1, steps // EVENTS_A_STAGE) == 0 or step == steps:
            numbers = {k: round(v, 6) for k, v in values.items()}
            self.events.add(
                "step",
                stage=state.stage.index,
                title=state.stage.title,
                step=step,
                images=step * state.stage.schedule.batch,
                values=numbers,
            )
        self.bar.show(step, values)
        now = time.monotonic()
        if now - self._sampled >= self.training.samples_seconds or step == steps:
            self.sample(state)
            self._sampled = time.monotonic()
        if self.interrupts or (now - self._saved >= self.training.checkpoint_seconds and step < steps):
            self.save(state)
        if step == steps:
            self.events.add(
                "stage",
                stage=state.stage.index,
                title=state.stage.title,
                step=step,
                seconds=round(time.monotonic() - self._began, 2),
                state_sha256=checkpoint.digest(state.tensors(), state.meta()),
            )
        if self.interrupts:
            raise InterruptedRunError(
                f"stopped at {state.stage.title}, step {step} of {steps}", cure=f"Go on with: {self._how()}"
            )

    def save(self, state: TrainState) -> None:
        """Saves a checkpoint unless a weight is not finite."""
        tensors = state.tensors()
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
