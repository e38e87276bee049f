"""Small networks at work on random features, as the views that losses read."""

# B batch, C channels, H W space; i level

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..contracts import TranslatorPair, Twins
from ..encoder import Encoder, Features, by_level, shallowest
from ..features.normalise import Normalise
from ..spec import ImageSpec, LevelSpec, Pair
from ..views import InversionView, RefineView, TranslationView, View
from .tools import uniform

BATCH = 4
NOTHING: Pair[Any] = Pair(None, None)
PLAIN = Pair(Normalise({}, {}, 1.0), Normalise({}, {}, 1.0))


class TinyTranslator(nn.Module):
    """One convolution that stays near the identity."""

    def __init__(self, channels: int):
        super().__init__()
        self.convolution = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, features: Tensor, deeper: Tensor | None) -> Tensor:
        """(B, C, H, W) -> the same shape, in [-1, 1]."""
        return torch.tanh(features + 0.1 * self.convolution(features))


class TinyInverter(nn.Module):
    """One convolution and an enlargement."""

    def __init__(self, level: LevelSpec):
        super().__init__()
        self.stride, self.convolution = level.stride, nn.Conv2d(level.channels, 3, 3, padding=1)

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, 3, H stride, W stride) in [-1, 1]."""
        return torch.tanh(F.interpolate(self.convolution(features), scale_factor=float(self.stride)))


def view_of(
    pair: TranslatorPair,
    level: int,
    features: Pair[Tensor],
    condition: Pair[Any] = NOTHING,
    moved: Pair[Any] = NOTHING,
    **encoding: Any,
) -> TranslationView:
    """What losses read of a pair that translates features (B, C, H, W) of a level; the rest are deeper features."""
    about = {"condition": condition, "translated": moved, **encoding}
    return pair.view(pair=pair, features=by_level({level: features}), **about)


def example_view(
    on: str, here: LevelSpec, image: ImageSpec, encoder: Encoder, encodes: tuple[int, ...], rows: slice = slice(None)
) -> tuple[View, Pair[nn.Module]]:
    """The view of a translation of level `here`, or of an inversion or a refinement at the encoder's middle level.

    With it come the networks that a loss must teach, by domain. Of its batch it has `rows`.
    """
    if on == "translation":
        side = here.size(image.size)
        pair = Twins(*(TinyTranslator(here.channels) for _ in "ab"))
        features = Pair(1, 2).map(lambda seed: uniform(BATCH, here.channels, side, side, seed=seed)[rows])
        encoding: dict[str, Any] = {"normalise": PLAIN, "encoder": encoder, "encode_levels": encodes} if encodes else {}
        return view_of(pair, here.number, features, **encoding), pair.into
    if on not in ("inversion", "refinement"):
        raise ValueError(f"on = {on!r}, expected 'translation', 'inversion' or 'refinement'")
    levels = encoder.pyramid.levels
    level, *deeper = levels[len(levels) // 2 :]
    images = Pair(1, 2).map(lambda seed: uniform(BATCH, 3, image.size, image.size, seed=seed)[rows])
    features = images.map(lambda x: encoder(x, [level.number])[level.number].clamp(-1, 1))
    inverters: Pair[nn.Module] = Pair(TinyInverter(level), TinyInverter(level))
    numbers = [deep.number for deep in deeper]
    shared: dict[str, Any] = {
        "inverters": inverters,
        "images": images,
        "features": by_level({level.number: features}),
        "encoder": encoder,
        "encode_levels": tuple(sorted({*encodes, *(numbers if on == "refinement" else ())})),
    }
    if on == "inversion":
        return InversionView(**shared), inverters
    into: Pair[nn.Module] = Pair(TinyTranslator(level.channels), TinyTranslator(level.channels))
    translations: Pair[Features] = images.swap().map(
        lambda x: {i: f.clamp(-1, 1) for i, f in encoder(x, numbers).items()}
    )
    view = RefineView(
        into={level.number: into},
        condition=NOTHING,
        translated=translations.map(lambda maps: shallowest(maps) if maps else None),
        frozen=translations,
        normalise=PLAIN,
        **shared,
    )
    return view, into.zip(lambda *nets: nn.ModuleList(nets), inverters)
