"""What losses read. A view is made once a step and computes lazily, at most once each: a loss that nobody uses is free.

B batch, C channels, H W space; i level. Every `Pair` is by the domain that the tensor *is in*: `fake.b` is made from a.
Translators are called `net(features, deeper)`, inverters `net(features)`. A translator with styles is given random ones
for `fake`, and those of the real features for `cycled` and `same`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from .spec import Pair
from .styles import run

if TYPE_CHECKING:
    from .contracts import Encoder

Features = Mapping[int, Tensor]


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
        return self.into.zip(run, self.features.swap(), self.translated)

    @cached_property
    def cycled(self) -> Pair[Tensor]:
        """cycled.a = G_A(G_B(a_i, b~_{i+1}), a_{i+1}), to be like features.a."""
        return self.into.zip(run, self.fake.swap(), self.condition, self.features)

    @cached_property
    def same(self) -> Pair[Tensor]:
        """same.a = G_A(a_i, a_{i+1}), to be like features.a."""
        return self.into.zip(run, self.features, self.condition, self.features)


class InversionView:
    """One level's inverters at work: `images` (B, 3, H, W) in [-1, 1] and their normalised `features`.

    `reconstructed` may hold only the first rows of `images`.

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
        self.inverters, self.images, self._features = inverters, images, features
        self._encoder, self._levels = encoder, encode_levels

    @property
    def features(self) -> Pair[Tensor]:
        """Real normalised features of the level."""
        return self._features

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
        n = len(images.a)
        pictures = torch.cat([images.a, images.b])  # one pass for both domains
        if self._encoder.exact:
            with torch.autocast(pictures.device.type, enabled=False):
                both = self._encoder(pictures.float(), self._levels)
        else:
            both = self._encoder(pictures, self._levels)
        return Pair({i: f[:n] for i, f in both.items()}, {i: f[n:] for i, f in both.items()})


class RefineView(InversionView):
    """The shallowest translators and the inverters together, judged in pixel space.

    `into` are the translators that learn, by level, deep to shallow, and `levels` their domains' real features. The
    first of them is given `condition` or `translated` from the frozen deeper level, each next one what the one before
    it made. `frozen` holds translations from before the refinement by level: those of the frozen deeper levels or, when
    all learn, the deepest's. `normalise` turns raw encoder features into the
    same normalised form, by domain. `share` of the rows are also reconstructed: there the networks see real features.
    """

    def __init__(
        self,
        into: Mapping[int, Pair[nn.Module]],
        inverters: Pair[nn.Module],
        images: Pair[Tensor],
        levels: Mapping[int, Pair[Tensor]],
        condition: Pair[Any],
        translated: Pair[Any],
        frozen: Pair[Features],
        normalise: Pair[Any],
        encoder: Encoder,
        encode_levels: tuple[int, ...],
        share: float = 1.0,
    ) -> None:
        super().__init__(inverters, images, levels[min(levels)], encoder, encode_levels)
        self._into, self._real, self._condition, self._translated = into, levels, condition, translated
        self._frozen, self.normalise = frozen, normalise
        self._rows = max(1, round(share * len(images.a)))

    def _chain(self, sources: Mapping[int, Pair[Tensor]], deeper: Pair[Any], *like: Any) -> Pair[Features]:
        made: dict[int, Pair[Tensor]] = {}
        for i, into in self._into.items():
            deeper = made[i] = into.zip(run, sources[i], deeper, *(styles[i] for styles in like))
        return Pair({i: p.a for i, p in made.items()}, {i: p.b for i, p in made.items()})

    @cached_property
    def features(self) -> Pair[Features]:  # type: ignore[override]
        """Real features of the rows that are reconstructed, by level."""
        rows = {i: p.map(self._some) for i, p in self._real.items()}
        return Pair({i: p.a for i, p in rows.items()}, {i: p.b for i, p in rows.items()})

    @cached_property
    def same(self) -> Pair[Features]:
        """Translators on their own domain's features, by level, to be like `features`."""
        own = {i: p.map(self._some) for i, p in self._real.items()}
        return self._chain(own, self._condition.map(self._some), own)

    @cached_property
    def fake_features(self) -> Pair[Features]:
        """The learning levels' translations."""
        return self._chain({i: p.swap() for i, p in self._real.items()}, self._translated)

    @cached_property
    def cycled(self) -> Pair[Features]:
        """The deepest learning level translated there and back, as {level: map}, to be like `features`."""
        i = next(iter(self._into))
        there = self.fake_features.swap().map(lambda made: self._some(made[i]))
        back = self._into[i].zip(run, there, self._condition.map(self._some), self.features.map(lambda real: real[i]))
        return back.map(lambda x: {i: x})

    @cached_property
    def fake(self) -> Pair[Tensor]:
        """Translated images."""
        return self.inverters.zip(lambda net, made: net(made[min(made)]), self.fake_features)

    @cached_property
    def reconstructed(self) -> Pair[Tensor]:
        """The first rows' images, through their own domain's translators and inverter."""
        return self.inverters.zip(lambda net, made: net(made[min(made)]), self.same)

    @cached_property
    def translations(self) -> Pair[Features]:
        """What the translated image's deeper levels must be: the frozen translations, else this view's own, cut off."""

        def deeper(frozen: Features, made: Features) -> Features:
            return {**{i: f.detach() for i, f in made.items() if i != min(made)}, **frozen}

        return self._frozen.zip(deeper, self.fake_features)

    @cached_property
    def encoded_fake(self) -> Pair[Features]:
        """Raw encoder features of the translated images."""
        return self._encode(self.fake)

    def _some(self, rows: Any) -> Any:
        return rows if rows is None else rows[: self._rows]


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
