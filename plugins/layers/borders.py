"""Mirrored borders. No hook here."""

# B batch, C channels, H W space

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def reflected(x: Tensor, pixels: int) -> Tensor:
    """(B, C, H, W) with a mirrored border of `pixels`.

    The gradient of PyTorch's own is summed in any order on a GPU: a deterministic run mirrors and joins.
    """
    if x.is_cuda and torch.are_deterministic_algorithms_enabled():
        return joined(x, pixels)
    return F.pad(x, (pixels,) * 4, mode="reflect")


def joined(x: Tensor, pixels: int) -> Tensor:
    """`reflected`, of flipped pieces."""
    for dim in (2, 3):
        before, after = x.narrow(dim, 1, pixels), x.narrow(dim, x.shape[dim] - 1 - pixels, pixels)
        x = torch.cat([before.flip(dim), x, after.flip(dim)], dim)
    return x


class ReflectedConv(nn.Conv2d):
    """A convolution with a mirrored border of `padding` pixels."""

    def __init__(self, ins: int, outs: int, kernel: int, stride: int, padding: int) -> None:
        super().__init__(ins, outs, kernel, stride, padding, padding_mode="reflect")
        self.border = padding

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C', H', W')."""
        return F.conv2d(reflected(x, self.border), self.weight, self.bias, self.stride)
