"""DRIT and DRIT++ (Lee et al. 2018, 2020): a content space that both domains share, and attributes of each domain.

On level 0, with the losses and weights of `recipe_drit.toml`, this is DRIT++. Its two variants: `variant = "concat"`
puts the attribute beside the content as constant maps; "mix" lets it set numbers that every block mixes in, which the
authors advise where the shape changes (their `--concat 0`). Parameters at the published sizes are in `DritOptions`.

`strict` brings back the transposed convolutions, which overlap unevenly and draw checkerboards, and leaky ReLUs of
slope 0.01 (the library's default). In `content-adversarial` it brings back a critic that fails on crops below 212 px.
Upstream's switch for norms compares two constants, so that no critic ever has one; `content-adversarial` has a `norm`.

Their two phases are one step here. Upstream first updates encoders and generators on the encoded attributes, then
content encoders and generators alone on random ones, from one forward pass; here one update has the sum of both
gradients, and latent regression reaches no attribute encoder, as in the second phase. To first order that is the same.
One batch serves both, where upstream halves it. The content critic has its own cadence (`steps = 3`: two updates alone
and one with the others). There is no weight decay (1e-4), and what is kept is a moving average.
"""

# B batch, C channels of the level (3 for images), H W its size, S the attribute's size

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any

from attrs import frozen, validators
from torch import Tensor, nn
from torch.func import functional_call

from ....framework import Features, ImageSpec, LevelSpec, Pair, TranslatorOffer, TranslatorPair, hookimpl, option
from ...layers.blocks import SLOPE, Both
from ..munit.networks import ResBlock, check_size
from ..munit.translator import ContentView, call
from .networks import (
    STRICT_SLOPE,
    AttributeCode,
    AttributePosterior,
    ConcatDecoder,
    ContentEncoder,
    MixDecoder,
    SharedContent,
    Translator,
    sampled,
    start,
)


@frozen
class DritOptions:
    """The published networks are the defaults with `strict = true`.

    Parameters of both directions together: 21.27 million (concat), 31.69 million (mix).
    """

    variant: str = option(
        "concat", "how the attribute comes in: concat, or mix for a change of shape", validators.in_(("concat", "mix"))
    )
    width: int = option(64, "channels after the first convolution", validators.ge(1))
    downs: int = option(2, "halvings of the content, each of which doubles the channels", validators.ge(0))
    blocks: int = option(
        3, 'residual blocks of each content encoder and of each "concat" generator; a "mix" one has one more',
        validators.ge(1),
    )  # fmt: skip
    style_size: int = option(8, "numbers that make an attribute", validators.ge(1))
    style_downs: int = option(4, "halvings of the attribute encoder", validators.ge(1))
    init: str = option(
        "normal",
        "initial weights of convolutions: normal with deviation 0.02, as published, or kaiming, which starts with "
        "attributes that matter",
        validators.in_(("normal", "kaiming")),
    )
    strict: bool = option(False, "transposed convolutions and slopes as published, which draw checkerboards")


class DritView(ContentView):
    """DRIT's: attributes are the styles, and two more translations. Contents are in the space that both share."""

    _pair: Drit

    @cached_property
    def posteriors(self) -> Pair[dict[str, Tensor]]:
        """Each real image's attribute: `mean` and, where it has one, `log_variance`, each (B, S)."""
        return self._pair.attribute.zip(call, self.real)

    @cached_property
    def styles(self) -> Pair[Tensor]:
        """Attributes drawn from the posteriors."""
        return self.posteriors.map(sampled)

    @cached_property
    def drawn_again(self) -> Pair[Tensor]:
        """Others from the prior."""
        return self._random()

    @cached_property
    def varied(self) -> Pair[Tensor]:
        """varied.b = G_B(contents.a, drawn_again.b)."""
        return self._pair.decoded(self.contents.swap(), self.drawn_again)

    @cached_property
    def swapped(self) -> Pair[Tensor]:
        """swapped.b = G_B(contents.a, styles.b)."""
        return self._pair.decoded(self.contents.swap(), self.styles)

    @cached_property
    def cycled(self) -> Pair[Features]:
        """Swapped twice: cycled.a has swapped.b's content and swapped.a's attribute, to be like features.a."""
        contents = self._pair.contents_of(self.swapped).swap()
        styles = self._pair.attribute.zip(call, self.swapped).map(sampled)
        return self._levelled(self._pair.decoded(contents, styles))

    @cached_property
    def recovered_styles(self) -> Pair[Tensor]:
        """recovered_styles.b = the mean that fake.b encodes to; its gradient does not reach the attribute encoder."""
        return self._pair.attribute.zip(_call_frozen, self.fake).map(lambda posterior: posterior["mean"])


def _call_frozen(net: nn.Module, features: Tensor) -> Any:
    return functional_call(net, {name: p.detach() for name, p in net.named_parameters()}, (features,))


class Drit(TranslatorPair):
    """Both domains' encoders and generators, and the parts that they share.

    Raises InputError when the map cannot be halved so often.
    """

    view = DritView
    content, attribute, decoder = Both(), Both(), Both()

    def __init__(self, options: DritOptions, *, here: LevelSpec, image: ImageSpec) -> None:
        super().__init__()
        o, channels, where = options, here.channels, f"translator drit at level {here.number}"
        check_size(here.size(image.size), o.downs, o.style_downs, where)
        self.style_size = o.style_size
        wide, slope = o.width * 2**o.downs, STRICT_SLOPE if o.strict else SLOPE
        self.content_a, self.content_b = (
            ContentEncoder(channels, o.width, o.downs, o.blocks, slope, o.init) for _ in "ab"
        )
        self.shared = SharedContent(wide, o.init)
        attribute: type[nn.Module] = AttributePosterior if o.variant == "concat" else AttributeCode
        self.attribute_a, self.attribute_b = (
            attribute(channels, o.width, o.style_downs, o.style_size, o.init) for _ in "ab"
        )
        self.bridge: nn.Module = nn.Identity()
        if o.variant == "concat":
            self.bridge = ResBlock(wide)
            start(self.bridge, o.init)
        decoder, blocks = (ConcatDecoder, o.blocks) if o.variant == "concat" else (MixDecoder, o.blocks + 1)
        self.decoder_a, self.decoder_b = (
            decoder(channels, o.width, o.downs, blocks, o.style_size, o.strict, o.init) for _ in "ab"
        )

    @property
    def into(self) -> Pair[nn.Module]:
        """Each domain's attribute encoder and generator, on the other's content."""
        return self.content.swap().zip(
            lambda c, e, g: Translator([c, self.shared, self.bridge, e, g], self.style_size),
            self.attribute,
            self.decoder,
        )

    def contents_of(self, features: Pair[Tensor]) -> Pair[Tensor]:
        """Each domain's features -> contents in the shared space."""
        return self.content.zip(lambda net, x: self.shared(net(x)), features)

    def decoded(self, contents: Pair[Tensor], styles: Pair[Tensor]) -> Pair[Tensor]:
        """Contents and attributes (B, S) -> each domain's features."""
        return self.decoder.zip(lambda net, content, style: net(self.bridge(content), style), contents, styles)


@hookimpl
def translators() -> Iterator[TranslatorOffer]:
    """DRIT."""
    yield TranslatorOffer(
        name="drit",
        options=DritOptions,
        build=Drit,
        summary="a shared content space and attributes by domain: many translations of one image",
        source="Lee et al. 2018, 2020",
    )
