"""Between two levels' trainings: every stored view translated once, and a look at whether that went well."""

from __future__ import annotations

from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from ..bundle.cascade import Cascade
from ..features import health
from ..features.store import BATCH, Store
from ..features.training_data import TrainingData
from ..runs.state import StageHealth
from ..setup import Setup
from ..spec import DIRECTIONS
from ..styles import run_seeded, styles_on
from ..support import ranks
from ..support.tensors import to_images
from .stages import Stage


@torch.inference_mode()
def translate_stores(stage: Stage, setup: Setup, data: TrainingData) -> None:
    """Translates the stored views once, for the next level's condition.

    Nothing reads what the shallowest level makes of the training images.
    """
    levels = [s.level for s in setup.recipe.translate]
    deeper, name = setup.recipe.deeper(stage.level), f"translated{stage.level}"
    into = stage.networks.translators[stage.level].into
    for split in (data.test,) if stage.level == levels[-1] else (data.train, data.test):
        for net, source in zip(into.swap(), split):
            if not ranks.on_first(partial(source.has, name)):
                shape = source.array(f"level{stage.level}").shape
                source.put(name, shape, BATCH * 2, partial(_translated, net, source, stage.level, deeper, setup))


def _translated(net: nn.Module, source: Store, level: int, deeper: int | None, setup: Setup, rows: slice) -> Tensor:
    device, seed = setup.compute.device, setup.recipe.training.seed
    condition = None if deeper is None else source.features(f"translated{deeper}", rows, device)
    with torch.inference_mode(), setup.compute.autocast():
        return run_seeded(net, source.features(f"level{level}", rows, device), condition, seed, rows.start)


def check_translations(stage: Stage, data: TrainingData) -> list[StageHealth]:
    """How varied the translated test features of a level are, a direction each."""
    healths = []
    for direction in DIRECTIONS:
        source, target = direction.turn(data.test)
        seen = health.check_features(
            source.features(f"translated{stage.level}", slice(0, 300)),
            target.features(f"level{stage.level}", slice(0, 300)),
            f"level {stage.level} {direction}",
        )
        shares = round(seen.diversity, 4), round(seen.distinct, 4)
        healths.append(StageHealth(stage.level, direction, *shares, seen.collapsed, seen.warnings))
    return healths


@torch.inference_mode()
def check_inverters(stage: Stage, setup: Setup, data: TrainingData) -> list[str]:
    """Warnings where a trained inverter gives black or flat images for features of images that are not."""
    warnings = []
    for side, net, store in zip("ab", stage.networks.inverters[stage.level], data.test):
        rows = slice(0, 60)
        with setup.compute.autocast():
            images = to_images(net(store.features(f"level{stage.level}", rows, data.device)))
        share = health.black_share(images) - health.black_share(np.asarray(store.array("images")[rows]))
        if share > health.BLACK:
            warnings.append(
                f"inverter of level {stage.level}, domain {side}: {share:.0%} black or flat images: it collapsed "
                "(a lower learning_rate or norm = 'l2' helps)"
            )
    return warnings


@torch.inference_mode()
def check_final(cascade: Cascade, source: Store, where: str) -> tuple[list[str], bool]:
    """Warnings about the final images of some test images, and whether they have collapsed."""
    inputs = source.images(slice(0, 60), next(cascade.parameters()).device)
    images = to_images(cascade(inputs, styles_on(inputs, cascade.style_size, 0)))
    collapsed = health.black_share(images) > health.COLLAPSED or health.alike(images)
    return health.check_images(images, where), collapsed
