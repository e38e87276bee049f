"""What stands out of a plain background: binary silhouettes."""

# N images, H W space

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from ...framework import Images
from .extractors import area_resized


def silhouettes(images: Images, size: int) -> Tensor:
    """uint8 (N, H, W, 3) -> (N, 1, size, size) of -1 (background) and 1: what stands out from the border's grey.

    Half of Otsu's threshold takes in a figure's dark parts; the closing takes in stripes and spots.
    """
    y = area_resized(images, size).mean(1)
    border = torch.cat([y[:, 0], y[:, -1], y[:, :, 0], y[:, :, -1]], 1).median(1).values
    away = (y - border[:, None, None]).abs()
    threshold = torch.tensor([otsu(image.numpy()) for image in away])[:, None, None] / 2
    mask = (away > threshold).float()[:, None]
    width = max(3, size // 16 * 2 - 1)  # odd; 7 of 64 pixels
    closed = -F.max_pool2d(-F.max_pool2d(mask, width, 1, width // 2), width, 1, width // 2)
    return 2 * closed - 1


def otsu(values: NDArray[np.floating[Any]], bins: int = 64) -> float:
    """The threshold that best splits values into two classes: the greatest variance between them (Otsu 1979)."""
    counts, edges = np.histogram(values, bins)
    weights = counts / max(counts.sum(), 1)
    middles = (edges[:-1] + edges[1:]) / 2
    below, mean = weights.cumsum(), (weights * middles).cumsum()
    with np.errstate(divide="ignore", invalid="ignore"):
        between = (mean[-1] * below - mean) ** 2 / (below * (1 - below))
    return float(edges[int(np.nanargmax(np.where(np.isfinite(between), between, 0))) + 1])
