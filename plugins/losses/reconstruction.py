"""Losses that hold an inverted image to the original: in pixels, and in encoder features (supplementary 6.1.2).

The paper refers to Dosovitskiy & Brox 2016, whose weights on mean losses are about 25 : 0.5 : 1 for image, feature and
adversarial terms.
"""

# B batch, C channels, H W space; i level

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import torch
from attrs import frozen, validators
from torch import Tensor

from ...framework import (
    Encoder,
    InputError,
    InversionView,
    Loss,
    LossOffer,
    batch_deviation,
    hookimpl,
    l1,
    option,
    over_all,
)

TINY = 1e-6


@frozen
class ImageOptions:
    """How pixels are compared."""

    norm: str = option(
        "l1",
        "mean absolute or mean squared difference of values in [-1, 1] (Dosovitskiy & Brox: l2; the paper "
        "does not say)",
        validators.in_(("l1", "l2")),
    )


@frozen
class FeatureOptions:
    """How encoder features are compared."""

    levels: tuple[int, ...] = option(
        (), "encoder levels (none: the three shallowest; Dosovitskiy & Brox: a deep one; the paper does not say)"
    )
    weights: tuple[float, ...] = option(
        (),
        "of the levels, in their order, divided by their sum (none: equal)",
        validators.deep_iterable(validators.ge(0.0)),
    )
    metric: str = option(
        "relative",
        "relative: mean |u - v| over mean |v|; standardised: mean |u - v| over each channel's deviation; "
        "l2-normalised: its square (the comparator of Dosovitskiy & Brox on features of deviation 1)",
        validators.in_(("relative", "standardised", "l2-normalised")),
    )


def l2(x: Tensor, y: Tensor) -> Tensor:
    """Mean squared difference in float32."""
    return (x.float() - y.float()).square().mean()


def relative(u: Tensor, v: Tensor) -> Tensor:
    """mean |u - v| / mean |v|: 0 when equal, 1 when u is zero, whatever the level's scale."""
    return l1(u, v) / over_all(v.float().abs().mean()).clamp_min(TINY)


def _deviation(v: Tensor) -> Tensor:
    """Each channel's standard deviation over batch and space, (1, C, 1, 1); a dead channel counts as the mean one."""
    deviation = batch_deviation(v)
    return torch.where(deviation > TINY * deviation.mean(), deviation, deviation.mean()).clamp_min(TINY)


def standardised(u: Tensor, v: Tensor) -> Tensor:
    """Mean absolute difference in units of each channel's standard deviation in v."""
    return ((u.float() - v.float()) / _deviation(v)).abs().mean()


def l2_normalised(u: Tensor, v: Tensor) -> Tensor:
    """Mean squared difference in units of each channel's variance in v."""
    return ((u.float() - v.float()) / _deviation(v)).square().mean()


METRICS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "relative": relative,
    "standardised": standardised,
    "l2-normalised": l2_normalised,
}


class ImageReconstruction(Loss[InversionView]):
    """Pixels of the inverted image against the original's."""

    needs = frozenset({"reconstructed", "images"})

    def __init__(self, options: ImageOptions) -> None:
        super().__init__()
        self.difference = l1 if options.norm == "l1" else l2

    def terms(self, view: InversionView) -> Mapping[str, Tensor]:
        """`image`: the mean difference, summed over both domains."""
        # a view may reconstruct only the first rows
        a, b = view.reconstructed.zip(lambda made, real: self.difference(made, real[: len(made)]), view.images)
        return {"image": a + b}


class FeatureReconstruction(Loss[InversionView]):
    """Encoder features of the inverted image against the original's."""

    needs = frozenset({"encoded_reconstructed", "encoded_real"})

    def __init__(self, options: FeatureOptions, *, encoder: Encoder) -> None:
        super().__init__()
        levels = tuple(encoder.pyramid[i].number for i in options.levels or encoder.pyramid.numbers[:3])
        weights = options.weights or (1.0,) * len(levels)
        if len(weights) != len(levels) or not sum(weights):
            raise InputError(
                "loss feature-reconstruction",
                found=f"weights = {list(options.weights)}",
                expected=f"{len(levels)} numbers, not all 0, for levels {list(levels)}",
            )
        self.encodes, self.metric = levels, METRICS[options.metric]
        self.weights = [w / sum(weights) for w in weights]

    def terms(self, view: InversionView) -> Mapping[str, Tensor]:
        """`feature`: the weighted mean over the levels, summed over both domains."""
        a, b = view.encoded_reconstructed.zip(self._difference, view.encoded_real)
        return {"feature": a + b}

    def _difference(self, made: Mapping[int, Tensor], real: Mapping[int, Tensor]) -> Tensor:
        return torch.stack(
            [w * self.metric(made[i], real[i][: len(made[i])]) for i, w in zip(self.encodes, self.weights)]
        ).sum()


@hookimpl
def losses() -> Iterator[LossOffer]:
    """Image and feature reconstruction."""
    yield LossOffer(
        name="image-reconstruction",
        options=ImageOptions,
        build=ImageReconstruction,
        summary="the inverted image's pixels are the original's",
        source="Supplementary 6.1.2; Dosovitskiy & Brox 2016",
    )
    yield LossOffer(
        name="feature-reconstruction",
        options=FeatureOptions,
        build=FeatureReconstruction,
        summary="the inverted image's encoder features are the original's",
        source="Supplementary 6.1.2; Dosovitskiy & Brox 2016",
    )
