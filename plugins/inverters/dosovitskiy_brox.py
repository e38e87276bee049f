"""Feature inversion: from one level's normalised features back to the image (supplementary 6.1.2)."""

# B batch, C channels of the level, H W its size

from __future__ import annotations

from collections.abc import Iterator

import torch
from attrs import frozen, validators
from torch import Tensor, nn

from ...framework import ImageSpec, InputError, InverterOffer, LevelSpec, hookimpl, option
from ..layers.blocks import SLOPE, UPSAMPLING, doubling, halvings, initialise, shrink


@frozen
class InverterOptions:
    """The paper's inverter is `width = 0, min_width = 1, upsample = "transposed", convs = 3`."""

    width: int = option(
        0,
        "channels of the first convolutions (0: the level's, as in the paper; more where a level is thin)",
        validators.ge(0),
    )
    min_width: int = option(
        16, "every doubling of the size halves the channels, down to this (gaps table, row 22)", validators.ge(1)
    )
    upsample: str = option(
        "transposed",
        "transposed: kernel 4, stride 2 (the paper; gaps table, row 22); resize: nearest and 3x3, no dot "
        "grid; shuffle: sub-pixel",
        validators.in_(UPSAMPLING),
    )
    convs: int = option(3, "3x3 convolutions before the first doubling (paper: 3)", validators.ge(1))
    extra: tuple[int, ...] = option(
        (), "channels of one more 3x3 convolution after each doubling, 0 for none, in order (paper: none)"
    )
    mask: bool = option(
        False, "also a foreground map: where it is 0, the translated image is the source (ours; the paper: none)"
    )


MOSTLY = 2.0
"""What a foreground map's logits are at the start: nearly all of the image counts."""


class Inverter(nn.Module):
    """Three convolutions, then doublings up to the image, leaky ReLU 0.2, no norm, tanh.

    Starts near mid-grey: a last layer of unit gain saturates the tanh, and where images are mostly dark nothing then
    brings it back. Raises InputError when the level's stride cannot be reached by doubling.
    """

    masked: bool

    def __init__(self, options: InverterOptions, *, level: LevelSpec, image: ImageSpec) -> None:
        super().__init__()
        level.size(image.size)
        where, doublings = f"inverter dosovitskiy-brox at level {level.number}", halvings(level.stride)
        if doublings is None:
            cure = "Invert another level."
            raise InputError(where, found=f"stride {level.stride}", expected="a power of two", cure=cure)
        if len(options.extra) > doublings:
            raise InputError(where, found=f"extra = {list(options.extra)}", expected=f"at most {doublings} numbers")
        channels, width = level.channels, options.width or level.channels
        layers: list[nn.Module] = []
        for ins in [channels, *[width] * (options.convs - 1)]:
            layers += [nn.Conv2d(ins, width, 3, padding=1), nn.LeakyReLU(SLOPE)]
        for step in range(doublings):
            narrow = max(width // 2, min(options.min_width, width))
            layers += [doubling(options.upsample, width, narrow), nn.LeakyReLU(SLOPE)]
            width = narrow
            if step < len(options.extra) and options.extra[step]:
                layers += [nn.Conv2d(width, options.extra[step], 3, padding=1), nn.LeakyReLU(SLOPE)]
                width = options.extra[step]
        last = nn.Conv2d(width, 3, 3, padding=1)
        self.layers = nn.Sequential(*layers, last)
        self.masked = options.mask
        if self.masked:
            self.mask = nn.Conv2d(width, 1, 3, padding=1)
        initialise(self)
        shrink(last, 0.3)
        if self.masked:
            shrink(self.mask, 0.3)

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, H, W) in [-1, 1] -> images (B, 3, H * stride, W * stride), float32, in [-1, 1]."""
        return torch.tanh(self.layers(features).float())

    def with_mask(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """The same, and the foreground map (B, 1, H * stride, W * stride), float32, in [0, 1]."""
        last = len(self.layers) - 1
        painted = self.layers[:last](features)
        return torch.tanh(self.layers[last](painted).float()), torch.sigmoid(self.mask(painted).float() + MOSTLY)


@hookimpl
def inverters() -> Iterator[InverterOffer]:
    """Feature inversion."""
    yield InverterOffer(
        name="dosovitskiy-brox",
        options=InverterOptions,
        build=Inverter,
        summary="convolutions and doublings up to the image, one network a domain and level",
        source="Supplementary 6.1.2 (Feature Inversion), after Dosovitskiy & Brox 2016",
    )
