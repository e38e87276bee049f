"""MUNIT's encoders and decoder (Huang et al. 2018), and what DRIT shares with them. No hook here.

`width` is the channels after the first convolution; each of `downs` halvings doubles them.
"""

# B batch, C channels of the level (3 for images), H W its size, S the style's size

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ....framework import InputError
from ...layers.blocks import enlarged, initialise
from ...layers.borders import ReflectedConv
from ...layers.norms import EPSILON, InstanceNorm, adain

HIDDEN = 256
"""Units of the layers between a style and what it sets in the decoder."""
CODE_LIMIT = 4
"""The style encoder's channels grow to this many times `width`."""


def conv(ins: int, outs: int, kernel: int, stride: int = 1) -> nn.Conv2d:
    """A convolution with a mirrored border, which keeps height and width or (kernel 4, stride 2) halves them."""
    return ReflectedConv(ins, outs, kernel, stride, (kernel - 1) // 2)


class LayerNorm(nn.Module):
    """Each sample to mean 0 and deviation 1 over channels and space, then scale and shift by channel, in float32.

    The scales start uniform in [0, 1] where `random`, else at 1. `strict` divides by the unbiased deviation plus
    epsilon, as published: on a constant map its gradient is not a number.
    """

    def __init__(self, channels: int, *, random: bool = False, strict: bool = False) -> None:
        super().__init__()
        self.strict = strict
        self.weight = nn.Parameter(torch.rand(channels) if random else torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> the same shape and type."""
        h = x.float()
        if not self.strict:  # one group is this norm, and several times as quick as its parts
            return F.group_norm(h, 1, self.weight, self.bias, EPSILON).to(x.dtype)
        h = h - h.mean((1, 2, 3), keepdim=True)
        deviation = (h.square().sum((1, 2, 3), keepdim=True) / (h[0].numel() - 1)).sqrt()
        return torch.addcmul(self.bias[:, None, None], h / (deviation + EPSILON), self.weight[:, None, None]).to(
            x.dtype
        )


class ResBlock(nn.Module):
    """x + two 3x3 convolutions with instance norm, ReLU between them."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            conv(width, width, 3), InstanceNorm(width), nn.ReLU(), conv(width, width, 3), InstanceNorm(width)
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> the same shape."""
        return x + self.layers(x)


class ContentEncoder(nn.Module):
    """What is where: instance norm throughout, so that no style is left. (B, C, H, W) -> (B, C', H', W')."""

    def __init__(self, channels: int, width: int, downs: int, blocks: int) -> None:
        super().__init__()
        layers: list[nn.Module] = [conv(channels, width, 7), InstanceNorm(width), nn.ReLU()]
        for _ in range(downs):
            layers += [conv(width, 2 * width, 4, 2), InstanceNorm(2 * width), nn.ReLU()]
            width *= 2
        self.layers = nn.Sequential(*layers, *(ResBlock(width) for _ in range(blocks)))
        initialise(self, "kaiming", slope=0.0)

    def forward(self, features: Tensor) -> Tensor:
        """Level features -> content."""
        return self.layers(features)


class StyleEncoder(nn.Module):
    """The mean over space of strided convolutions without any norm: (B, C, H, W) -> (B, S), float32."""

    def __init__(self, channels: int, width: int, downs: int, style_size: int) -> None:
        super().__init__()
        layers: list[nn.Module] = [conv(channels, width, 7), nn.ReLU()]
        ins = width
        for k in range(downs):
            outs = width * min(2 ** (k + 1), CODE_LIMIT)
            layers += [conv(ins, outs, 4, 2), nn.ReLU()]
            ins = outs
        self.layers, self.last = nn.Sequential(*layers), nn.Linear(ins, style_size)
        initialise(self, "kaiming", slope=0.0)

    def forward(self, features: Tensor) -> Tensor:
        """Level features -> styles."""
        return self.last(self.layers(features).float().mean((2, 3))).float()


class Doubling(nn.Module):
    """Nearest-neighbour doubling, a 5x5 convolution to half the channels, layer norm, ReLU.

    Computed as one transposed convolution whose 6x6 kernel is folded from the 5x5 one: the same but for the border,
    which is zeros, with 36 instead of 100 products a source pixel. `strict`: as published, with a mirrored border.
    """

    def __init__(self, width: int, strict: bool) -> None:
        super().__init__()
        self.strict = strict
        self.conv = conv(width, width // 2, 5)
        self.norm = LayerNorm(width // 2, random=True, strict=strict)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C / 2, 2H, 2W)."""
        if self.strict:
            h = self.conv(F.interpolate(x, scale_factor=2.0, mode="nearest"))
        else:
            h = enlarged(x, self.conv)
        return F.relu(self.norm(h))


def style_network(style_size: int, numbers: int) -> nn.Sequential:
    """A style (B, S) -> the `numbers` that it sets in the decoder (B, numbers)."""
    first, second, last = nn.Linear(style_size, HIDDEN), nn.Linear(HIDDEN, HIDDEN), nn.Linear(HIDDEN, numbers)
    return nn.Sequential(first, nn.ReLU(), second, nn.ReLU(), last)


class Decoder(nn.Module):
    """Residual blocks whose AdaIN the style sets, then doublings with layer norm, which keeps what the style set.

    `strict` takes the style's scales as they come, as published, instead of 1 plus them.
    """

    def __init__(self, channels: int, width: int, downs: int, blocks: int, style_size: int, strict: bool) -> None:
        super().__init__()
        wide = width * 2**downs
        self.offset = 0.0 if strict else 1.0
        self.convs = nn.ModuleList(conv(wide, wide, 3) for _ in range(2 * blocks))
        self.ups = nn.Sequential(*(Doubling(wide // 2**k, strict) for k in range(downs)))
        self.last = conv(width, channels, 7)
        self.style = style_network(style_size, 2 * wide * len(self.convs))
        initialise(self, "kaiming", slope=0.0)

    def forward(self, content: Tensor, style: Tensor) -> Tensor:
        """Content (B, C', H', W') and styles (B, S) -> level features (B, C, H, W) in [-1, 1], float32."""
        numbers = self.style(style).float()[:, :, None, None].chunk(2 * len(self.convs), dim=1)
        h = content
        for k in range(0, len(self.convs), 2):
            first, second = ((self.offset + numbers[2 * n], numbers[2 * n + 1]) for n in (k, k + 1))
            inner = F.relu(adain(self.convs[k](h), *first))
            h = h + adain(self.convs[k + 1](inner), *second)
        return torch.tanh(self.last(self.ups(h)).float())


def check_size(size: int, downs: int, style_downs: int, where: str) -> None:
    """`InputError` unless a map of `size` pixels a side can be halved so often, exactly for the content."""
    if size % 2**downs or size < 2 ** (downs + 1):
        raise InputError(
            where,
            found=f"a map of {size} x {size} to halve {downs} times",
            expected=f"a multiple of {2**downs}, at least {2 ** (downs + 1)}",
            cure="Use another size or fewer `downs`.",
        )
    if size < 2**style_downs:
        raise InputError(
            where,
            found=f"a map of {size} x {size} to halve {style_downs} times for the style",
            expected=f"at least {2**style_downs}",
            cure="Use a larger size or fewer `style_downs`.",
        )
