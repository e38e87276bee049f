"""The image itself as level 0, for methods that translate pixels: a baseline is a cascade of one stage."""

# B batch, H W space

from __future__ import annotations

from collections.abc import Iterator, Sequence

from torch import Tensor, nn

from ...framework import (
    Encoder,
    EncoderOffer,
    ImageSpec,
    InputError,
    InverterOffer,
    LevelSpec,
    NoOptions,
    PyramidSpec,
    hookimpl,
)


class Pixels(Encoder):
    """Level 0 is the image, already in [-1, 1]."""

    normalised = True

    def __init__(self) -> None:
        super().__init__()
        self.pyramid = PyramidSpec((LevelSpec(0, "pixels", 3, 1),))

    def forward(self, images: Tensor, levels: Sequence[int]) -> dict[int, Tensor]:
        """Images (B, 3, H, W) in [-1, 1] -> {0: the same}."""
        return {self.pyramid[level].number: images for level in levels}


def build_none(options: NoOptions, *, level: LevelSpec, image: ImageSpec) -> nn.Module:
    """The identity, for level 0 only."""
    del options, image
    if level.number != 0:
        raise InputError(
            "inverter none",
            found=f"level {level.number} ({level.tap}, {level.channels} channels)",
            expected="level 0, where features are images",
            cure='Use another inverter, or encoder = { use = "pixels" }.',
        )
    return nn.Identity()


@hookimpl
def encoders() -> Iterator[EncoderOffer]:
    """Pixels."""
    yield EncoderOffer(name="pixels", build=lambda _: Pixels(), summary="the image itself, as level 0")


@hookimpl
def inverters() -> Iterator[InverterOffer]:
    """None."""
    yield InverterOffer(name="none", build=build_none, summary="nothing to invert: level 0 is the image")
