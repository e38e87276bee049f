"""Which trained networks make which direction's cascade."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from ..bundle.cascade import Cascade
from ..features.store import Store
from ..features.training_data import Materials
from ..recipe.recipe import Recipe


def networks_of(
    recipe: Recipe, finished: Mapping[str, nn.ModuleDict], *, refined: bool = True
) -> dict[str, dict[str, nn.Module]]:
    """Each direction's `level<i>`, `inverter<i>` and final `inverter`, from the trained stages."""
    shallowest = recipe.stages[-1].level
    refined = refined and "refine" in finished
    made: dict[str, dict[str, nn.Module]] = {}
    for direction, side in (("a2b", "b"), ("b2a", "a")):
        nets: dict[str, nn.Module] = {}
        for stage in recipe.stages:
            name = f"translators{stage.level}"
            learnt = refined and name in finished["refine"]
            pair: Any = finished["refine" if learnt else f"translate-{stage.level}"][name]
            nets[f"level{stage.level}"] = getattr(pair.into, side)
        for inversion in recipe.inversions:
            nets[f"inverter{inversion.level}"] = finished[f"invert-{inversion.level}"][
                f"inverter{inversion.level}_{side}"
            ]
        nets["inverter"] = (
            finished["refine"][f"inverter{shallowest}_{side}"] if refined else nets[f"inverter{shallowest}"]
        )
        made[direction] = nets
    return made


def cascade_of(m: Materials, direction: str, nets: Mapping[str, nn.Module]) -> tuple[Store, Cascade]:
    """The source's test images and the cascade of a direction's trained networks."""
    normalise, test = (m.normalise, m.test) if direction == "a2b" else (m.normalise.swap(), m.test.swap())
    translators = {s.level: nets[f"level{s.level}"] for s in m.recipe.stages}
    return test.a, Cascade(m.encoder, normalise.a, normalise.b, translators, nets["inverter"]).eval()
