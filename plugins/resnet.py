"""A deepest translator of residual blocks at the level's own size: nothing is strided, so position is never lost."""

# B batch, C channels of the level, H W its size

from __future__ import annotations

from collections.abc import Iterator

import torch
from attrs import frozen, validators
from torch import Tensor, nn

from ..framework.contracts import TranslatorPair
from ..framework.hooks import hookimpl
from ..framework.offers import TranslatorOffer
from ..framework.spec import ImageSpec, LevelSpec
from .blocks import Twins, initialise, option, shrink
from .deepest import INSIDE, GroupNorm

BRANCH_GAIN = 0.3


@frozen
class ResnetOptions:
    """Ours: at small maps two residual blocks kept count and facing better than the strided Table S1."""

    width: int = option(128, "channels inside", validators.ge(8))
    blocks: int = option(2, "residual blocks of two convolutions each", validators.ge(1))
    groups: int = option(32, "groups of the group norms at most, of at least 4 channels each", validators.ge(1))


class Block(nn.Module):
    """x + conv(relu(norm(conv(relu(norm(x)))))), its branch small at the start."""

    def __init__(self, width: int, groups: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            GroupNorm(width, groups),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1),
            GroupNorm(width, groups),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> the same shape."""
        return x + self.layers(x)


class Resnet(nn.Module):
    """out = tanh(h + atanh(0.96 x)): starts near the identity and learns what to change."""

    def __init__(self, channels: int, options: ResnetOptions) -> None:
        super().__init__()
        width = options.width
        blocks = [Block(width, options.groups) for _ in range(options.blocks)]
        self.last = nn.Conv2d(width, channels, 3, padding=1)
        self.layers = nn.Sequential(
            nn.Conv2d(channels, width, 3, padding=1), *blocks, GroupNorm(width, options.groups), nn.ReLU()
        )
        initialise(self, "kaiming", slope=0.0)
        for block in blocks:
            convolution = block.layers[-1]
            assert isinstance(convolution, nn.Conv2d)
            with torch.no_grad():
                convolution.weight.mul_(BRANCH_GAIN)
        shrink(self.last, 0.1)

    def forward(self, features: Tensor, deeper: Tensor | None = None) -> Tensor:
        """(B, C, H, W) in [-1, 1] -> the same shape, float32, in [-1, 1]. There is nothing deeper."""
        del deeper
        h = self.last(self.layers(features)).float()
        return torch.tanh(h + torch.atanh(INSIDE * features.float()))


def build(options: ResnetOptions, *, here: LevelSpec, deeper: LevelSpec | None, image: ImageSpec) -> TranslatorPair:
    """Both translators of the deepest level; fits every size."""
    del deeper, image
    return Twins(lambda: Resnet(here.channels, options))


@hookimpl
def translators() -> Iterator[TranslatorOffer]:
    """The translator."""
    yield TranslatorOffer(
        name="resnet",
        options=ResnetOptions,
        build=build,
        summary="residual blocks at the level's own size, for the deepest level; keeps place and number",
        source="ours, after Table S1",
    )
