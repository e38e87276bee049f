"""Kernel distance: the squared maximum mean discrepancy of two sets' features, unbiased at every number of images.

Over Inception it is KID (Binkowski et al. 2018, Sec. 4), there the mean of random subsets of the same number of images
from both sets; here all images count at once. Over another network it is never called that.
"""

# N images, D dimensions

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from attrs import frozen

from ...framework import MetricOffer, hookimpl, option
from .extractors import Features
from .frechet import EFFICIENTNET, VGG, Frechet, FrechetOptions
from .jackknife import Rows

KERNEL = "… by a kernel"


@frozen
class KernelOptions:
    """Whether weights may be fetched."""

    fetch: bool = option(False, "fetch the network's weights where the cache lacks them (so, when asked for by name)")


def kernel(x: Features, y: Features) -> Features:
    """(x . y / D + 1)^3 of every pair of (N, D) and (N', D): (N, N')."""
    return np.asarray((x @ y.T / x.shape[1] + 1) ** 3)


def different(gram: Features) -> float:
    """Mean of a kernel matrix (N, N) over pairs of different images."""
    count = len(gram)
    return float((gram.sum() - np.trace(gram)) / (count * (count - 1)))


@frozen
class KernelDistance(Frechet):
    """Squared maximum mean discrepancy of the translations and the target's training images."""

    title = "kernel distance (unbiased squared maximum mean discrepancy, kernel (x·y / D + 1)³)"

    def statistic(self, x: Features, y: Features) -> Callable[[Rows], float]:
        """The distance of some rows of `x` (N, D) to `y` (N', D)."""
        own, other, across = kernel(x, x), different(kernel(y, y)), kernel(x, y)
        return lambda rows: different(own[np.ix_(rows, rows)]) + other - 2 * float(across[rows].mean())


@hookimpl
def metrics() -> Iterator[MetricOffer]:
    """One offer a network that the Fréchet distance has, over all its dimensions."""
    for order, extractor, name, label in (
        (61, EFFICIENTNET, "efficientnet-lite0", KERNEL),
        (62, VGG, "vgg16-hed", f"{KERNEL}, another network"),
    ):
        yield MetricOffer(
            name=f"kd-{name}",
            options=KernelOptions,
            summary=f"Kernel distance over {name}: like KID, unbiased for few images",
            build=lambda options, name=f"kd-{name}", extractor=extractor, label=label: KernelDistance(
                name, extractor, FrechetOptions(components=0, fetch=options.fetch), label
            ),
            order=order,
        )
