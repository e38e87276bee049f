"""Losses on contents and styles (MUNIT, DRIT), and MUNIT's perceptual term."""

# B batch, C channels, H W space, S the style's size; i level

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from attrs import frozen, validators
from torch import Tensor
from torch.nn import functional as F

from ....framework import (
    Catalogue,
    Encoder,
    ImageSpec,
    InputError,
    LevelSpec,
    Loss,
    LossOffer,
    View,
    hookimpl,
    l1,
    option,
)
from ...layers.blocks import check_half
from .translator import ContentView, MunitView


@frozen
class PerceptualOptions:
    """MUNIT's is VGG-16's conv5_3 after the ReLU."""

    encoder: str = option("efficientnet-lite0", "the frozen encoder that compares, with its default options")
    levels: tuple[int, ...] = option(
        (), "its levels to compare (none: the deepest)", validators.deep_iterable(validators.ge(0))
    )


class StyleReconstruction(Loss[ContentView]):
    """The style that a translation was given can be read off it: |S_B(G_B(c_a, s)) - s| and the same for a."""

    needs = frozenset({"recovered_styles", "drawn"})

    def terms(self, view: ContentView) -> Mapping[str, Tensor]:
        """`style`: mean absolute difference, summed over both domains."""
        a, b = view.recovered_styles.zip(l1, view.drawn)
        return {"style": a + b}


class ContentReconstruction(Loss[MunitView]):
    """A translation has its source's content: |E_B(G_B(c_a, s)) - c_a| and the same for b."""

    needs = frozenset({"recovered_contents", "contents"})

    def terms(self, view: MunitView) -> Mapping[str, Tensor]:
        """`content`: mean absolute difference, summed over both domains."""
        a, b = view.recovered_contents.zip(l1, view.contents)
        return {"content": a + b}


class Perceptual(Loss[View]):
    """A translated image has its source's features but for each channel's mean and deviation: mean squared difference.

    MUNIT's domain-invariant perceptual loss. Its authors use it for images of 512 pixels and more.
    """

    needs = frozenset({"fake", "real"})

    def __init__(self, encoder: Encoder, levels: tuple[int, ...]) -> None:
        super().__init__()
        self.encoder, self.levels = encoder, levels

    def terms(self, view: View) -> Mapping[str, Tensor]:
        """`perceptual`: the mean over the levels, summed over both directions."""
        a, b = view.fake.zip(self._difference, view.real.swap())
        return {"perceptual": a + b}

    def _difference(self, fake: Tensor, source: Tensor) -> Tensor:
        with torch.no_grad():
            wanted = self._encode(source)
        shown = self._encode(fake)
        return torch.stack([(shown[i] - wanted[i]).square().mean() for i in self.levels]).mean()

    def _encode(self, images: Tensor) -> dict[int, Tensor]:
        return {i: F.instance_norm(f.float()) for i, f in self.encoder.encode(images, self.levels).items()}


def build_perceptual(
    options: PerceptualOptions, *, here: LevelSpec, image: ImageSpec, catalogue: Catalogue
) -> Perceptual:
    """The loss with an encoder of its own: the cascade's is `pixels`. InputError when it does not fit the images."""
    if here.number != 0:
        raise InputError(
            f"loss perceptual at level {here.number}",
            found="features to compare",
            expected="images, which are level 0",
            cure="Use the losses `cycle` and `identity` there.",
        )
    comparer: Encoder = catalogue.build("encoder", options.encoder)
    levels = options.levels or comparer.pyramid.numbers[-1:]
    for level in (comparer.pyramid[i] for i in levels):
        check_half(level.size(image.size), 1, f"loss perceptual, level {level.number}", "Use shallower `levels`.")
    return Perceptual(comparer, levels)


@hookimpl
def losses() -> Iterator[LossOffer]:
    """Style and content reconstruction, and the perceptual term."""
    yield LossOffer(
        name="style-reconstruction",
        build=lambda _: StyleReconstruction(),
        source="Huang et al. 2018, eq. 4; Lee et al. 2018, latent regression",
        summary="a translation's style is the one that it was given (MUNIT: weight 1, DRIT: 10)",
    )
    yield LossOffer(
        name="content-reconstruction",
        build=lambda _: ContentReconstruction(),
        source="Huang et al. 2018, eq. 3",
        summary="a translation's content is its source's (MUNIT: weight 1)",
    )
    yield LossOffer(
        name="perceptual",
        options=PerceptualOptions,
        build=build_perceptual,
        source="Huang et al. 2018, sec. 5.1",
        summary="a translated image has its source's deep features, but for their statistics (MUNIT: weight 0 or 1)",
    )
