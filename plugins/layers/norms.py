"""AdaIN and instance norm, quick on channels-last maps, where the library's own costs more than the convolutions."""

# B batch, C channels, H W space

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from ...framework.support import ranks

EPSILON = 1e-5


class _Adain(torch.autograd.Function):
    """AdaIN with its gradient written out, in few passes over the map: a third to a half of autograd's time."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
        h = x.float()
        h = h - h.mean((2, 3), keepdim=True)
        rate = torch.rsqrt(h.square().mean((2, 3), keepdim=True) + EPSILON)
        h = h * rate
        ctx.save_for_backward(h, scale, rate)
        return torch.addcmul(shift, h, scale).to(x.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        h, scale, rate = ctx.saved_tensors
        g, pixels = upstream.float(), h.shape[2] * h.shape[3]
        to_shift, to_scale = g.mean((2, 3), keepdim=True), (g * h).mean((2, 3), keepdim=True)
        to_x = (g - to_shift).addcmul_(h, -to_scale).mul_(scale * rate)
        return to_x.to(upstream.dtype), to_scale * pixels, to_shift * pixels


def adain(x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """Adaptive instance normalisation (Huang & Belongie 2017): `scale` * (x - mean) / deviation + `shift`.

    x (B, C, H, W); scale and shift (B, C, 1, 1) float32. Statistics are each instance's, biased, in float32; the
    result has x's type. A pure function: parameters kept in a module's buffers export as wrong graphs.
    """
    if not torch.compiler.is_compiling():
        return _Adain.apply(x, scale, shift)
    # Exported this is one InstanceNormalization, a multiplication and an addition.
    return torch.addcmul(shift, F.instance_norm(x.float(), eps=EPSILON), scale).to(x.dtype)


class BatchNorm(nn.BatchNorm2d):
    """Batch norm by the batch's own statistics, of all processes that share it; there are no running ones."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, track_running_stats=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> the same shape and type."""
        if ranks.world() == 1:
            return super().forward(x)
        h = x.float() - ranks.over_all(x.float().mean((0, 2, 3), keepdim=True))
        rate = torch.rsqrt(ranks.over_all(h.square().mean((0, 2, 3), keepdim=True)) + self.eps)
        return torch.addcmul(self.bias[:, None, None], h * rate, self.weight[:, None, None]).to(x.dtype)


class InstanceNorm(nn.Module):
    """Each map of each sample to mean 0 and variance 1, without running statistics; `affine` learns scale and shift.

    Statistics are float32 whatever the map's type. There is no second derivative: no gradient penalty under it.
    """

    def __init__(self, channels: int, affine: bool = False) -> None:
        super().__init__()
        self.affine = affine
        if affine:
            self.weight, self.bias = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> the same shape and type."""
        weight, bias = (self.weight, self.bias) if self.affine else (None, None)
        if torch.compiler.is_compiling():
            return F.instance_norm(x.float(), weight=weight, bias=bias, eps=EPSILON).to(x.dtype)
        shape = (len(x), x.shape[1], 1, 1)
        if weight is None or bias is None:
            one = x.new_ones((), dtype=torch.float32).expand(shape)
            return adain(x, one, torch.zeros_like(one))
        return adain(x, weight[:, None, None].expand(shape), bias[:, None, None].expand(shape))
