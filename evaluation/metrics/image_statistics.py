"""Scores that need no judge: diversity, sharpness, black outputs, and whether training images were memorised."""

# N images, D dimensions

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from attrs import evolve, frozen
from numpy.typing import NDArray

from ...framework import EvaluationSet, Images, Metric, MetricOffer, Score, hookimpl
from ...framework.data.pixels import DARK, FLAT, black
from .extractors import Extractor, Features, Pooled
from .jackknife import SHARE, SPREAD, share_half_width
from .mask_overlap import photographs

COPIED = 0.05
DIVERSITY_LOW = 0.7
NEAREST_LOW = 0.8
SHARPNESS_LOW = 0.5
NOTHING = 1e-3
"""What real images measure below this is rounding: nothing can be held against it."""
POOLED = Pooled()


def distances(x: Features, y: Features) -> NDArray[np.float64]:
    """Euclidean distances (N, N') of two sets of features (N, D) and (N', D)."""
    squared = (x * x).sum(1)[:, None] + (y * y).sum(1)[None] - 2 * x @ y.T
    return np.asarray(np.sqrt(np.maximum(squared, 0)))


def mean_pairwise(x: Features) -> float:
    """Mean distance of two different members."""
    return float(distances(x, x)[np.triu_indices(len(x), 1)].mean())


def gradient_energy(images: Images) -> float:
    """Mean squared difference of neighbouring pixels' grey values, in (0 to 255)^2."""
    total, count = 0.0, 0
    for start in range(0, len(images), 100):  # in parts: float copies of a whole set can be large
        grey = images[start : start + 100].mean(-1)
        for axis in (1, 2):
            difference = np.diff(grey, axis=axis)
            total, count = total + float((difference**2).sum()), count + difference.size
    return total / count


def of_real(
    measured: float, real: float, protocol: str, samples: EvaluationSet, warning: str, low: float, label: str,
    **beside: float,
) -> Score:  # fmt: skip
    """The ratio of what was `measured` to the same of real target images, with a warning where it is below `low`."""
    if real < NOTHING:
        return Score.missing(f"it is {real:.1g} for real target test images: nothing can be held against that")
    value = measured / real
    warning = f"below {low}: {warning}" if value < low else ""
    return Score(
        value, protocol, len(samples.translated), "× real", None, beside or {"real target": 1.0}, warning, label=label
    )


@frozen
class Diversity(Metric):
    """Mean feature distance of two translations over that of two real target images; a collapse is near 0."""

    extractor: Extractor = POOLED

    def measure(self, samples: EvaluationSet) -> dict[str, Score]:
        """`diversity`."""
        real = samples.shared.once(
            ("pairwise", self.extractor.name), lambda: mean_pairwise(self.extractor.of(samples, "target_test"))
        )
        own = mean_pairwise(self.extractor.of(samples, "translated"))
        protocol = f"mean pairwise distance over that of real target test images; {self.extractor.protocol}"
        warning = "the translations resemble one another (collapse)", DIVERSITY_LOW
        return {"diversity": of_real(own, real, protocol, samples, *warning, "1: varied like real images")}


def nearest_by(samples: EvaluationSet, extractor: Pooled = POOLED) -> Pooled:
    """What training images are searched by: of photographs all that are loaded, since a copy has one original."""
    return evolve(extractor, train_limit=len(samples.target_train)) if photographs(samples) else extractor


@frozen
class Nearest(Metric):
    """Distance to the nearest target training image over the same for real test images; copies are near 0."""

    extractor: Pooled = POOLED

    def measure(self, samples: EvaluationSet) -> dict[str, Score]:
        """`nearest-training`, and for photographs `copies`: a few of many would not move a mean."""
        extractor = nearest_by(samples, self.extractor)
        train = extractor.of(samples, "target_train")
        each = samples.shared.once(
            ("nearest", extractor.name),
            lambda: distances(extractor.of(samples, "target_test"), train).min(1),
        )
        near = distances(extractor.of(samples, "translated"), train).min(1)
        protocol = (
            "mean distance to the nearest target training image, over that of real target test images "
            f"({len(train)} training images); {extractor.protocol}"
        )
        warning = "nearer to training images than real images are (memorised)", NEAREST_LOW
        means, label = (float(near.mean()), float(each.mean())), "below 1: training images memorised"
        scores = {"nearest-training": of_real(*means, protocol, samples, *warning, label)}
        if photographs(samples):
            scores["copies"] = self._copies(near, each, samples, len(train))
        return scores

    def _copies(self, near: Features, each: Features, samples: EvaluationSet, searched: int) -> Score:
        """Of the distances to the nearest training image, of translations (N,) and of real images (N',)."""
        bound, count = np.quantile(each, COPIED), len(near)
        if bound < NOTHING:
            return Score.missing("real target test images are training images themselves")
        share, real = float((near < bound).mean()), float((each < bound).mean())
        spread = share_half_width(share, count)
        return Score(
            share,
            f"share nearer to one of {searched} target training images than all but {real:.0%} of real target test "
            f"images are; {self.extractor.protocol}; {SHARE}",
            count,
            "share",
            False,
            {"real target": real, SPREAD: spread},
            f"more than {real:.0%} beyond chance: training images copied" if share - spread > real else "",
            label="as near as copies are",
        )


class Sharpness(Metric):
    """Gradient energy over that of real target images; blur is below 1, noise and grids above."""

    def measure(self, samples: EvaluationSet) -> dict[str, Score]:
        """`sharpness`."""
        real, source = samples.shared.once(
            "gradient", lambda: (gradient_energy(samples.target_test), gradient_energy(samples.source))
        )
        energy = gradient_energy(samples.translated)
        protocol = f"mean squared grey gradient at {samples.size} px, over that of real target test images"
        warning, label = ("much blurrier than real images", SHARPNESS_LOW), "1: as sharp as real images"
        score = of_real(energy, real, protocol, samples, *warning, label, source=source / max(real, NOTHING))
        return {"sharpness": score}


class BlackOutputs(Metric):
    """The share of translations that are black or of one colour."""

    def measure(self, samples: EvaluationSet) -> dict[str, Score]:
        """`black-outputs`."""
        dark = black(samples.translated)
        return {
            "black-outputs": Score(
                float(dark.mean()),
                f"share with maximum below {DARK} or every channel's deviation below {FLAT}, of 255",
                len(dark),
                "share",
                False,
                {"real target": float(black(samples.target_test).mean())},
                f"{int(dark.sum())} of {len(dark)} outputs are black or of one colour" if dark.any() else "",
                label="black or of one colour",
            )
        }


OFFERS = (
    ("diversity", Diversity, "Do translations differ as much as real target images do?"),
    ("nearest-training", Nearest, "Are translations copies of training images?"),
    ("sharpness", Sharpness, "Are translations as sharp as real target images?"),
    ("black-outputs", BlackOutputs, "How many translations are black or of one colour?"),
)


@hookimpl
def metrics() -> Iterator[MetricOffer]:
    """Diversity, memorisation, sharpness and black outputs."""
    for order, (name, metric, summary) in enumerate(OFFERS, 70):
        yield MetricOffer(name=name, build=lambda options, metric=metric: metric(), summary=summary, order=order)
