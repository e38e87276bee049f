"""The training images nearest to each translation: the paper's Fig. S17, and whether they were memorised."""

# N translations, R real test images, M training images, K neighbours

from __future__ import annotations

import math

import numpy as np
from attrs import frozen
from matplotlib.axes import Axes
from numpy.typing import NDArray

from ...framework import EvaluationSet
from ..metrics.extractors import Extractor, Features
from ..metrics.image_statistics import NOTHING, distances, nearest_by
from .figures import COLOURS, Figure
from .page import Strip, spread

COUNT, ROWS, BINS = 3, 8, 30
COLUMNS = ("source", "translation", "nearest", "second", "third")


@frozen(eq=False)
class Neighbours:
    """Of each translation the `nearest` training images (N, K) and how far they are; real test images beside them."""

    nearest: NDArray[np.intp]
    distances: Features
    """(N, K), Euclidean, ascending."""
    real: Features
    """(R,): of each real target test image, which training saw as little, to its nearest training image."""
    protocol: str

    @classmethod
    def of(cls, samples: EvaluationSet, extractor: Extractor | None = None) -> Neighbours:
        """By exhaustive search over the features of `extractor`, or of `nearest-training`; the paper's are LPIPS."""
        extractor = extractor or nearest_by(samples)
        train = extractor.of(samples, "target_train")
        away = distances(extractor.of(samples, "translated"), train)
        nearest = np.argsort(away, axis=1, kind="stable")[:, :COUNT]
        real = distances(extractor.of(samples, "target_test"), train).min(1)
        protocol = f"Euclidean distance to the first {len(train)} target training images; {extractor.protocol}"
        return cls(nearest, np.take_along_axis(away, nearest, 1), real, protocol)

    @property
    def ratio(self) -> float:
        """The score `nearest-training`: mean distance of translations over that of real test images, nan for none."""
        real = float(self.real.mean())
        return float(self.distances[:, 0].mean()) / real if real >= NOTHING else math.nan

    def strip(self, samples: EvaluationSet, title: str) -> Strip:
        """Source, translation and its nearest training images, of a few test images (Fig. S17)."""
        rows = [
            [samples.source[n], samples.translated[n], *(samples.target_train[m] for m in self.nearest[n])]
            for n in spread(len(samples.source), ROWS)
        ]
        note = f"A translation that equals its neighbour would be a copy. {self.protocol}."
        columns = COLUMNS[: 2 + self.nearest.shape[1]]
        return Strip.of(f"{title}: nearest training images", columns, rows, note=note)

    def figure(self, title: str) -> Figure:
        """Both distributions of the distance to the nearest training image."""
        edges = np.linspace(0, 1.02 * max(self.distances[:, 0].max(), self.real.max(), 1e-9), BINS + 1)

        def draw(axes: Axes) -> None:
            for values, name, colour, form in (
                (self.real, "real test images", COLOURS[7], {"histtype": "stepfilled", "alpha": 0.45}),
                (self.distances[:, 0], "translations", COLOURS[1], {"histtype": "step", "linewidth": 2.2}),
            ):
                share = np.full(len(values), 100 / len(values))
                axes.hist(values, edges, weights=share, label=name, color=colour, **form)  # type: ignore[arg-type]
            axes.set(xlabel="distance to the nearest training image", ylabel="% of images", xlim=(0, edges[-1]))
            axes.figure.legend(loc="outside upper left", ncols=2)

        note = (
            "Memorised translations would lie near 0, left of real test images. Mean of the "
            f"translations over mean of the real images: {self.ratio:.2f}. {self.protocol}."
        )
        return Figure.drawn(f"{title}: memorised?", draw, note)
