"""Between two levels' trainings: every stored view translated once, and a look at whether that went well."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from ..bundle.cascade import Cascade
from ..features import health
from ..features.store import BATCH, Store, to_images
from ..features.training_data import Materials
from ..styles import draw_styles, run_seeded
from .events import Events
from .stages import Stage, inverters_of


@torch.inference_mode()
def translate_stores(stage: Stage, materials: Materials, events: Events) -> list[str]:
    """Translates the stored views once, for the next level's condition, and checks the stage's health.

    Nothing reads what the shallowest level makes of the training images.
    """
    k = [s.level for s in materials.recipe.stages].index(stage.level)
    deeper = materials.recipe.stages[k - 1].level if k else None
    pair: Any = stage.modules[f"translators{stage.level}"]
    warnings: list[str] = []
    name = f"translated{stage.level}"
    last = stage.level == materials.recipe.stages[-1].level
    for split in (materials.test,) if last else (materials.train, materials.test):
        for net, source in zip(pair.into.swap(), split):
            if not source.has(name):
                source.put(
                    name,
                    source.array(f"level{stage.level}").shape,
                    _batches(net, source, stage.level, deeper, materials),
                )
    for direction, source, target in (
        ("a2b", materials.test.a, materials.test.b),
        ("b2a", materials.test.b, materials.test.a),
    ):
        found = health.check_features(
            source.features(name, slice(0, 300)),
            target.features(f"level{stage.level}", slice(0, 300)),
            f"level {stage.level} {direction}",
        )
        if not any(
            e.get("event") == "health" and e["stage"] == stage.index and e["direction"] == direction
            for e in events.read()
        ):
            events.add(
                "health",
                stage=stage.index,
                level=stage.level,
                direction=direction,
                step=stage.schedule.steps,
                diversity=round(found.diversity, 4),
                distinct=round(found.distinct, 4),
                collapsed=found.collapsed,
                warnings=list(found.warnings),
            )
        warnings += found.warnings
    return warnings


def collapses(events: Events) -> list[str]:
    """What is so far gone that no bundle should be made of it."""
    return [
        f"level {e['level']} {e['direction']}: translations vary {e['diversity']:.2f} times as much as real features"
        for e in events.read()
        if e["event"] == "health" and e["collapsed"]
    ]


@torch.inference_mode()
def check_inverters(stage: Stage, materials: Materials) -> list[str]:
    """Warnings where a trained inverter gives black or flat images for features of images that are not."""
    warnings = []
    for side, net, store in zip("ab", inverters_of(stage.modules, stage.level), materials.test):
        rows = slice(0, 60)
        with materials.autocast():
            images = to_images(net(store.features(f"level{stage.level}", rows).to(materials.device)))
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
    given = source.images(slice(0, 60)).to(next(cascade.parameters()).device)
    styles = [draw_styles(len(given), cascade.style_size, 0).to(given.device)] if cascade.style_size else []
    images = to_images(cascade(given, *styles))
    collapsed = health.black_share(images) > health.COLLAPSED or health.alike(images)
    return health.check_images(images, where), collapsed


def _batches(net: Any, store: Any, level: int, deeper: int | None, m: Materials) -> Callable[[], Any]:
    def run() -> Any:
        for start in range(0, len(store), BATCH * 2):
            rows = slice(start, start + BATCH * 2)
            given = store.features(f"translated{deeper}", rows).to(m.device) if deeper is not None else None
            with torch.inference_mode(), m.autocast():
                features = store.features(f"level{level}", rows).to(m.device)
                yield run_seeded(net, features, given, m.recipe.training.seed, start).float().cpu()

    return run
