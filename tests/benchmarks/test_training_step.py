"""A training step of `cyclegan` beside a plain one of the same networks and losses, in turn. `make bench-training`."""

import statistics
import time
from pathlib import Path

import pytest
import torch

from crosscade.framework import precision, prepare
from crosscade.framework.catalogue import Catalogue
from crosscade.framework.resolving import resolve
from crosscade.framework.settings import override, read
from crosscade.framework.stages import build_stage
from crosscade.framework.training import Trainee, train_step

from .conftest import STEPS, setting
from .cyclegan_reference import CycleGan, critic, generator
from .table import Step

AS_PUBLISHED = ("stages[0].translator.width=64", "stages[0].losses[0].width=64", "stages[0].translator.strict=true")
SIZES = ((64, 4), (128, 1))
ROUNDS = int(setting("ROUNDS"))


def count(module):
    return sum(p.numel() for p in module.parameters())


class Ours:
    """The recipe `cyclegan` at the published widths on a few drawn pictures."""

    def __init__(self, folder: Path, size: int, batch: int, arithmetic: str) -> None:
        catalogue, device = Catalogue.discover(), torch.device("cpu")
        settings = [*AS_PUBLISHED, "data.train=16", "data.test=4", "image.views=1", f"image.size={size}"]
        settings += [f"stages[0].schedule.batch={batch}", "stages[0].schedule.images=100000"]
        recipe = resolve(override(read("cyclegan", catalogue), settings), catalogue)
        dataset = catalogue.get("dataset", recipe.data.use).build(recipe.data.options)
        encoder = prepare.build_encoder(recipe, catalogue, device)
        self.autocast = precision.autocast(arithmetic, device)
        self.materials, _ = prepare.materials(
            recipe, catalogue, dataset, encoder, folder, device, self.autocast, lambda n: None
        )
        self.trainee = Trainee.of(build_stage(self.materials, 1, {}))

    def step(self) -> None:
        """One update of everything, reading the pictures included."""
        train_step(self.trainee, self.materials.train.map(len), 0, self.autocast)


@pytest.mark.benchmark(timer=time.process_time)
@pytest.mark.parametrize("arithmetic", ["float32", "bfloat16"])
@pytest.mark.parametrize(("size", "batch"), SIZES)
def test_training_step(size, batch, arithmetic, tmp_path, benchmark, pytestconfig):
    torch.set_num_threads(1)
    ours, plain = Ours(tmp_path, size, batch, arithmetic), CycleGan()
    nets = ours.trainee.stage
    assert count(nets.modules) == 2 * count(generator())
    assert count(nets.adversaries[0].critic_a) == count(critic())
    images = [torch.rand(batch, 3, size, size) * 2 - 1 for _ in "ab"]
    took = []

    def turn():
        start = time.process_time()
        plain.step(*images)
        took.append(time.process_time() - start)

    turn(), ours.step()
    benchmark.pedantic(ours.step, setup=turn, rounds=ROUNDS, warmup_rounds=1)
    ratio = statistics.median(r / t for r, t in zip(took[-ROUNDS:], benchmark.stats.stats.data))
    benchmark.extra_info["times_as_fast"] = ratio
    pytestconfig.stash[STEPS].append(Step(size, batch, arithmetic, ratio))
    assert ratio > (0.95 if arithmetic == "float32" else 1.5), f"{1 / ratio:.2f} times a plain step"
