"""What the shape judge sees: grey levels without a usable texture, soft silhouettes, texture-swapped animals."""

# B batch, N images, H W space

from __future__ import annotations

import torch
from attrs import frozen
from torch import Tensor

from ...framework import Domain, EvaluationSet, Images, Pair, cropped
from ..metrics.extractors import area_resized
from .random_views import softened, uniform

HELD_OUT = 60
"""Texture-swapped images of each shape that the judge is examined on."""


@frozen(eq=False)
class Swapped:
    """Texture-swapped images of both shapes, the source's first."""

    domains: Pair[Domain]
    load: int
    size: int

    @classmethod
    def of(cls, samples: EvaluationSet, count: int) -> Swapped | None:
        """From the dataset of `samples`, `count` a shape to learn from; None where it can make none."""
        dataset = samples.dataset
        if dataset is None:
            return None
        swapped = samples.common.once(("swapped", count), lambda: dataset.texture_swapped(count, HELD_OUT))
        if swapped is None:
            return None
        forward = samples.source_name == dataset.domains.a.name
        domains = swapped.domains if forward else swapped.domains.swap()
        return cls(domains, samples.load or samples.size, samples.size)

    def train(self, limit: int | None = None) -> Pair[Images]:
        """Images to learn from, the first `limit`."""
        return self.domains.map(lambda domain: cropped(domain.train, self.load, self.size, limit))

    def test(self) -> Pair[Images]:
        """Held-out images."""
        return self.domains.map(lambda domain: cropped(domain.test, self.load, self.size))


def grey(images: Images, size: int) -> Tensor:
    """uint8 (N, H, W, 3) -> (N, 1, size, size) in [-1, 1]: the plain mean of the channels."""
    return area_resized(images, size).mean(1, keepdim=True)


def blind_to_texture(x: Tensor, random: torch.Generator) -> Tensor:
    """(B, 3, H, W) -> (B, 1, H, W): random channel mix, blur, contrast, brightness and inversion."""

    def between(low: float, high: float) -> Tensor:
        return low + (high - low) * uniform(x, 1, random)

    mix = uniform(x, 3, random) + 0.05
    y = (x * mix / mix.sum(1, keepdim=True)).sum(1, keepdim=True)
    y = softened(y, random, 0.6)
    middle = y.mean((2, 3), keepdim=True)
    y = (y - middle) * between(0.5, 1.5) + middle + between(-0.4, 0.4)
    sign = torch.where(between(0, 1) < 0.3, -1.0, 1.0)
    return (y * sign).clamp(-1, 1)


def roughened(x: Tensor, random: torch.Generator) -> Tensor:
    """(B, 1, H, W) silhouettes with soft edges, because those of blurry translations are not clean."""
    return softened(x, random, 0.5, 3)
