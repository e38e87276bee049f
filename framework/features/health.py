"""Signs of collapse that need no picture: per level and direction, and of the final images."""

from __future__ import annotations

import numpy as np
import torch
from attrs import frozen
from numpy.typing import NDArray
from torch import Tensor

from ..data.pixels import black

DIVERSITY = 0.7
DISTINCT = 0.25
PARTICIPATION = 5.0
BLACK = 0.05
COLLAPSED = 0.3
"""Diversity below which, or share of black images above which, there is nothing to ship."""


@frozen
class Health:
    """How varied a level's translations are. `warnings` is empty when all is well."""

    diversity: float
    distinct: float
    warnings: tuple[str, ...]

    @property
    def collapsed(self) -> bool:
        """Whether the translations are (nearly) all the same."""
        return self.diversity < COLLAPSED


def check_features(translated: Tensor, real: Tensor, where: str) -> Health:
    """Compares (N, C, H, W) translations with real target features.

    `diversity`: mean distance between two translations over that between two real ones. `distinct`: the share of
    different nearest real neighbours among the translations, over what as many real ones would have at best.
    """
    fake, target = translated.flatten(1).float(), real.flatten(1).float()
    n = min(len(fake), len(target), 300)
    if n < 2:  # nothing to be varied
        return Health(1.0, 1.0, ())
    fake, target = fake[:n], target[:n]
    diversity = float(_spread(fake) / _spread(target).clamp_min(1e-12))
    nearest = torch.cdist(fake, target).argmin(1)
    distinct = len(nearest.unique()) / n
    warnings = []
    if diversity < DIVERSITY:
        warnings.append(
            f"{where}: collapse? translations vary {diversity:.2f} times as much as real ones (expected >= {DIVERSITY})"
        )
    if distinct < DISTINCT:
        warnings.append(
            f"{where}: collapse? only {distinct:.0%} distinct nearest neighbours (expected >= {DISTINCT:.0%})"
        )
    return Health(diversity, distinct, tuple(warnings))


def _spread(values: Tensor) -> Tensor:
    distances = torch.cdist(values, values)
    n = len(values)
    return distances.sum() / max(1, n * (n - 1))


def check_participation(ratios: dict[int, float], domain: str) -> list[str]:
    """Warnings for levels whose features use few directions."""
    return [
        f"level {i} of {domain}: participation ratio {r:.1f} is below {PARTICIPATION:.0f}; a translator that does not "
        "begin with its input collapses on such features (deepest with residual = true begins with it)"
        for i, r in ratios.items()
        if r < PARTICIPATION
    ]


def black_share(images: NDArray[np.uint8]) -> float:
    """The share of (N, H, W, 3) images that are black or of one colour."""
    return float(black(images).mean())


def check_images(images: NDArray[np.uint8], where: str) -> list[str]:
    """Warnings for black or identical (N, H, W, 3) outputs."""
    share = black_share(images)
    warnings = []
    if share > BLACK:
        warnings.append(f"{where}: {share:.0%} of the images are black or flat: the inverter collapsed")
    if alike(images):
        warnings.append(f"{where}: all images are alike: the translation collapsed")
    return warnings


def alike(images: NDArray[np.uint8]) -> bool:
    """Whether (N, H, W, 3) images hardly differ from each other."""
    return len(images) > 2 and float(images.astype(np.float32).std(0).mean()) < 2.0
