"""What the shape judge sees: grey levels without a usable texture, silhouettes, and texture-swapped animals."""

# B batch, N images, H W space

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from attrs import fields_dict, frozen
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from ...framework import CrosscadeError, Dataset, Images, Samples, cropped
from ..metrics.extractors import catalogue_of
from .network import as_tensor, softened

SAFARI = "safari"
HELD_OUT = 60


@frozen(eq=False)
class Swapped:
    """Animals of each shape that wear the other's texture, from the dataset `safari`: (source-, target-shaped)."""

    samples: Samples
    count: int

    def _sets(self, part: str, limit: int) -> tuple[Images, Images]:
        dataset = self.samples.common.once(("swapped", self.count), self._dataset)
        load = self.samples.load or self.samples.size
        first, second = (cropped(getattr(domain, part), load, self.samples.size, limit) for domain in dataset.domains)
        return first, second

    def _dataset(self) -> Dataset:
        source, target = self.samples.source_name, self.samples.target_name
        offer = catalogue_of(self.samples).get("dataset", SAFARI)
        given = {
            "a": f"{source}+{target}-texture",
            "b": f"{target}+{source}-texture",
            "train": self.count,
            "test": HELD_OUT,
            "seed": 7,
        }
        return offer.build(offer.options(**{k: v for k, v in given.items() if k in fields_dict(offer.options)}))

    def train(self) -> tuple[Images, Images]:
        """Images to learn from."""
        return self._sets("train", self.count)

    def test(self) -> tuple[Images, Images]:
        """Held-out images."""
        return self._sets("test", HELD_OUT)

    def probe(self) -> tuple[Images, Images]:
        """Two training images a shape: enough to tell, in a cache key, that the renderer draws otherwise now."""
        return self._sets("train", 2)


def has_swapped_textures(samples: Samples) -> bool:
    """Whether these images come from `safari`, which can draw any animal with another's texture."""
    if samples.dataset.rsplit(":", 1)[-1] != SAFARI:
        return False
    try:
        catalogue_of(samples).get("dataset", SAFARI)
    except CrosscadeError:
        return False
    return True


def colour(images: Images, size: int) -> Tensor:
    """uint8 (N, H, W, 3) -> (N, 3, size, size) in [-1, 1]."""
    return as_tensor(images, size)


def grey(images: Images, size: int) -> Tensor:
    """uint8 (N, H, W, 3) -> (N, 1, size, size) in [-1, 1]: the plain mean of the channels."""
    return as_tensor(images, size).mean(1, keepdim=True)


def blind_to_texture(x: Tensor, random: torch.Generator) -> Tensor:
    """(B, 3, H, W) -> (B, 1, H, W): random channel mix, blur, contrast, brightness and inversion."""

    def uniform(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(len(x), 1, 1, 1, generator=random)

    mix = torch.rand(len(x), 3, 1, 1, generator=random) + 0.05
    y = (x * mix / mix.sum(1, keepdim=True)).sum(1, keepdim=True)
    y = softened(y, random, 0.6)
    middle = y.mean((2, 3), keepdim=True)
    y = (y - middle) * uniform(0.5, 1.5) + middle + uniform(-0.4, 0.4)
    sign = torch.where(uniform(0, 1) < 0.3, -1.0, 1.0)
    return (y * sign).clamp(-1, 1)


def silhouettes(images: Images, size: int) -> Tensor:
    """uint8 (N, H, W, 3) -> (N, 1, size, size) of -1 (background) and 1: what stands out from the border's grey.

    Half of Otsu's threshold takes in a figure's dark parts; the closing takes in stripes and spots.
    """
    y = as_tensor(images, size).mean(1)
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


def roughened(x: Tensor, random: torch.Generator) -> Tensor:
    """(B, 1, H, W) silhouettes with soft edges, because those of blurry translations are not clean."""
    return softened(x, random, 0.5, 3)
