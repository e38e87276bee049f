"""What several plugins of the method share: networks by domain, upsampling, initial weights. No hook here."""

# B batch, C channels, H W space

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...framework import InputError, Pair

SLOPE = 0.2
"""Of every leaky ReLU (supplementary 6.1.2)."""
UPSAMPLING = ("transposed", "resize", "shuffle")


class Both:
    """Of a module, both domains' networks as a `Pair`: `content = Both()` has `content_a` and `content_b`."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, module: nn.Module, owner: type) -> Pair[nn.Module]:
        return Pair(getattr(module, f"{self.name}_a"), getattr(module, f"{self.name}_b"))


class Resize(nn.Module):
    """Nearest-neighbour doubling, then a 3x3 convolution: (B, C, H, W) -> (B, C', 2H, 2W).

    Computed as one transposed convolution whose 4x4 kernel is folded from the 3x3 one: the same result to rounding,
    without the upsampled map and with 16 instead of 36 products a source pixel (a third to a half of the time on a
    processor). The weights stay those of the 3x3 convolution, which is what cannot draw a checkerboard.
    """

    def __init__(self, ins: int, outs: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(ins, outs, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Doubles height and width."""
        return enlarged(x, self.conv)


def enlarged(x: Tensor, conv: nn.Conv2d) -> Tensor:
    """(B, C, H, W) -> (B, C', 2H, 2W): nearest-neighbour doubling and a convolution with a border of zeros."""
    kernel = _folded(_folded(conv.weight, 2), 3).transpose(0, 1)
    return F.conv_transpose2d(x, kernel, conv.bias, stride=2, padding=kernel.shape[2] // 2 - 1)


def _folded(kernel: Tensor, dim: int) -> Tensor:
    """n taps on doubled pixels as n + 1 of a transposed convolution: those that fall on one source pixel, summed.

    Additions only, which autocast leaves in float32.
    """
    taps = kernel.unbind(dim)[::-1]  # an exporter folds these to a constant, as it does not flip and cat
    return torch.stack([taps[0], *(here + before for before, here in pairwise(taps)), taps[-1]], dim)


class Shuffle(nn.Module):
    """A 3x3 convolution to four times the channels, which become the four pixels of each: sub-pixel convolution."""

    def __init__(self, ins: int, outs: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(ins, 4 * outs, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C', 2H, 2W)."""
        return F.pixel_shuffle(self.conv(x), 2)


def doubling(how: str, ins: int, outs: int) -> nn.Module:
    """A layer that doubles height and width; `how` is one of `UPSAMPLING`."""
    if how == "transposed":  # kernel 4, stride 2, padding 1 doubles exactly (gaps table, row 11)
        return nn.ConvTranspose2d(ins, outs, 4, stride=2, padding=1)
    return Resize(ins, outs) if how == "resize" else Shuffle(ins, outs)


def halvings(ratio: float) -> int | None:
    """k when `ratio` is 2 to the k, k >= 0; else None."""
    k = round(math.log2(ratio)) if ratio >= 1 else -1
    return k if k >= 0 and 2**k == ratio else None


def check_half(size: int, times: int, where: str, cure: str) -> None:
    """`InputError` when a map of `size` pixels a side has nothing left to halve before `times` halvings are done."""
    if size < 2**times:
        raise InputError(where, found=f"a map of {size} x {size}", expected=f"at least {2**times}", cure=cure)


def initialise(network: nn.Module, how: str = "kaiming", slope: float = SLOPE) -> None:
    """Weights of all convolutions and linear layers, biases zero.

    "kaiming" keeps the activations' scale for (leaky) ReLUs of `slope`; "normal" is N(0, 0.02), the custom of this
    field since CycleGAN (gaps table, row 19).
    """
    gain = math.sqrt(2 / (1 + slope**2))
    for module in network.modules():
        if not isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            continue
        fan = module.weight[0].numel()
        if isinstance(module, nn.ConvTranspose2d):  # only 1 / stride^2 of the taps meet in an output pixel
            fan = module.weight[:, 0].numel() // math.prod(module.stride)
        _normal(module.weight, 0.02 if how == "normal" else gain / math.sqrt(fan))
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    for module in network.modules():
        if isinstance(module, Shuffle):  # ICNR: the four pixels start equal, so nothing checkered is there to unlearn
            weight = module.conv.weight
            with torch.no_grad():
                weight.copy_(weight[::4].repeat_interleave(4, dim=0))


def _normal(weight: Tensor, deviation: float) -> None:
    """Draws weights. Those that are only described (`meta`) have none, and PyTorch takes a second to find that out."""
    if not weight.is_meta:
        nn.init.normal_(weight, 0.0, deviation)


def shrink(layer: nn.Conv2d | nn.Linear, gain: float) -> None:
    """Restarts a last layer with weights N(0, (gain / sqrt(fan in))^2), so that what it adds starts small."""
    _normal(layer.weight, gain / math.sqrt(layer.weight[0].numel()))
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
