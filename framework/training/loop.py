"""The training loop. One function trains every stage: inversion, translation and refinement differ only in their view.

A step's random numbers depend on (seed, stage, step) alone, so that a resumed run equals one that never stopped.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any, Protocol, cast

import numpy as np
import torch
from attrs import define, field
from torch import Tensor, nn

from ..bundle.networks import Networks
from ..contracts import AdversarialLoss, Declared, Loss, checked_terms, parameters_of
from ..errors import RunError
from ..features.training_data import Rows, TrainingData
from ..spec import Pair
from ..support import ranks
from ..views import View
from . import checkpoint
from .stages import Stage

MADE = {"fake", "reconstructed"}
"""What a view makes by the networks that learn, and critics judge."""
READ_SECONDS, READ_STEPS = 1.0, 50
"""How long a GPU is left to itself before the numbers of its steps are read, which waits for it: at most."""


class StageWatcher(Protocol):
    """What the run wants to know while a stage trains."""

    @property
    def stopping(self) -> bool:
        """Whether this process is to end."""

    def after(self, state: TrainState, values: Mapping[int, Mapping[str, float]], stop: bool) -> None:
        """After some steps, with each one's weighted terms: a chance to report, to save and, asked to `stop`, to."""


@define
class TrainState:
    """A stage's moving parts, all of which a checkpoint holds."""

    stage: Stage
    optimiser: torch.optim.Optimizer
    critic_optimisers: list[torch.optim.Optimizer]
    average: Networks
    """The networks' moving average, which is what is kept."""
    step: int = 0
    critic_step: int = 0
    shown_once: set[int] = field(factory=set)
    """Losses that have been through a step, in which they read nothing but what they declare."""

    @classmethod
    def of(cls, stage: Stage) -> TrainState:
        """Fresh optimisers and average."""
        s = stage.schedule
        translators, inverters = stage.networks.translators.items(), stage.networks.inverters.values()
        groups: list[dict[str, Any]] = [
            *({"params": parameters_of(pair), "scale": stage.rates.get(i, 1.0)} for i, pair in translators),
            *({"params": parameters_of(*pair), "scale": 1.0} for pair in inverters),
        ]
        optimiser = _adam(groups, s.learning_rate, s.betas)
        average = copy.deepcopy(stage.networks)
        average.modules.eval()
        critics = [_adam([{"params": parameters_of(*a.critics)}], a.learning_rate, a.betas) for a in stage.adversaries]
        return cls(stage, optimiser, critics, average)

    def tensors(self) -> dict[str, Tensor]:
        """Every tensor of the training's state."""
        tensors = checkpoint.module_tensors("modules", self.stage.networks.modules)
        tensors |= checkpoint.module_tensors("average", self.average.modules)
        tensors |= checkpoint.optimiser_tensors("optimiser", self.optimiser)
        for k, (loss, optimiser) in enumerate(zip(self.stage.adversaries, self.critic_optimisers)):
            tensors |= checkpoint.module_tensors(f"loss{k}", loss)
            tensors |= checkpoint.optimiser_tensors(f"critic{k}", optimiser)
        return tensors

    def shown(self, view: View, loss: Loss[Any]) -> View:
        """The view as a loss is given it, which is watched in its first step."""
        return view if id(loss) in self.shown_once else cast(View, Declared(view, loss))

    def meta(self) -> dict[str, Any]:
        """The counters."""
        return {"stage": self.stage.index, "step": self.step, "critic_step": self.critic_step}

    def restore(self, tensors: Mapping[str, Tensor], meta: Mapping[str, Any]) -> None:
        """Back to a checkpoint."""
        checkpoint.restore_module("modules", self.stage.networks.modules, tensors)
        checkpoint.restore_module("average", self.average.modules, tensors)
        checkpoint.restore_optimiser("optimiser", self.optimiser, tensors)
        for k, (loss, optimiser) in enumerate(zip(self.stage.adversaries, self.critic_optimisers)):
            checkpoint.restore_module(f"loss{k}", loss, tensors)
            checkpoint.restore_optimiser(f"critic{k}", optimiser, tensors)
        self.step, self.critic_step = int(meta["step"]), int(meta["critic_step"])


Autocast = Callable[[], AbstractContextManager[None]]


def train_stage(state: TrainState, data: TrainingData, seed: int, autocast: Autocast, watcher: StageWatcher) -> None:
    """Trains a stage from where it is to its end."""
    state.stage.networks.modules.train()
    unread: dict[int, Mapping[str, Tensor]] = {}
    pace, began = 1, time.monotonic()
    while state.step < state.stage.schedule.steps:
        values = train_step(state, data, seed, autocast)
        unread[state.step] = values
        if len(unread) < pace and state.step < state.stage.schedule.steps:
            continue
        wanted = 1
        if data.device.type != "cpu":
            wanted = round(READ_SECONDS * len(unread) / max(1e-9, time.monotonic() - began))
        numbers, stop, pace = read(unread, watcher.stopping, wanted)
        for step, terms in numbers.items():
            check_finite(state.stage, step, terms)
        watcher.after(state, numbers, stop)
        unread, began = {}, time.monotonic()


def read(
    unread: Mapping[int, Mapping[str, Tensor]], stopping: bool, pace: int
) -> tuple[dict[int, dict[str, float]], bool, int]:
    """The steps' terms as numbers of the whole batch, whether any process is to end, and the first one's `pace`.

    The one place where the host waits for a GPU, and the processes for each other's news: all stop at the same step.
    """
    terms = [v.float() for values in unread.values() for v in values.values()]
    flat, news = torch.stack(terms), torch.tensor([float(stopping), float(pace) if ranks.first() else 0.0])
    if ranks.world() > 1:
        here = ranks.group()
        whole = here.sum(torch.cat([flat * here.weight, news.to(flat.device, non_blocking=True)]))
        flat, news = whole.cpu().split([len(terms), 2])
    *floats, stop, pace = [*flat.tolist(), *news.tolist()]
    left = iter(floats)
    numbers = {step: {name: next(left) for name in values} for step, values in unread.items()}
    return numbers, stop > 0, min(READ_STEPS, max(1, round(pace)))


def train_step(state: TrainState, data: TrainingData, seed: int, autocast: Autocast) -> dict[str, Tensor]:
    """One update of the stage's networks and, before it, of the critics; returns the weighted terms, not yet read."""
    stage, schedule, step = state.stage, state.stage.schedule, state.step
    done = step / schedule.steps
    seed_step(seed, stage.index, step)
    if stage.graphs:
        torch.compiler.cudagraph_mark_step_begin()  # the last step's results may be written over
    set_rates(state, done)
    values: dict[str, Tensor] = {}

    # the critics' turns; the last one's batch also serves the translators
    active = stage.active(done)
    adversaries = [loss for _, loss in active.values() if isinstance(loss, AdversarialLoss)]
    for turn in range(1, max((a.steps for a in adversaries), default=0)):
        view = stage.view(data, draw(data.sizes, schedule.batch, seed, stage.index, step, turn).map(ranks.part))
        with torch.no_grad(), autocast():
            for name in sorted({name for a in adversaries if turn < a.steps for name in a.needs}):
                getattr(view, name)
        update_critics(state, adversaries, view, turn, autocast, values)
    view = stage.view(data, draw(data.sizes, schedule.batch, seed, stage.index, step, 0).map(ranks.part))
    if adversaries:
        with autocast():
            for name in sorted({name.removeprefix("encoded_") for a in adversaries for name in a.needs} & MADE):
                getattr(view, name)  # with its graph, before the critics' view cuts it off
        update_critics(state, adversaries, view, 0, autocast, values)

    # the translators' turn
    with autocast(), frozen(*(a.critics for a in adversaries)):
        terms = {
            name: use.weight * total(checked_terms(loss.terms(state.shown(view, loss)), loss))
            for name, (use, loss) in active.items()
        }
    state.shown_once.update(id(loss) for _, loss in active.values())
    state.optimiser.zero_grad(set_to_none=True)
    total(terms).backward()
    step_together(state.optimiser)
    state.step += 1
    update_average(state)
    return {name: v.detach() for name, v in {**terms, **values}.items()}


def update_critics(
    state: TrainState,
    adversaries: list[AdversarialLoss[Any]],
    view: View,
    turn: int,
    autocast: Autocast,
    values: dict[str, Tensor],
) -> None:
    """One update of each adversary's critics that still has a turn."""
    detached, everyone = view.detached(), state.stage.adversaries
    for loss in adversaries:
        if turn >= loss.steps:
            continue
        optimiser = state.critic_optimisers[everyone.index(loss)]
        optimiser.zero_grad(set_to_none=True)
        with autocast():
            terms = checked_terms(loss.critic_terms(state.shown(detached, loss), state.critic_step), loss)
        loss_now = total(terms)
        if loss_now.requires_grad:  # a loss may have called backward itself
            loss_now.backward()
        step_together(optimiser, loss.clip)
        values.update({f"critic{everyone.index(loss) or ''}/{name}": v for name, v in terms.items()})
    state.critic_step += 1


def step_together(optimiser: torch.optim.Optimizer, clip: float | None = None) -> None:
    """One step along the gradient of the whole batch, whose norm is cut to `clip`."""
    parameters = [p for group in optimiser.param_groups for p in group["params"]]
    ranks.average(parameters)
    if clip is not None:
        nn.utils.clip_grad_norm_(parameters, clip)
    optimiser.step()


def draw(sizes: Pair[int], batch: int, seed: int, stage: int, step: int, turn: int) -> Rows:
    """Rows of both domains, unpaired, with replacement."""
    rng = np.random.default_rng([seed, stage, step, turn])
    return sizes.map(lambda n: rng.integers(0, n, batch))


def seed_step(seed: int, stage: int, step: int) -> None:
    """Keys torch's generator by (seed, stage, step)."""
    torch.manual_seed(int(np.random.SeedSequence([seed, stage, step]).generate_state(1, np.uint64)[0] >> 1))


def set_rates(state: TrainState, done: float) -> None:
    """A short ramp, the warm-up rate, the constant rate, then linear decay to 5 %."""
    s = state.stage.schedule
    rise = min(1.0, (state.step + 1) / s.ramp_steps) if s.ramp_steps else 1.0
    fall = (
        rise if done < s.decay_from or s.decay_from == 1 else rise - 0.95 * (done - s.decay_from) / (1 - s.decay_from)
    )
    rate = s.warm_up_rate if done < s.warm_up else s.learning_rate
    for group in state.optimiser.param_groups:
        group["lr"] = rate * fall * group["scale"]
    for loss, optimiser in zip(state.stage.adversaries, state.critic_optimisers):
        optimiser.param_groups[0]["lr"] = loss.learning_rate * fall


@torch.no_grad()
def update_average(state: TrainState) -> None:
    """Moving average of the weights, quicker at first so that the start is forgotten."""
    decay = min(state.stage.schedule.ema, state.step / (state.step + 10))
    kept: list[Tensor] = list(state.average.modules.parameters())
    new: list[Tensor] = list(state.stage.networks.modules.parameters())
    torch._foreach_lerp_(kept, new, 1.0 - decay)
    for target, source in zip(state.average.modules.buffers(), state.stage.networks.modules.buffers()):
        target.copy_(source)


def check_finite(stage: Stage, step: int, values: Mapping[str, float]) -> None:
    """Stops the run, before anything is saved, when a value is not a number."""
    wrong = [name for name, v in values.items() if not math.isfinite(v)]
    if wrong:
        raise RunError(
            f"{stage.title}, step {step}: '{wrong[0]}'",
            found=str(values[wrong[0]]),
            expected="a finite number",
            cure="The last checkpoint is kept. Lower the stage's learning_rate or set training.precision=float32.",
        )


class frozen:  # noqa: N801 (a context manager, named as one reads it)
    """No gradients into these critics' parameters meanwhile."""

    def __init__(self, *critics: Pair[nn.Module]) -> None:
        self.parameters = [p for pair in critics for c in pair for p in c.parameters() if p.requires_grad]

    def __enter__(self) -> None:
        for p in self.parameters:
            p.requires_grad_(False)

    def __exit__(self, *_: object) -> None:
        for p in self.parameters:
            p.requires_grad_(True)


def total(terms: Mapping[str, Tensor]) -> Tensor:
    """Their sum, a float32 scalar."""
    values = list(terms.values())
    return torch.stack([v.float() for v in values]).sum() if values else torch.zeros(())


def _adam(groups: list[dict[str, Any]], rate: float, betas: Any) -> torch.optim.Optimizer:
    return torch.optim.Adam(groups, rate, betas=(betas[0], betas[1]), fused=True)
