"""A training run on the GPU that is not there, and what waited for it in every step."""

from pathlib import Path

import pytest

from crosscade.framework import Recipe, Reporter, train
from crosscade.framework.support.device import Compute
from crosscade.framework.testing import FakeGpu, Wait
from crosscade.framework.training import loop

Steps = dict[tuple[str, int], list[Wait]]
"""Of each stage's every step, and of its numbers' reading."""


def train_on_fake_gpu(recipe: Recipe | None, out: Path, precision: str, **arguments: object) -> tuple[Steps, Steps]:
    """Trains into `out` (see `train`); the waits of the steps, and those until their numbers were read."""
    steps: Steps = {}
    reads: Steps = {}
    with FakeGpu() as gpu, pytest.MonkeyPatch.context() as patch:
        step, read, now = loop.train_step, loop.read, [("", 0)]

        def stepped(state, *rest):
            before, now[0] = len(gpu.waits), (state.stage.name, state.step)
            values = step(state, *rest)
            steps[now[0]] = gpu.waits[before:]
            return values

        def read_one(*rest):
            before = len(gpu.waits)
            numbers = read(*rest)
            reads[now[0]] = gpu.waits[before:]
            return numbers

        patch.setattr(loop, "train_step", stepped)
        patch.setattr(loop, "read", read_one)
        patch.setattr(Compute, "chosen", lambda *_, **__: Compute(gpu.device, 1, precision))
        train(recipe, out, report=Reporter(quiet=True), **arguments)
    return steps, reads


def without_the_first(steps: Steps) -> list[str]:
    """What waits in a step, which nothing should. A stage's first of a run lays the data onto the GPU."""
    first = dict(reversed(steps))
    return [f"{stage}, step {step}: {w}" for (stage, step), ws in steps.items() if step != first[stage] for w in ws]
