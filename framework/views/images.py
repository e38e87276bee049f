"""What losses read where images are made: in an inversion and in the refinement."""

# B batch, C channels, H W space; i level

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from attrs import define
from torch import Tensor, nn

from ..encoder import Encoder, Features, at_level, by_level, shallowest
from ..errors import InputError
from ..spec import Pair
from ..styles import run
from ..support import ranks
from .view import View

if TYPE_CHECKING:
    from ..features.normalise import Normalise

M = TypeVar("M", Tensor, Tensor | None)


def masked(inverter: nn.Module) -> bool:
    """Whether an inverter also gives a foreground map."""
    return bool(getattr(inverter, "masked", False))


def composed(painted: tuple[Tensor, Tensor], source: Tensor) -> tuple[Tensor, Tensor]:
    """The image where the map (B, 1, H, W) is 1, `source` (B, 3, H, W) where it is 0; and the map."""
    image, mask = painted
    return source + mask * (image - source), mask


@define(kw_only=True, slots=False, eq=False)
class InversionView(View):
    """One level's inverters at work: `images` (B, 3, H, W) in [-1, 1] and their normalised `features`.

    `encode_levels` are the encoder levels that the stage's losses together want of the images.
    """

    _inverters: Pair[nn.Module]
    images: Pair[Tensor]
    _features: Pair[Features]
    _encoder: Encoder
    _encode_levels: tuple[int, ...]

    @cached_property
    def features(self) -> Pair[Features]:
        """Real normalised features of what is reconstructed."""
        return self._features

    @cached_property
    def real(self) -> Pair[Tensor]:
        """The images."""
        return self.images

    @cached_property
    def reconstructed(self) -> Pair[Tensor]:
        """Each domain's inverter on its own features, to be like `images`, or the first rows of them."""
        return self._inverted(self.features)

    @cached_property
    def fake(self) -> Pair[Tensor]:
        """The same images."""
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

    @cached_property
    def encoded_fake(self) -> Pair[Features]:
        """Raw encoder features of `fake`."""
        return self.encoded_reconstructed

    def _inverted(self, features: Pair[Features]) -> Pair[Tensor]:
        return self._inverters.zip(lambda net, maps: net(shallowest(maps)), features)

    def _encode(self, images: Pair[Tensor]) -> Pair[Features]:
        n = len(images.a)
        both = self._encoder.encode(torch.cat([images.a, images.b]), self._encode_levels)  # one pass for both domains
        return by_level({i: Pair(f[:n], f[n:]) for i, f in both.items()})


@define(kw_only=True, slots=False, eq=False)
class RefineView(InversionView):
    """The shallowest translators and the inverters together, judged in pixel space.

    `into` are the translators that learn, by level, deep to shallow, and `features` their domains' real features. The
    first of them is given `condition` or `translated` from the frozen deeper level, each next one what the one before
    it made. `frozen` holds translations from before the refinement by level: those of the frozen deeper levels or, when
    all learn, the deepest's. `normalise` turns raw encoder features into the same normalised form, by domain. `share`
    of the rows are also reconstructed: there the networks see real features.
    """

    _into: Mapping[int, Pair[nn.Module]]
    _condition: Pair[Tensor | None]
    _translated: Pair[Tensor | None]
    _frozen: Pair[Features]
    normalise: Pair[Normalise]
    _share: float = 1.0

    def _chain(
        self, sources: Pair[Features], deeper: Pair[Tensor | None], styles: Pair[Features] | None = None
    ) -> Pair[Features]:
        chained: dict[int, Pair[Tensor]] = {}
        for i, into in self._into.items():
            like = [at_level(styles, i)] if styles else []
            deeper = chained[i] = into.zip(run, at_level(sources, i), deeper, *like)
        return by_level(chained)

    @cached_property
    def features(self) -> Pair[Features]:
        """Real features of the rows that are reconstructed."""
        return self._features.map(lambda maps: {i: self._some(x) for i, x in maps.items()})

    @cached_property
    def identity(self) -> Pair[Features]:
        """Translators on their own domain's features, to be like `features`."""
        return self._chain(self.features, self._condition.map(self._some), self.features)

    @cached_property
    def fake_features(self) -> Pair[Features]:
        """The learning levels' translations."""
        return self._chain(self._features.swap(), self._translated)

    @cached_property
    def cycled(self) -> Pair[Features]:
        """The deepest learning level translated there and back, to be like `features`."""
        i, into = next(iter(self._into.items()))
        fake, real = at_level(self.fake_features, i).swap().map(self._some), at_level(self.features, i)
        return by_level({i: into.zip(run, fake, self._condition.map(self._some), real)})

    @cached_property
    def fake(self) -> Pair[Tensor]:
        """Translated images; outside of the foreground map, where inverters give one, their sources."""
        if not all(map(masked, self._inverters)):
            return self._inverted(self.fake_features)
        return self._painted.map(lambda painted: painted[0])

    @cached_property
    def mask(self) -> Pair[Tensor]:
        """The foreground maps (B, 1, H, W) of `fake`, in [0, 1]. InputError when the inverters give none."""
        if not all(map(masked, self._inverters)):
            raise InputError(
                "the foreground map", found="an inverter that gives none", cure="Set `mask = true` of the inverter."
            )
        return self._painted.map(lambda painted: painted[1])

    @cached_property
    def change(self) -> Pair[Tensor]:
        """How much the deepest level's translation into each domain differs from its source: (B, 1, h, w)."""
        i = max(self._features.a) if self._condition.a is None else 0
        source = self._condition if i == 0 else at_level(self._features, i)
        moved = self._frozen.map(lambda maps: maps[max(maps)])
        return moved.zip(lambda x, y: (x.float() - y.float()).abs().mean(1, keepdim=True), source.swap())

    @cached_property
    def _painted(self) -> Pair[tuple[Tensor, Tensor]]:
        def painted(net: Any, maps: Features, source: Tensor) -> tuple[Tensor, Tensor]:
            return composed(net.with_mask(shallowest(maps)), source)

        return self._inverters.zip(painted, self.fake_features, self.images.swap())

    @cached_property
    def reconstructed(self) -> Pair[Tensor]:
        """The first rows' images, through their own domain's translators and inverter."""
        return self._inverted(self.identity)

    @cached_property
    def translations(self) -> Pair[Features]:
        """What the translated image's deeper levels must be: the frozen translations, else this view's own, cut off."""

        def deeper(frozen: Features, own: Features) -> Features:
            return {**{i: f.detach() for i, f in own.items() if i != min(own)}, **frozen}

        return self._frozen.zip(deeper, self.fake_features)

    @cached_property
    def encoded_fake(self) -> Pair[Features]:
        """Raw encoder features of the translated images."""
        return self._encode(self.fake)

    def _some(self, rows: M) -> M:
        if rows is None:
            return rows
        batch = ranks.whole(len(self.images.a))
        return rows[: ranks.own(max(1, round(self._share * batch)))]
