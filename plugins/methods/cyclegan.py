"""CycleGAN's generator (Zhu et al. 2017): a residual network between two halvings and two doublings.

With the losses `lsgan` (critic "patchgan", a pool of 50), `cycle` (weight 10) and `identity` (weight 5 = 10 * 0.5) on
level 0 this is CycleGAN. What differs from the public implementation, and why:

- Upsampling is nearest and a 3x3 convolution: the published transposed convolution overlaps unevenly, which draws
  checkerboards. `strict` brings it back.
- The critics learn before the translators, on the same step's fakes; upstream the other way round.
- The critics' loss is not halved: with Adam a constant factor changes nothing.
- The rate falls to 5 % instead of to 0, where the last updates would do nothing.
- Every test image is translated, not the first 50.
"""

# B batch, C channels of the level (3 for images), H W its size

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise

import torch
from attrs import frozen, validators
from torch import Tensor, nn
from torch.nn import functional as F

from ...framework import ImageSpec, InputError, LevelSpec, TranslatorOffer, Twins, hookimpl, option
from ..layers.blocks import Resize, initialise
from ..layers.borders import reflected
from ..layers.norms import InstanceNorm

LARGE = 256
"""Pixels a side from which the published network has nine blocks instead of six."""


@frozen
class ResnetOptions:
    """The published network is `strict = true`."""

    width: int = option(
        64, "channels of the first and last layer; the blocks have four times as many", validators.ge(1)
    )
    blocks: int = option(0, f"residual blocks (0: 6, or 9 from {LARGE} px, as published)", validators.ge(0))
    strict: bool = option(False, "transposed convolutions as published, which draw checkerboards, instead of resizing")


class ResnetBlock(nn.Module):
    """x + two reflected 3x3 convolutions with instance norm, ReLU between them."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = (nn.Conv2d(width, width, 3) for _ in range(2))
        self.norm = InstanceNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> the same shape."""
        h = F.relu(self.norm(self.first(reflected(x, 1))))
        return x + self.norm(self.second(reflected(h, 1)))


def halving(ins: int, outs: int) -> nn.Module:
    """A strided 3x3 convolution."""
    return nn.Conv2d(ins, outs, 3, 2, 1)


def transposed(ins: int, outs: int) -> nn.Module:
    """A transposed 3x3 convolution, whose taps overlap in every second row and column only."""
    return nn.ConvTranspose2d(ins, outs, 3, 2, 1, output_padding=1)


class ResnetGenerator(nn.Module):
    """Reflected 7x7, two halvings, blocks, two doublings, reflected 7x7, tanh; instance norm and ReLU between."""

    def __init__(
        self,
        channels: int,
        width: int,
        blocks: int,
        down: Callable[[int, int], nn.Module] = halving,
        up: Callable[[int, int], nn.Module] = Resize,
    ) -> None:
        super().__init__()
        w = [width, 2 * width, 4 * width]
        self.entry, self.exit = nn.Conv2d(channels, width, 7), nn.Conv2d(width, channels, 7)
        self.downs = nn.ModuleList(down(ins, outs) for ins, outs in pairwise(w))
        self.blocks = nn.ModuleList(ResnetBlock(w[-1]) for _ in range(blocks))
        self.ups = nn.ModuleList(up(ins, outs) for ins, outs in pairwise(w[::-1]))
        self.norms = nn.ModuleList(InstanceNorm(n) for n in (*w, *w[-2::-1]))
        initialise(self, "normal")

    def encode(self, features: Tensor, blocks: int) -> list[Tensor]:
        """The input, each halving before its norm, and the results of the first `blocks` blocks, at least 1."""
        h = F.relu(self.norms[0](self.entry(reflected(features, 3))))
        maps = [features]
        for down, norm in zip(self.downs, self.norms[1:]):
            maps.append(down(h))
            h = F.relu(norm(maps[-1]))
        for block in self.blocks[:blocks]:
            h = block(h)
            maps.append(h)
        return maps

    def decode(self, h: Tensor) -> Tensor:
        """The last block's result -> features in [-1, 1], float32."""
        for up, norm in zip(self.ups, self.norms[3:]):
            h = F.relu(norm(up(h)))
        return torch.tanh(self.exit(reflected(h, 3)).float())

    def forward(self, features: Tensor, deeper: Tensor | None = None) -> Tensor:
        """(B, C, H, W) in [-1, 1] -> the same shape, float32, in [-1, 1]. What is deeper is not looked at."""
        return self.decode(self.encode(features, len(self.blocks))[-1])


def check_quarters(size: int, where: str) -> None:
    """`InputError` unless maps of `size` pixels a side can be halved twice and doubled back, with borders to mirror."""
    if size % 4 or size < 8:
        raise InputError(
            where, found=f"a map of {size} x {size}", expected="a multiple of 4, at least 8", cure="Use another size."
        )


def published_blocks(size: int) -> int:
    """Residual blocks for maps of `size` pixels a side."""
    return 9 if size >= LARGE else 6


def build(options: ResnetOptions, *, here: LevelSpec, image: ImageSpec) -> Twins:
    """Both generators, for images (level 0) or any level's features. Raises InputError when maps cannot be halved."""
    size = here.size(image.size)
    check_quarters(size, f"translator cyclegan-resnet at level {here.number}")
    blocks = options.blocks or published_blocks(size)
    up = transposed if options.strict else Resize
    return Twins(*(ResnetGenerator(here.channels, options.width, blocks, up=up) for _ in "ab"))


@hookimpl
def translators() -> Iterator[TranslatorOffer]:
    """The residual generator."""
    yield TranslatorOffer(
        name="cyclegan-resnet",
        options=ResnetOptions,
        build=build,
        summary="CycleGAN's residual generator, resizing instead of transposed convolutions",
        source="Zhu et al. 2017",
    )
