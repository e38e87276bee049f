"""What the parts of the check look at: packaged recipes made small, and their stages half-way."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from attrs import evolve
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from crosscade.framework import Catalogue, Recipe, resolve
from crosscade.framework.errors import InputError
from crosscade.framework.features import prepare
from crosscade.framework.features.training_data import Untranslated
from crosscade.framework.recipe.read import override
from crosscade.framework.setup import Setup
from crosscade.framework.support.device import Compute
from crosscade.framework.training.loop import TrainState
from crosscade.framework.training.stages import build_stage
from crosscade.plugins.recipes.packaged import packaged
from tests.gpu.asked import At, NotHereError

CATALOGUE = Catalogue.discover()
LONG = 10_000
CYCLEGAN = ("image.size=32", "translate[0].translator.width=4", "translate[0].translator.blocks=1")
CYCLEGAN += ("translate[0].losses[0].width=4", "translate[0].losses[0].strided=2")
"""As little as there can be of it."""


def small(name: str, *settings: str, images: int = 8, size: int = 64, batch: int = 4, steps: int = LONG) -> Recipe:
    """The packaged recipe with few images, and so many steps a stage."""
    table = tomllib.loads(packaged()[name])
    few = [f"data.train={images}", f"data.test={max(4, images // 2)}", f"image.size={size}", "image.crops=1"]
    few += ["image.load=0", "training.threads=1", "training.precision=float32", "training.ship_collapsed=true"]
    parts = [f"{kind}[{k}]" for kind in ("invert", "translate") for k in range(len(table[kind]))]
    for part in [*parts, *(["refine"] if "refine" in table else [])]:
        few += [f"{part}.schedule.images={steps * batch}", f"{part}.schedule.batch={batch}"]
    return resolve(override(table, [*few, *settings]), CATALOGUE)


def set_up(recipe: Recipe, compute: Compute) -> Setup:
    """Its setup. NotHereError where the encoder's weights or its package are not."""
    try:
        return Setup.of(recipe, CATALOGUE, compute)
    except InputError as error:
        raise NotHereError(str(error)) from None


def data_of(setup: Setup, folder: Path) -> Untranslated:
    """Its features and images; real features stand for translations."""
    dataset = CATALOGUE.build("dataset", setup.recipe.data)
    data, _ = prepare.training_data(setup, dataset, folder, lambda n: None)
    return Untranslated(data.train, data.test, data.normalise, data.device)


def states(setup: Setup) -> Iterator[TrainState]:
    """Every stage that learns, half-way, where all of its losses count."""
    for index in range(len(setup.recipe.trained)):
        stage = build_stage(setup, index)
        if stage.learns:
            state = TrainState.of(stage)
            state.step = stage.schedule.steps // 2
            yield state


def stand_still(state: TrainState) -> TrainState:
    """With rates so low that no update changes a bit: what it computes afterwards is of the weights that it had.

    Adam's first step goes along the sign of a gradient, and where that is nearly 0 the sign is rounding's.
    """
    still, stage = 1e-30, state.stage
    stage.schedule = evolve(stage.schedule, learning_rate=still, warm_up_rate=still)
    for loss in stage.adversaries:
        loss.learning_rate = still
    return state


class ChanceOfTheCpu(TorchDispatchMode):
    """A device's random numbers are those that the CPU draws, so that both devices have the same."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        tensors = [x for x in args if isinstance(x, Tensor)]
        device = torch.device(kwargs.get("device") or (tensors[0].device if tensors else "cpu"))
        if torch.Tag.nondeterministic_seeded not in func.tags or device.type == "cpu":
            return func(*args, **kwargs)
        drawn = func(*(x.cpu() if isinstance(x, Tensor) else x for x in args), **{**kwargs, "device": "cpu"})
        if func._schema.is_mutable:
            return args[0].copy_(drawn)
        return drawn.to(device)


def chosen(at: At, precision: str, *, deterministic: bool = False) -> Compute:
    """The device asked for. NotHereError when there is none."""
    try:
        return Compute.chosen(1, precision, at.device, deterministic=deterministic)
    except InputError as error:
        raise NotHereError(str(error)) from None


@contextmanager
def products(precision: str) -> Iterator[None]:
    """A GPU's float32 products meanwhile, `tf32` or `ieee`."""
    settings: Any = (torch.backends.cuda.matmul, torch.backends.cudnn.conv)
    before = [each.fp32_precision for each in settings]
    for each in settings:
        each.fp32_precision = precision
    try:
        yield
    finally:
        for each, kept in zip(settings, before):
            each.fp32_precision = kept


def at_most(names: Sequence[str], quick: bool) -> list[str]:
    """All of them, or one to look whether it runs."""
    return list(names)[:1] if quick else list(names)
