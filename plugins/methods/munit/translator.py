"""MUNIT (Huang et al. 2018): a content that both domains have, a style of the domain's own, and AdaIN to join them.

With the losses `multiscale` (weight 1), `identity` (10: an image from its own content and style), `cycle` (10 for
photographs, else left out), `style-reconstruction` (1) and `content-reconstruction` (1) on level 0 this is MUNIT;
`perceptual` is its optional term for images of 512 pixels and more. Nothing is shared between the domains.

`strict` brings back what the public implementation has and we do not:

- AdaIN's scales are what the style gives, not 1 plus it: at the start they are of either sign, and the residual blocks
  scramble what comes through.
- Layer norm divides by the deviation plus epsilon: a crop of one colour makes the gradient not a number.
- The doublings' convolutions mirror the border, where zeros let them be computed with a third of the products.

What differs all the same: critics and translators see one draw of styles a step, not one each; no weight decay (1e-4);
the rate falls linearly instead of halving every 100,000 steps; what is kept is a moving average; and batches are drawn
from both domains alike, where upstream stops each pass at the end of the smaller one.
"""

# B batch, C channels of the level (3 for images), H W its size, S the style's size

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property, partial
from typing import Any

import torch
from attrs import frozen, validators
from torch import Tensor, nn

from ....framework import (
    Features,
    ImageSpec,
    LevelSpec,
    Pair,
    TranslationView,
    TranslatorOffer,
    TranslatorPair,
    hookimpl,
    of_batch,
    option,
)
from ...layers.blocks import Both
from .networks import ContentEncoder, Decoder, StyleEncoder, check_size


@frozen
class MunitOptions:
    """The published networks are the defaults with `strict = true`: 30.05 million parameters, both directions."""

    width: int = option(64, "channels after the first convolution", validators.ge(1))
    downs: int = option(2, "halvings of the content, each of which doubles the channels", validators.ge(0))
    blocks: int = option(4, "residual blocks of the content encoder, and as many of the decoder", validators.ge(1))
    style_size: int = option(8, "numbers that make a style", validators.ge(1))
    style_downs: int = option(4, "halvings of the style encoder", validators.ge(1))
    strict: bool = option(False, "AdaIN and layer norm as published, which start badly and may end in not-a-number")


class Translator(nn.Module):
    """From one domain to the other: its source's content in a style of its target."""

    def __init__(self, content: nn.Module, style: nn.Module, decoder: nn.Module, style_size: int) -> None:
        super().__init__()
        self.content, self.style, self.decoder, self.style_size = content, style, decoder, style_size

    def forward(self, features: Tensor, deeper: Tensor | None, style: Tensor) -> Tensor:
        """(B, C, H, W) in [-1, 1] and styles (B, S) -> (B, C, H, W) in [-1, 1]. What is deeper is not looked at."""
        return self.decoder(self.content(features), style)

    def style_of(self, features: Tensor) -> Tensor:
        """The styles (B, S) of the target domain's features (B, C, H, W)."""
        return self.style(features)


class ContentView(TranslationView):
    """Contents, styles and what is made of them. A Pair is by the domain that the tensor belongs to.

    Abstract: `styles` and `recovered_styles` are the methods' own.
    """

    _pair: Any

    @cached_property
    def styles(self) -> Pair[Tensor]:
        """Of the real features."""
        raise NotImplementedError

    @cached_property
    def recovered_styles(self) -> Pair[Tensor]:
        """Of `fake`, to be like `drawn`."""
        raise NotImplementedError

    @cached_property
    def contents(self) -> Pair[Tensor]:
        """contents.a = E_A(a)."""
        return self._pair.contents_of(self.real)

    @cached_property
    def drawn(self) -> Pair[Tensor]:
        """Styles from the prior."""
        return self._random()

    @cached_property
    def fake(self) -> Pair[Tensor]:
        """fake.b = G_B(contents.a, drawn.b)."""
        return self._pair.decoded(self.contents.swap(), self.drawn)

    @cached_property
    def identity(self) -> Pair[Features]:
        """identity.a = {i: G_A(contents.a, styles.a)}, to be like features.a."""
        return self._levelled(self._pair.decoded(self.contents, self.styles))

    def _random(self) -> Pair[Tensor]:
        size = self._pair.style_size
        return self.real.map(lambda x: of_batch(lambda n: torch.randn(n, size, device=x.device), len(x)))


class MunitView(ContentView):
    """MUNIT's: contents of translations, too."""

    _pair: Munit

    @cached_property
    def styles(self) -> Pair[Tensor]:
        """styles.a = S_A(a)."""
        return self._pair.style.zip(call, self.real)

    @cached_property
    def recovered_contents(self) -> Pair[Tensor]:
        """recovered_contents.a = E_B(fake.b), to be like contents.a."""
        return self._pair.contents_of(self.fake).swap()

    @cached_property
    def recovered_styles(self) -> Pair[Tensor]:
        """recovered_styles.b = S_B(fake.b), to be like drawn.b."""
        return self._pair.style.zip(call, self.fake)

    @cached_property
    def cycled(self) -> Pair[Features]:
        """cycled.a = {i: G_A(E_B(fake.b), styles.a)}, to be like features.a."""
        return self._levelled(self._pair.decoded(self.recovered_contents, self.styles))


def call(net: Any, *inputs: Tensor) -> Any:
    """The network's output, for `Pair.zip`."""
    return net(*inputs)


class Munit(TranslatorPair):
    """Both domains' encoders and decoders. Raises InputError when the map cannot be halved so often."""

    view = MunitView
    content, style, decoder = Both(), Both(), Both()

    def __init__(self, options: MunitOptions, *, here: LevelSpec, image: ImageSpec) -> None:
        super().__init__()
        o, channels, where = options, here.channels, f"translator munit at level {here.number}"
        check_size(here.size(image.size), o.downs, o.style_downs, where)
        self.style_size = o.style_size
        self.content_a, self.content_b = (ContentEncoder(channels, o.width, o.downs, o.blocks) for _ in "ab")
        self.style_a, self.style_b = (StyleEncoder(channels, o.width, o.style_downs, o.style_size) for _ in "ab")
        self.decoder_a, self.decoder_b = (
            Decoder(channels, o.width, o.downs, o.blocks, o.style_size, o.strict) for _ in "ab"
        )

    @property
    def into(self) -> Pair[nn.Module]:
        """Each domain's style and decoder, on the other's content."""
        make = partial(Translator, style_size=self.style_size)
        return self.content.swap().zip(make, self.style, self.decoder)

    def contents_of(self, features: Pair[Tensor]) -> Pair[Tensor]:
        """Each domain's features -> contents."""
        return self.content.zip(call, features)

    def decoded(self, contents: Pair[Tensor], styles: Pair[Tensor]) -> Pair[Tensor]:
        """Contents and styles (B, S) -> each domain's features."""
        return self.decoder.zip(call, contents, styles)


@hookimpl
def translators() -> Iterator[TranslatorOffer]:
    """MUNIT."""
    yield TranslatorOffer(
        name="munit",
        options=MunitOptions,
        build=Munit,
        summary="content and style apart, joined by AdaIN: many translations of one image",
        source="Huang et al. 2018",
    )
