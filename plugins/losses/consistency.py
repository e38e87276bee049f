"""Losses that hold a translation to its source: cycle, identity, and the deeper levels' word on shape."""

# B batch, C channels, H W space; i level

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from attrs import frozen, validators
from torch import Tensor

from ...framework import Encoder, InputError, Loss, LossOffer, RefineView, TranslationView, hookimpl, l1, option


@frozen
class FeatureConsistencyOptions:
    """Ours, for refinement."""

    levels: tuple[int, ...] = option((), "levels to compare, among those of the deeper stages (none: all of them)")
    weights: tuple[float, ...] = option(
        (1.0, 0.5),
        "of the compared levels, from the shallowest; further ones have the last number's",
        validators.min_len(1),
        validators.deep_iterable(validators.ge(0.0)),
    )


class Cycle(Loss[TranslationView | RefineView]):
    """Eq. (2), conditioned at shallower levels: |G_A(G_B(a_i, b~_i+1), a_i+1) - a_i| and the same for b.

    The norm is a mean, not a sum: the paper's weight 100 is only sensible so (gaps table, row 4).
    """

    needs = frozenset({"cycled", "features"})

    def terms(self, view: TranslationView | RefineView) -> Mapping[str, Tensor]:
        """`cycle`: mean absolute difference, summed over both domains."""
        a, b = view.cycled.zip(_difference, view.features)
        return {"cycle": a + b}


class Identity(Loss[TranslationView | RefineView]):
    """Eq. (3), conditioned at shallower levels: |G_A(a_i, a_i+1) - a_i| and the same for b; a mean as in `Cycle`."""

    needs = frozenset({"identity", "features"})

    def terms(self, view: TranslationView | RefineView) -> Mapping[str, Tensor]:
        """`identity`: mean absolute difference, summed over both domains."""
        a, b = view.identity.zip(_difference, view.features)
        return {"identity": a + b}


def _difference(made: Mapping[int, Tensor], real: Mapping[int, Tensor]) -> Tensor:
    """Summed over the levels of `made`."""
    return torch.stack([l1(made[i], real[i]) for i in made]).sum()


class MaskArea(Loss[RefineView]):
    """How much of the image the foreground map lets change."""

    needs = frozenset({"mask"})

    def terms(self, view: RefineView) -> Mapping[str, Tensor]:
        """`area`: the map's mean, summed over both domains."""
        a, b = view.mask.map(torch.mean)
        return {"area": a + b}


class FeatureConsistency(Loss[RefineView]):
    """The translated image, encoded and normalised again, must show the deeper levels' translations.

    This keeps in pixel space the shapes that the deep levels decided. Not in the paper.
    """

    needs = frozenset({"encoded_fake", "normalise", "translations"})

    def __init__(self, options: FeatureConsistencyOptions, *, encoder: Encoder) -> None:
        super().__init__()
        self.encodes = tuple(sorted(encoder.pyramid[i].number for i in options.levels))
        self.weights = options.weights

    def terms(self, view: RefineView) -> Mapping[str, Tensor]:
        """`consistency`: the weighted sum of the levels' mean absolute differences, summed over both domains."""
        return {"consistency": torch.stack(list(self._differences(view))).sum()}

    def _differences(self, view: RefineView) -> Iterator[Tensor]:
        for encoded, normalise, translations in zip(view.encoded_fake, view.normalise, view.translations):
            missing = sorted(set(self.encodes) - set(translations))
            if missing or not translations:
                raise InputError(
                    "loss feature-consistency",
                    found=f"translations of levels {sorted(translations)}",
                    expected=f"levels {missing}" if missing else "a deeper stage",
                    cure="Give `levels` of deeper stages.",
                )
            compared = self.encodes or sorted(translations)  # the view encodes all that has been translated
            for index, level in enumerate(compared):
                weight = self.weights[min(index, len(self.weights) - 1)]
                yield weight * l1(normalise.one(level, encoded[level]), translations[level].detach())


@hookimpl
def losses() -> Iterator[LossOffer]:
    """Cycle, identity, feature consistency and the foreground map's area."""
    yield LossOffer(
        name="cycle",
        build=lambda _: Cycle(),
        source="Eq. (2); Sec. 3",
        summary="there and back again gives the source's features (paper: weight 100)",
    )
    yield LossOffer(
        name="identity",
        build=lambda _: Identity(),
        source="Eq. (3); Sec. 3",
        summary="a translator leaves its own domain's features alone (paper: weight 100)",
    )
    yield LossOffer(
        name="feature-consistency",
        options=FeatureConsistencyOptions,
        build=FeatureConsistency,
        source="ours",
        summary="the translated image encodes to what the deeper levels decided",
    )
    yield LossOffer(
        name="mask-area",
        build=lambda _: MaskArea(),
        source="ours",
        summary="the foreground map is small: the rest of the image stays as it is",
    )
