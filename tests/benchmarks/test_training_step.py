"""A training step of `cyclegan` beside a plain one of the same networks and losses, in turn. `make bench-training`."""

import statistics
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from crosscade.framework import Catalogue, read, resolve
from crosscade.framework.features import prepare
from crosscade.framework.recipe.read import override
from crosscade.framework.setup import Setup
from crosscade.framework.support.device import Compute
from crosscade.framework.training.loop import TrainState, train_step
from crosscade.framework.training.stages import build_stage
from tests.benchmarks.conftest import STEPS, setting
from tests.benchmarks.cyclegan_reference import CycleGan, critic, generator
from tests.benchmarks.table import Step

AS_PUBLISHED = (
    "translate[0].translator.width=64",
    "translate[0].losses[0].width=64",
    "translate[0].translator.strict=true",
)
SIZES = ((64, 4), (128, 1))
ROUNDS = int(setting("ROUNDS"))


def count(module):
    return sum(p.numel() for p in module.parameters())


class Ours:
    """The recipe `cyclegan` at the published widths on a few drawn pictures."""

    def __init__(self, folder: Path, size: int, batch: int, arithmetic: str) -> None:
        catalogue, compute = Catalogue.discover(), Compute(torch.device("cpu"), 1, arithmetic)
        settings = [*AS_PUBLISHED, "data.train=16", "data.test=4", "image.crops=1", f"image.size={size}"]
        settings += [f"translate[0].schedule.batch={batch}", "translate[0].schedule.images=100000"]
        recipe = resolve(override(read("cyclegan", catalogue), settings), catalogue)
        setup, dataset = Setup.of(recipe, catalogue, compute), catalogue.build("dataset", recipe.data)
        self.autocast = compute.autocast
        self.data, _ = prepare.training_data(setup, dataset, folder, lambda n: None)
        self.state = TrainState.of(build_stage(setup, 1))

    def step(self) -> None:
        """One update of everything, reading the pictures included."""
        train_step(self.state, self.data, 0, self.autocast)


def convolution(size: int, batch: int, arithmetic: torch.dtype) -> Callable[[], object]:
    """Forward and backward of one convolution of a residual block, as a step in this arithmetic does it."""
    order = torch.contiguous_format if arithmetic == torch.float32 else torch.channels_last
    layer = torch.nn.Conv2d(256, 256, 3).to(arithmetic).to(memory_format=order)
    x = torch.randn(batch, 256, size // 4 + 2, size // 4 + 2).to(arithmetic).to(memory_format=order).requires_grad_()
    return lambda: layer(x).sum().backward()


def spent(work: Callable[[], object]) -> float:
    """Seconds of processor time."""
    start = time.process_time()
    work()
    return time.process_time() - start


def convolution_gain(size: int, batch: int) -> float:
    """How many times as fast as float32 this processor's convolutions are in bfloat16: what limits a step."""
    float32, bfloat16 = (convolution(size, batch, dtype) for dtype in (torch.float32, torch.bfloat16))
    float32(), bfloat16()
    return statistics.median(spent(float32) / spent(bfloat16) for _ in range(10 * ROUNDS))


@pytest.mark.benchmark(timer=time.process_time)
@pytest.mark.parametrize("arithmetic", ["float32", "bfloat16"])
@pytest.mark.parametrize(("size", "batch"), SIZES)
def test_training_step(size, batch, arithmetic, tmp_path, benchmark, pytestconfig):
    torch.set_num_threads(1)
    ours, plain = Ours(tmp_path, size, batch, arithmetic), CycleGan()
    nets = ours.state.stage
    assert count(nets.networks.modules) == 2 * count(generator())
    assert count(nets.adversaries[0].critic_a) == count(critic())
    images = [torch.rand(batch, 3, size, size) * 2 - 1 for _ in "ab"]
    took = []

    def turn():
        took.append(spent(lambda: plain.step(*images)))

    turn(), ours.step()
    benchmark.pedantic(ours.step, setup=turn, rounds=ROUNDS, warmup_rounds=1)
    ratio = statistics.median(r / t for r, t in zip(took[-ROUNDS:], benchmark.stats.stats.data))
    benchmark.extra_info["times_as_fast"] = ratio
    gain = 1.0 if arithmetic == "float32" else convolution_gain(size, batch)
    pytestconfig.stash[STEPS].append(Step(size, batch, arithmetic, ratio, gain))
    asked = 0.95 if arithmetic == "float32" else min(2.5, 0.8 * gain)
    assert ratio > asked, f"{1 / ratio:.2f} times a plain step; convolutions alone would be {1 / gain:.2f} times"
