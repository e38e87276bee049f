"""DRIT's encoders and generators, concatenating or mixing the attribute in (Lee et al. 2018, 2020). No hook here.

`width` is the channels after the first convolution; each of `downs` halvings doubles them.
"""

# B batch, C channels of the level (3 for images), H W its size, S the attribute's size

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ....framework import noise_like
from ...layers.blocks import SLOPE, Resize, initialise
from ...layers.norms import InstanceNorm
from ..munit.networks import LayerNorm, ResBlock, StyleEncoder, conv, style_network

STRICT_SLOPE = 0.01
"""Of the public implementation's leaky ReLUs: the library's default."""


def start(network: nn.Module, init: str) -> None:
    """Convolutions from N(0, 0.02) ("normal", as published) or "kaiming"; linear layers as the library has them."""
    initialise(network, init, slope=0.0)
    for module in network.modules():
        if isinstance(module, nn.Linear):
            module.reset_parameters()


class ContentEncoder(nn.Module):
    """The part of one domain: (B, C, H, W) -> (B, C', H', W')."""

    def __init__(self, channels: int, width: int, downs: int, blocks: int, slope: float, init: str) -> None:
        super().__init__()
        layers: list[nn.Module] = [conv(channels, width, 7), nn.LeakyReLU(slope)]
        for _ in range(downs):
            layers += [conv(width, 2 * width, 3, 2), InstanceNorm(2 * width), nn.ReLU()]
            width *= 2
        self.layers = nn.Sequential(*layers, *(ResBlock(width) for _ in range(blocks)))
        start(self, init)

    def forward(self, features: Tensor) -> Tensor:
        """Level features -> what `SharedContent` takes."""
        return self.layers(features)


class SharedContent(nn.Module):
    """The part of both domains: one block, and while training noise from N(0, 1)."""

    def __init__(self, width: int, init: str) -> None:
        super().__init__()
        self.block = ResBlock(width)
        start(self, init)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C', H', W') -> content of the same shape."""
        h = self.block(x)
        return h + noise_like(h) if self.training else h


class Shrinking(nn.Module):
    """Two convolutions and the mean of 2x2 pixels, beside a 1x1 convolution of that mean: half the height and width."""

    def __init__(self, ins: int, outs: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.LeakyReLU(SLOPE), conv(ins, ins, 3), nn.LeakyReLU(SLOPE), conv(ins, outs, 3), nn.AvgPool2d(2)
        )
        self.beside = nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(ins, outs, 1))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C', H / 2, W / 2)."""
        return self.layers(x) + self.beside(x)


class AttributePosterior(nn.Module):
    """The concatenating variant's attribute encoder: a normal distribution. (B, C, H, W) -> (B, S) twice, float32."""

    def __init__(self, channels: int, width: int, downs: int, style_size: int, init: str) -> None:
        super().__init__()
        widths = [width * min(k + 1, 4) for k in range(downs)]
        self.layers = nn.Sequential(
            conv(channels, width, 4, 2), *(Shrinking(*pair) for pair in pairwise(widths)), nn.LeakyReLU(SLOPE)
        )
        self.mean, self.log_variance = (nn.Linear(widths[-1], style_size) for _ in range(2))
        start(self, init)

    def forward(self, features: Tensor) -> dict[str, Tensor]:
        """`mean` and `log_variance`."""
        h = self.layers(features).float().mean((2, 3))
        return {"mean": self.mean(h).float(), "log_variance": self.log_variance(h).float()}


class AttributeCode(StyleEncoder):
    """The mixing variant's attribute encoder: MUNIT's style encoder, otherwise initialised."""

    def __init__(self, channels: int, width: int, downs: int, style_size: int, init: str) -> None:
        super().__init__(channels, width, downs, style_size)
        start(self, init)
        if init == "normal":
            nn.init.normal_(self.last.weight, 0.0, 0.02)  # published as a 1x1 convolution

    def forward(self, features: Tensor) -> dict[str, Tensor]:  # type: ignore[override]
        """`mean` alone: there is no variance."""
        return {"mean": super().forward(features)}


def sampled(posterior: Mapping[str, Tensor]) -> Tensor:
    """Attributes (B, S) drawn from posteriors; where there is no variance, their means."""
    if "log_variance" not in posterior:
        return posterior["mean"]
    deviation = (0.5 * posterior["log_variance"]).exp()
    return posterior["mean"] + deviation * noise_like(deviation)


class Doubling(nn.Module):
    """Doubles height and width, then layer norm and ReLU. `strict`: by a transposed convolution, as published."""

    def __init__(self, ins: int, outs: int, strict: bool) -> None:
        super().__init__()
        self.up = nn.ConvTranspose2d(ins, outs, 3, 2, 1, output_padding=1) if strict else Resize(ins, outs)
        self.norm = LayerNorm(outs)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C', 2H, 2W)."""
        return F.relu(self.norm(self.up(x)))


class ConcatDecoder(nn.Module):
    """Takes the attribute as constant maps beside the content, before the blocks and before each later layer."""

    def __init__(
        self, channels: int, width: int, downs: int, blocks: int, style_size: int, strict: bool, init: str
    ) -> None:
        super().__init__()
        wide = width * 2**downs
        self.blocks = nn.Sequential(*(ResBlock(wide + style_size) for _ in range(blocks)))
        self.ups = nn.ModuleList()
        ins = wide + 2 * style_size
        for _ in range(downs):
            self.ups.append(Doubling(ins, ins // 2, strict))
            ins = ins // 2 + style_size
        self.last = nn.Conv2d(ins, channels, 1)
        start(self, init)

    def forward(self, content: Tensor, style: Tensor) -> Tensor:
        """Content (B, C', H', W') and attributes (B, S) -> level features (B, C, H, W) in [-1, 1], float32."""
        h = _beside(self.blocks(_beside(content, style)), style)
        for up in self.ups:
            h = _beside(up(h), style)
        return torch.tanh(self.last(h).float())


class MixBlock(nn.Module):
    """x + two times: a 3x3 convolution with instance norm, then two 1x1 ones of that and an attribute's numbers."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.convs = nn.ModuleList(nn.Sequential(conv(width, width, 3), InstanceNorm(width)) for _ in range(2))
        self.mixes = nn.ModuleList(
            nn.Sequential(nn.Conv2d(2 * width, 2 * width, 1), nn.ReLU(), nn.Conv2d(2 * width, width, 1), nn.ReLU())
            for _ in range(2)
        )

    def forward(self, x: Tensor, numbers: Tensor) -> Tensor:
        """(B, C, H, W) and (B, C) -> the shape of x."""
        h = x
        for convolution, mix in zip(self.convs, self.mixes):
            h = mix(_beside(convolution(h), numbers))
        return x + h


class MixDecoder(nn.Module):
    """Takes the attribute through a small network, which sets numbers that every block mixes in: for shape change."""

    def __init__(
        self, channels: int, width: int, downs: int, blocks: int, style_size: int, strict: bool, init: str
    ) -> None:
        super().__init__()
        wide = width * 2**downs
        self.style = style_network(style_size, wide * blocks)
        self.blocks = nn.ModuleList(MixBlock(wide) for _ in range(blocks))
        self.ups = nn.Sequential(*(Doubling(wide // 2**k, wide // 2 ** (k + 1), strict) for k in range(downs)))
        self.last = nn.Conv2d(width, channels, 1)
        start(self, init)

    def forward(self, content: Tensor, style: Tensor) -> Tensor:
        """Content (B, C', H', W') and attributes (B, S) -> level features (B, C, H, W) in [-1, 1], float32."""
        h = content
        for block, numbers in zip(self.blocks, self.style(style).chunk(len(self.blocks), dim=1)):
            h = block(h, numbers)
        return torch.tanh(self.last(self.ups(h)).float())


class Translator(nn.Module):
    """From one domain to the other: its source's content, in the space that both share, and a target attribute."""

    def __init__(self, nets: list[nn.Module], style_size: int) -> None:
        super().__init__()
        self.content, self.shared, self.bridge, self.attribute, self.decoder = nets
        self.style_size = style_size

    def forward(self, features: Tensor, deeper: Tensor | None, style: Tensor) -> Tensor:
        """(B, C, H, W) in [-1, 1] and attributes (B, S) -> (B, C, H, W) in [-1, 1]. What is deeper is not looked at."""
        return self.decoder(self.bridge(self.shared(self.content(features))), style)

    def style_of(self, features: Tensor) -> Tensor:
        """The attributes (B, S) of the target domain's features (B, C, H, W): their posterior's mean."""
        return self.attribute(features)["mean"]


def _beside(x: Tensor, style: Tensor) -> Tensor:
    """(B, C, H, W) and (B, S) -> (B, C + S, H, W)."""
    constant = style.to(x.dtype)[:, :, None, None].expand(-1, -1, x.shape[2], x.shape[3])
    return torch.cat([x, constant], dim=1)
