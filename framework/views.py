"""What losses read. A view is made once a step and computes lazily, at most once each: a loss that nobody uses is free.

B batch, C channels, H W space; i level. Every `Pair` is by the domain that the tensor *is in*: `fake.b` is made from a.
Translators are called `net(features, deeper)`, inverters `net(features)`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from .contracts import Encoder
from .spec import Pair

Features = Mapping[int, Tensor]


def _translate(net: nn.Module, features: Tensor, deeper: Tensor | None) -> Tensor:
    return net(features, deeper)


class TranslationView:
    """One level's translators at work (Sec. 3, Fig. 2).

    `features` are real normalised features of this level, `condition` those of the next deeper one (a_{i+1}, b_{i+1}),
    `translated` the deeper level's translations by domain they are in (a~_{i+1}, b~_{i+1}); Nones at the deepest level.
    """

    def __init__(
        self, into: Pair[nn.Module], features: Pair[Tensor], condition: Pair[Any], translated: Pair[Any]
    ) -> None:
        self.into, self.features, self.condition, self.translated = into, features, condition, translated

    @property
    def real(self) -> Pair[Tensor]:
        """What critics compare `fake` with."""
        return self.features

    @cached_property
    def fake(self) -> Pair[Tensor]:
        """fake.b = G_B(a_i, b~_{i+1})."""
        return self.into.zip(_translate, self.features.swap(), self.translated)

    @cached_property
    def cycled(self) -> Pair[Tensor]:
        """cycled.a = G_A(G_B(a_i, b~_{i+1}), a_{i+1}), to be like features.a."""
        return self.into.zip(_translate, self.fake.swap(), self.condition)

    @cached_property
    def same(self) -> Pair[Tensor]:
        """same.a = G_A(a_i, a_{i+1}), to be like features.a."""
        return self.into.zip(_translate, self.features, self.condition)


class InversionView:
    """One level's inverters at work: `images` (B, 3, H, W) in [-1, 1] and their normalised `features`.

    `encode_levels` are the encoder levels that the stage's losses together want of the images.
    """

    def __init__(
        self,
        inverters: Pair[nn.Module],
        images: Pair[Tensor],
        features: Pair[Tensor],
        encoder: Encoder,
        encode_levels: tuple[int, ...],
    ) -> None:
        self.inverters, self.images, self.features = inverters, images, features
        self._encoder, self._levels = encoder, encode_levels

    @property
    def real(self) -> Pair[Tensor]:
        """The images, which critics compare `fake` with."""
        return self.images

    @cached_property
    def reconstructed(self) -> Pair[Tensor]:
        """Each domain's inverter on its own features, to be like `images`."""
        return self.inverters.zip(lambda net, x: net(x), self.features)

    @property
    def fake(self) -> Pair[Tensor]:
        """What critics judge."""
        return self.reconstructed

    @cached_property
    def encoded_real(self) -> Pair[Features]:
        """Raw encoder features of `images`, without gradient."""
        with torch.no_grad():
            return self._encode(self.images)

    @cached_property
    def encoded_reconstructed(self) -> Pair[Features]:
        """Raw encoder features of `reconstructed`."""
        return self._encode(self.reconstructed)

    @property
    def encoded_fake(self) -> Pair[Features]:
        """Raw encoder features of `fake`."""
        return self.encoded_reconstructed

    def _encode(self, images: Pair[Tensor]) -> Pair[Features]:
        both = self._encoder(torch.cat([images.a, images.b]), self._levels)  # one pass for both domains
        n = len(images.a)
        return Pair({i: f[:n] for i, f in both.items()}, {i: f[n:] for i, f in both.items()})


class RefineView(InversionView):
    """The shallowest translators and the inverters together, judged in pixel space.

    `translations` holds the frozen deeper translations by level (`translations.b[i]` = b~_i) and `normalise` turns raw
    encoder features into the same normalised form, by domain.
    """

    def __init__(
        self,
        into: Pair[nn.Module],
        inverters: Pair[nn.Module],
        images: Pair[Tensor],
        features: Pair[Tensor],
        condition: Pair[Any],
        translations: Pair[Features],
        normalise: Pair[Any],
        encoder: Encoder,
        encode_levels: tuple[int, ...],
    ) -> None:
        super().__init__(inverters, images, features, encoder, encode_levels)
        self.translations, self.normalise = translations, normalise
        deepest_given = translations.map(lambda t: t[min(t)] if t else None)
        self._level = TranslationView(into, features, condition, deepest_given)

    @property
    def same(self) -> Pair[Tensor]:
        """Translators on their own domain's features, to be like `features`."""
        return self._level.same

    @property
    def fake_features(self) -> Pair[Tensor]:
        """The shallowest level's translations."""
        return self._level.fake

    @cached_property
    def fake(self) -> Pair[Tensor]:
        """Translated images."""
        return self.inverters.zip(lambda net, x: net(x), self.fake_features)

    @cached_property
    def encoded_fake(self) -> Pair[Features]:
        """Raw encoder features of the translated images."""
        return self._encode(self.fake)


class Detached:
    """A view for critics: the same attributes, cut off from the translators' graph."""

    def __init__(self, view: Any) -> None:
        self._view = view

    def __getattr__(self, name: str) -> Any:
        return _detach(getattr(self._view, name))


def _detach(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.detach()
    if isinstance(value, Pair):
        return value.map(_detach)
    if isinstance(value, Mapping):
        return {k: _detach(v) for k, v in value.items()}
    return value
