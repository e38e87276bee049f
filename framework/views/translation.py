"""What losses read of a level's translators."""

# B batch, C channels, H W space; i level

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import torch
from attrs import define
from torch import Tensor, nn

from ..encoder import Encoder, Features, by_level, shallowest
from ..spec import Pair
from ..styles import run
from .view import View

if TYPE_CHECKING:
    from ..features.normalise import Normalise


class Into(Protocol):
    """What a view asks of a pair of translators."""

    @property
    def into(self) -> Pair[nn.Module]:
        """The translator into each domain."""


@define(kw_only=True, slots=False, eq=False)
class TranslationView(View):
    """One level's translators at work (Sec. 3, Fig. 2).

    `features` are those of this level, `condition` those of the next deeper one (a_{i+1}, b_{i+1}), `translated` the
    deeper level's translations by domain they are in (a~_{i+1}, b~_{i+1}); Nones at the deepest level. The encoder
    goes on from this level to `encode_levels`, those that the stage's losses together want of it.
    """

    _pair: Into
    features: Pair[Features]
    _condition: Pair[Tensor | None]
    _translated: Pair[Tensor | None]
    _normalise: Pair[Normalise] | None = None
    _encoder: Encoder | None = None
    _encode_levels: tuple[int, ...] = ()

    @cached_property
    def _into(self) -> Pair[nn.Module]:
        return self._pair.into

    @cached_property
    def real(self) -> Pair[Tensor]:
        """This level's features."""
        return self.features.map(shallowest)

    @cached_property
    def fake(self) -> Pair[Tensor]:
        """fake.b = G_B(a_i, b~_{i+1})."""
        return self._into.zip(run, self.real.swap(), self._translated)

    @cached_property
    def cycled(self) -> Pair[Features]:
        """cycled.a = {i: G_A(G_B(a_i, b~_{i+1}), a_{i+1})}, to be like features.a."""
        return self._levelled(self._into.zip(run, self.fake.swap(), self._condition, self.real))

    @cached_property
    def identity(self) -> Pair[Features]:
        """identity.a = {i: G_A(a_i, a_{i+1})}, to be like features.a."""
        return self._levelled(self._into.zip(run, self.real, self._condition, self.real))

    @cached_property
    def encoded_real(self) -> Pair[Features]:
        """Raw encoder features of this level and of deeper ones, as they follow from `real`, without gradient."""
        with torch.no_grad():
            return self._encode_on(self.real)

    @cached_property
    def encoded_fake(self) -> Pair[Features]:
        """The same as they follow from `fake`."""
        return self._encode_on(self.fake)

    def _encode_on(self, maps: Pair[Tensor]) -> Pair[Features]:
        if self._normalise is None or self._encoder is None:  # no loss wants a level
            return Pair({}, {})
        level, n = min(self.features.a), len(maps.a)
        raw = self._normalise.zip(lambda normalise, x: normalise.raw(level, x), maps)
        both = self._encoder.encode_on(torch.cat([raw.a, raw.b]), level, self._encode_levels)
        return by_level({i: Pair(f[:n], f[n:]) for i, f in both.items()})

    def _levelled(self, maps: Pair[Tensor]) -> Pair[Features]:
        return by_level({min(self.features.a): maps})
