"""Losses that hold a translation to its source: cycle, identity, and the deeper levels' word on shape."""

# B batch, C channels, H W space; i level

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from attrs import frozen, validators
from torch import Tensor
from torch.nn import functional as F

from ...framework import Encoder, InputError, Loss, LossOffer, RefineView, TranslationView, hookimpl, l1, option

TINY = 1e-6


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


@frozen
class ForegroundOptions:
    """Ours."""

    share: tuple[float, ...] = option(
        (0.4, 0.8),
        "of an image's places, those that change least are background, those that change more than the second share "
        "are foreground",
        validators.min_len(2),
        validators.max_len(2),
        validators.deep_iterable(validators.and_(validators.ge(0.0), validators.le(1.0))),
    )


class Foreground(Loss[RefineView]):
    """The foreground map must show where the deepest level's translation differs from its source."""

    needs = frozenset({"mask", "change"})

    def __init__(self, options: ForegroundOptions) -> None:
        super().__init__()
        self.share = options.share

    def terms(self, view: RefineView) -> Mapping[str, Tensor]:
        """`foreground`: mean absolute difference at the deepest level's places, summed over both domains."""
        a, b = view.mask.zip(self._difference, view.change)
        return {"foreground": a + b}

    def _difference(self, mask: Tensor, change: Tensor) -> Tensor:
        change = F.avg_pool2d(F.pad(change.detach(), (1, 1, 1, 1), mode="replicate"), 3, stride=1)
        low, high = (change.flatten(1).quantile(q, dim=1).view(-1, 1, 1, 1) for q in self.share)
        wanted = ((change - low) / (high - low).clamp_min(TINY)).clamp(0, 1)
        return l1(F.adaptive_avg_pool2d(mask, (change.shape[2], change.shape[3])), wanted)


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
    """Cycle, identity, feature consistency and the foreground map."""
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
        name="foreground",
        options=ForegroundOptions,
        build=Foreground,
        source="ours",
        summary="the foreground map shows where the deepest level changed something; the rest stays as it is",
    )
