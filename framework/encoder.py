"""What an encoder must be, and features by level.

Shapes: B batch, C channels, H W space; i level. Images are (B, 3, H, W) in [-1, 1].
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from .errors import InputError
from .spec import Pair, PyramidSpec

Features = Mapping[int, Tensor]
"""Maps (B, C_i, H_i, W_i) by level."""


class Encoder(nn.Module, ABC):
    """A frozen network whose feature maps are tapped at several levels.

    `pyramid` lists the levels, shallow to deep. `normalised` says that the features are already in [-1, 1] and
    need no statistics (the image itself). Parameters carry no gradient and the module stays in eval mode.
    """

    pyramid: PyramidSpec
    normalised: bool = False
    exact: bool = False
    """Losses see its features in float32, because bfloat16 is no quicker with a gradient, or too coarse."""

    @abstractmethod
    def forward(self, images: Tensor, levels: Sequence[int]) -> dict[int, Tensor]:
        """Raw features by level number: images (B, 3, H, W) in [-1, 1] -> {i: (B, C_i, H / stride_i, W / stride_i)}.

        Runs no deeper than the deepest of `levels`.
        """

    def encode(self, images: Tensor, levels: Sequence[int]) -> dict[int, Tensor]:
        """The features as losses see them."""
        if not self.exact:
            return self(images, levels)
        with torch.autocast(images.device.type, enabled=False):
            return self(images.float(), levels)

    def continued(self, features: Tensor, level: int, levels: Sequence[int]) -> dict[int, Tensor]:
        """What `forward` gives at `levels`, none shallower than `level`, of that one's raw features (B, C, H, W).

        The gradient reaches the features. Raises InputError where the network cannot go on from there, as here.
        """
        raise InputError(f"encoder {type(self).__name__}", found="no method `continued`", expected="one, for this loss")

    def encode_on(self, features: Tensor, level: int, levels: Sequence[int]) -> dict[int, Tensor]:
        """The same as losses see it."""
        if not self.exact:
            return self.continued(features, level, levels)
        with torch.autocast(features.device.type, enabled=False):
            return self.continued(features.float(), level, levels)

    def pooled(self, images: Tensor, size: int | None = None) -> Tensor:
        """One vector an image (B, D), which metrics compare; images are resized to `size` pixels first.

        Raises InputError where the network has none, as here.
        """
        raise InputError(f"encoder {type(self).__name__}", found="no method `pooled`", expected="one, for this metric")

    def train(self, mode: bool = True) -> Encoder:
        """Stays in eval mode whatever is asked: batch statistics of a frozen encoder must never move."""
        del mode
        return super().train(False)


def by_level(maps: Mapping[int, Pair[Tensor]]) -> Pair[Features]:
    """Each level's pair as a pair of levels."""
    return Pair({i: pair.a for i, pair in maps.items()}, {i: pair.b for i, pair in maps.items()})


def at_level(features: Pair[Features], level: int) -> Pair[Tensor]:
    """One level's maps."""
    return features.map(lambda maps: maps[level])


def shallowest(features: Features) -> Tensor:
    """The map nearest to the image, or the only one."""
    return features[min(features)]
