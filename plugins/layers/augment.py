"""What a critic sees of images, changed at random: it cannot learn few images by heart. No hook here."""

# B batch, H W space

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from ...framework import of_batch


def augmented(images: Tensor, policies: Sequence[str]) -> Tensor:
    """Images (B, 3, H, W) in [-1, 1], each changed in its own way, with gradients (Zhao et al. 2020, DiffAugment).

    A critic must see real and translated images so, in each of its updates and in its generator's, else the changes
    would become the translator's.
    """
    for name in policies:
        images = POLICIES[name](images)
    return images


def _uniform(images: Tensor, low: float, high: float) -> Tensor:
    """A number for each row of the batch, (B, 1, 1, 1)."""
    drawn = of_batch(lambda n: torch.rand(n, 1, 1, 1), len(images))
    return (low + (high - low) * drawn).to(images.device, non_blocking=True)


def _colour(x: Tensor) -> Tensor:
    """Brightness by up to half, saturation from none to double, contrast from half to one and a half."""
    x = x + _uniform(x, -0.5, 0.5)
    grey = x.mean(1, keepdim=True)
    x = grey + (x - grey) * _uniform(x, 0, 2)
    mean = x.mean((1, 2, 3), keepdim=True)
    return mean + (x - mean) * _uniform(x, 0.5, 1.5)


def _translation(x: Tensor) -> Tensor:
    """Shifts by up to an eighth of the size, black where nothing comes in."""
    rows, size = torch.arange(len(x), device=x.device)[:, None, None], x.shape[-1]
    most = size // 8
    places = torch.arange(size, device=x.device)
    down, right = (places + _uniform(x, 0, 2 * most + 1).long().view(-1, 1) for _ in range(2))
    padded = F.pad(x, (most, most, most, most)).permute(0, 2, 3, 1)
    return padded[rows, down[:, :, None], right[:, None, :]].permute(0, 3, 1, 2)


def _cutout(x: Tensor) -> Tensor:
    """A grey square of half the size, anywhere."""
    size = x.shape[-1]
    places = torch.arange(size, device=x.device)
    inside = [(places - _uniform(x, 0, size).view(-1, 1)).abs() < size / 4 for _ in range(2)]
    return x * ~(inside[0][:, None, :, None] & inside[1][:, None, None, :])


POLICIES: Mapping[str, Callable[[Tensor], Tensor]] = {
    "colour": _colour,
    "translation": _translation,
    "cutout": _cutout,
}
