"""GANimorph (Gokaslan et al. 2018), made for changes of shape: its generator. The losses are in `ganimorph_loss`.

From the paper and its public implementation: four halvings, residual blocks of three convolutions that concatenate
instead of adding, at three sizes on the way down and two on the way up, and skip connections between the two ways.
What differs, and why:

- Upsampling is nearest and a 3x3 convolution instead of a transposed 4x4 one: no checkerboards, fewer products.
  `strict` brings that back.
- Values are in [-1, 1] through tanh, where upstream has [0, 1] through a sigmoid.
- Any size from 64 px that 16 divides (norms need more than 2 x 2 pixels); upstream is 128 px only.
- One critic update comes before each generator update; upstream's code makes one to two of the generator's.
- No rotations: what a dataset gives is cropped and mirrored as for every other method.
"""

# B batch, C channels of the level (3 for images), H W its size

from __future__ import annotations

from collections.abc import Iterator

import torch
from attrs import frozen, validators
from torch import Tensor, nn

from ....framework import ImageSpec, InputError, LevelSpec, TranslatorOffer, Twins, hookimpl, option
from ...layers.blocks import Resize
from ...layers.norms import InstanceNorm

BLOCKS = 3
"""Residual blocks of a group."""


@frozen
class GanimorphOptions:
    """The published network is `strict = true`."""

    width: int = option(64, "channels of the first layer; the smallest maps have eight times as many", validators.ge(1))
    strict: bool = option(False, "transposed convolutions as published, which draw checkerboards, instead of resizing")


class Normed(nn.Sequential):
    """A convolution without bias, instance norm with scale and shift, ReLU."""

    def __init__(self, convolution: nn.Module, outs: int) -> None:
        super().__init__(convolution, InstanceNorm(outs, affine=True), nn.ReLU())


class ConcatBlock(nn.Module):
    """Two 3x3 convolutions, and a third of what they make and the input together: (B, ins, H, W) -> (B, outs, H, W)."""

    def __init__(self, ins: int, outs: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(Normed(same(ins, outs), outs), Normed(same(outs, outs), outs))
        self.join = Normed(same(outs + ins, outs), outs)

    def forward(self, x: Tensor) -> Tensor:
        """The two ways joined."""
        return self.join(torch.cat([self.layers(x), x], 1))


def same(ins: int, outs: int, dilation: int = 1) -> nn.Conv2d:
    """A 3x3 convolution that keeps the size."""
    return nn.Conv2d(ins, outs, 3, padding=dilation, dilation=dilation, bias=False)


def halving(ins: int, outs: int) -> nn.Conv2d:
    """A strided 4x4 convolution."""
    return nn.Conv2d(ins, outs, 4, 2, 1, bias=False)


def group(ins: int, outs: int) -> nn.Sequential:
    """Residual blocks."""
    return nn.Sequential(*(ConcatBlock(ins if k == 0 else outs, outs) for k in range(BLOCKS)))


class GanimorphGenerator(nn.Module):
    """An hourglass with residual blocks at the maps of stride 4, 8 and 16, joined by skip connections."""

    def __init__(self, channels: int, width: int, strict: bool) -> None:
        super().__init__()
        w = [width * 2**k for k in range(4)]

        def doubling(ins: int, outs: int) -> nn.Module:
            return nn.ConvTranspose2d(ins, outs, 4, 2, 1, bias=False) if strict else Resize(ins, outs)

        self.entry = nn.Sequential(halving(channels, w[0]), nn.ReLU())
        self.downs = nn.ModuleList(Normed(halving(w[k], w[k + 1]), w[k + 1]) for k in range(3))
        self.down_groups = nn.ModuleList(group(w[k + 1], w[k + 1]) for k in range(3))
        self.ups = nn.ModuleList(Normed(doubling(w[k + 1], w[k]), w[k]) for k in (2, 1, 0))
        self.up_groups = nn.ModuleList(group(2 * w[k], w[k]) for k in (2, 1))
        self.exit = doubling(w[0], channels)

    def forward(self, features: Tensor, deeper: Tensor | None = None) -> Tensor:
        """(B, C, H, W) in [-1, 1] -> the same shape, float32, in [-1, 1]. What is deeper is not looked at."""
        h, skips = self.entry(features), list[Tensor]()
        for down, blocks in zip(self.downs, self.down_groups):
            h = blocks(down(h))
            skips.append(h)
        for up, blocks, skip in zip(self.ups, self.up_groups, (skips[1], skips[0])):
            h = blocks(torch.cat([up(h), skip], 1))
        return torch.tanh(self.exit(self.ups[2](h)).float())


def build(options: GanimorphOptions, *, here: LevelSpec, image: ImageSpec) -> Twins:
    """Both generators. Raises InputError when the map cannot be halved four times."""
    size = here.size(image.size)
    if size % 16 or size < 64:
        raise InputError(
            f"translator ganimorph at level {here.number}",
            found=f"a map of {size} x {size}",
            expected="a multiple of 16, at least 64",
            cure="Use another image.size.",
        )
    return Twins(*(GanimorphGenerator(here.channels, options.width, options.strict) for _ in "ab"))


@hookimpl
def translators() -> Iterator[TranslatorOffer]:
    """GANimorph's generator."""
    yield TranslatorOffer(
        name="ganimorph",
        options=GanimorphOptions,
        build=build,
        summary="GANimorph's hourglass of concatenating residual blocks with skip connections",
        source="Gokaslan et al. 2018",
    )
