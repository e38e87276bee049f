"""Pixels and tensors: uint8 (N, H, W, 3) is what people and files have, (N, 3, H, W) in [-1, 1] what networks read."""

# N images, H W space, C channels

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .device import CPU


def from_pixels(pixels: Tensor) -> Tensor:
    """uint8 (N, H, W, 3) -> (N, 3, H, W) in [-1, 1], channels last in memory."""
    return pixels.permute(0, 3, 1, 2).float() / 127.5 - 1.0


def from_steps(steps: Tensor) -> Tensor:
    """int8 (N, H, W, C), as features are stored -> (N, C, H, W) in [-1, 1], channels last in memory."""
    return steps.permute(0, 3, 1, 2).float() / 127.0


def as_steps(x: Tensor) -> Tensor:
    """(N, C, H, W) in [-1, 1] -> int8 (N, H, W, C) in steps of 1/127, rounded half to even."""
    return (x.float() * 127.0).round().to(torch.int8).permute(0, 2, 3, 1)


def as_pixels(x: Tensor) -> Tensor:
    """(N, 3, H, W) in [-1, 1] -> uint8 (N, H, W, 3), rounded half to even."""
    return ((x.float().clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).permute(0, 2, 3, 1)


def as_grey(mask: Tensor) -> Tensor:
    """(N, 1, H, W) in [0, 1] -> uint8 (N, H, W), rounded half to even."""
    return (mask.float().clamp(0, 1) * 255).round().to(torch.uint8).squeeze(1)


def to_tensor(images: NDArray[np.uint8], device: torch.device | str = CPU) -> Tensor:
    """`from_pixels` of an array, on `device`."""
    return from_pixels(tensor_of(images).to(device))


def to_images(x: Tensor) -> NDArray[np.uint8]:
    """`as_pixels` as an array."""
    return as_pixels(x.detach()).contiguous().cpu().numpy()


def to_mask(mask: Tensor) -> NDArray[np.uint8]:
    """`as_grey` as an array."""
    return as_grey(mask.detach()).contiguous().cpu().numpy()


def tensor_of(array: NDArray[Any]) -> Tensor:
    """The array as a tensor; it may be part of a memory-mapped file."""
    # rows picked by number are a copy already; a slice of the map is read-only, which torch does not know
    return torch.from_numpy(np.ascontiguousarray(array) if array.flags.writeable else np.array(array))
