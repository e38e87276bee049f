"""The deepest level's translator: encoder and decoder by strided convolutions (Table S1), unconditional."""

# B batch, C channels of the level, H W its size

from __future__ import annotations

from collections.abc import Iterator

import torch
from attrs import frozen, validators
from torch import Tensor, nn
from torch.nn import functional as F

from ...framework import ImageSpec, InputError, LevelSpec, TranslatorOffer, Twins, hookimpl, option
from ..layers.blocks import check_half, initialise, shrink

INSIDE = 0.96
"""Features may be exactly +-1, whose atanh is infinite: the skip carries this share of them."""


@frozen
class DeepestOptions:
    """Table S1 is `width = 512, residual = false`."""

    width: int = option(512, "channels of the widest layers, even (Table S1: 512)", validators.ge(8))
    residual: bool = option(
        True,
        "out = tanh(h + atanh(0.96 x)) with a small last layer at the start; false is Table S1, which must "
        "first learn to copy and collapses on low-rank features (gaps table, row 9: no skip connections)",
    )
    downs: int = option(
        2,
        "strided convolutions (Table S1: 2); with 1 the second pair keeps the size, for small maps; with 0 there are "
        "residual `blocks` at the full size instead, which keep what is where best on small maps",
        validators.in_((0, 1, 2)),
    )
    blocks: int = option(2, "residual blocks where downs = 0 (Table S1 has none)", validators.ge(1))
    groups: int = option(
        32, "groups of the group norms at most, of at least 4 channels each (gaps table, row 9: 32)", validators.ge(1)
    )
    init: str = option(
        "kaiming",
        "initial weights: kaiming, or normal with deviation 0.02 (gaps table, row 19)",
        validators.in_(("kaiming", "normal")),
    )


class GroupNorm(nn.GroupNorm):
    """Group norm in float32: on processors bfloat16 costs three times as much when groups are small."""

    def __init__(self, channels: int, groups: int) -> None:
        fitting = (g for g in range(min(groups, max(1, channels // 4)), 0, -1) if channels % g == 0)
        super().__init__(next(fitting), channels)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> the same shape and type."""
        return F.group_norm(x.float(), self.num_groups, self.weight, self.bias, self.eps).to(x.dtype)


class Block(nn.Module):
    """x + conv(relu(norm(conv(relu(norm(x)))))), near the identity at first: (B, width, H, W) -> the same shape."""

    def __init__(self, width: int, groups: int) -> None:
        super().__init__()
        first, self.second = (nn.Conv2d(width, width, 3, padding=1) for _ in range(2))
        self.layers = nn.Sequential(GroupNorm(width, groups), nn.ReLU(), first, GroupNorm(width, groups), nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        """Adds what the block has learnt."""
        return x + self.second(self.layers(x))


class Deepest(nn.Module):
    """Table S1: each convolution but the first and last is followed by group norm and ReLU. Or blocks in its place.

    The output padding of each transposed convolution is derived from the sizes on the way down: 14 -> 7 -> 4 needs
    (0, 1) (gaps table, row 8).
    """

    def __init__(self, channels: int, size: int, options: DeepestOptions) -> None:
        super().__init__()
        self.residual = options.residual
        self.layers = self._strided(channels, size, options) if options.downs else self._blocks(channels, options)
        self.last = nn.Conv2d(options.width, channels, 3, padding=1)
        initialise(self, options.init, slope=0.0)
        shrink(self.last, 0.1 if self.residual else 0.5)
        for module in self.modules():
            if isinstance(module, Block):
                shrink(module.second, 0.4)

    @staticmethod
    def _blocks(channels: int, options: DeepestOptions) -> nn.Sequential:
        blocks = [Block(options.width, options.groups) for _ in range(options.blocks)]
        first = nn.Conv2d(channels, options.width, 3, padding=1)
        return nn.Sequential(first, *blocks, GroupNorm(options.width, options.groups), nn.ReLU())

    @staticmethod
    def _strided(channels: int, size: int, options: DeepestOptions) -> nn.Sequential:
        wide, half = options.width, options.width // 2
        sizes = [size, (size + 1) // 2]
        sizes.append((sizes[1] + 1) // 2 if options.downs == 2 else sizes[1])

        def up(ins: int, outs: int, small: int, large: int) -> nn.Module:
            if small == large and options.downs == 1:
                return nn.Conv2d(ins, outs, 3, padding=1)
            return nn.ConvTranspose2d(ins, outs, 3, 2, 1, output_padding=large - (2 * small - 1))

        def normed(layer: nn.Module, outs: int) -> list[nn.Module]:
            return [layer, GroupNorm(outs, options.groups), nn.ReLU()]

        return nn.Sequential(
            nn.Conv2d(channels, wide, 3, padding=1),
            *normed(nn.Conv2d(wide, half, 3, 2, 1), half),
            *normed(nn.Conv2d(half, wide, 3, options.downs, 1), wide),
            *normed(up(wide, half, sizes[2], sizes[1]), half),
            *normed(up(half, half, sizes[1], sizes[0]), half),
            *normed(nn.Conv2d(half, wide, 3, padding=1), wide),
        )

    def forward(self, features: Tensor, deeper: Tensor | None = None) -> Tensor:
        """(B, C, H, W) in [-1, 1] -> the same shape, float32, in [-1, 1]. There is nothing deeper."""
        h = self.last(self.layers(features)).float()  # tanh in float32: bfloat16 has 3 steps between 0.99 and 1
        return torch.tanh(h + torch.atanh(INSIDE * features.float()) if self.residual else h)


def build(options: DeepestOptions, *, here: LevelSpec, image: ImageSpec) -> Twins:
    """Both translators of the deepest level. Raises InputError when the level is too small to be halved."""
    size, where = here.size(image.size), f"translator deepest at level {here.number}"
    if options.width % 2:
        raise InputError(where, found=f"width = {options.width}", expected="an even number", cure="Half of it is used.")
    cure = f"Use a larger image.size or downs = {1 if size > 1 else 0}."
    check_half(size, options.downs, where, cure)
    return Twins(*(Deepest(here.channels, size, options) for _ in "ab"))


@hookimpl
def translators() -> Iterator[TranslatorOffer]:
    """The deepest level's translator."""
    yield TranslatorOffer(
        name="deepest",
        options=DeepestOptions,
        build=build,
        begins_with_input=lambda options: options.residual,
        summary="strided encoder-decoder for the deepest level, unconditional; a skip by default",
        source="Table S1",
    )
