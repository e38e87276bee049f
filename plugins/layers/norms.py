"""Instance norm that is quick on channels-last maps, where the library's own costs more than the convolutions."""

# B batch, C channels, H W space

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..translators.adain import EPSILON, adain


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
