"""Where a network looks in photographs: does a translation stand where its source does?

Nobody knows the true place there. But the deepest map of a network that was trained on photographs is strong where the
animal is, above all its head, and weak on lawns and walls, whatever the kind of animal. The maps of source and
translation are compared by the overlap of their strongest parts and by their centres of mass. The map is coarse, a
fifth of the side a cell: a moved ear is not seen, a moved head is. The network is not one that recipes train through.
"""

# B batch, N images, C channels, h w the map's height and width

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from attrs import frozen
from torch import Tensor
from torch.nn import functional as F

from ...framework import Encoder, EvaluationSet, Images, Metric, MetricOffer, NoOptions, Score, hookimpl
from .extractors import RESIZE, Extractor, Features, derived, encoder_of, resized
from .jackknife import SPREAD, Rows, half_width, how
from .mask_overlap import Masks, overlaps, paired, photographs

STRONGEST, FINE = 0.3, 40
"""The share of an image that counts as its strongest part, on maps enlarged to so many cells a side."""


@frozen
class DeepestMap(Extractor):
    """An encoder's deepest map: what each channel says of the whole image and, apart, how strong the map is where."""

    encoder: str = "efficientnet-lite2"
    level: int = 6
    pool: int = 160
    train_limit: int = 500
    name: str = derived(lambda self: f"{self.encoder}-{self.level}-map")
    protocol: str = derived(
        lambda self: f"channel means of {self.encoder} at level {self.level}; images {RESIZE.format(self.pool)}"
    )

    def network(self, samples: EvaluationSet) -> Encoder:
        """The encoder."""
        return encoder_of(self.encoder, samples)

    def batch(self, images: Images, samples: EvaluationSet) -> Tensor:
        """uint8 (B, H, W, 3) -> (B, C + h w): one pass gives both."""
        x = self.network(samples)(resized(images, self.pool).to(samples.device), [self.level])[self.level]
        return torch.cat([x.mean((2, 3)), x.square().mean(1).sqrt().flatten(1)], 1)

    def of(self, samples: EvaluationSet, which: str) -> Features:
        """Each channel's mean over space (N, C)."""
        return super().of(samples, which)[:, : self._channels(samples)]

    def strength(self, samples: EvaluationSet, which: str) -> Features:
        """The root mean square over channels, at every place (N, h, w)."""
        flat = super().of(samples, which)[:, self._channels(samples) :]
        return flat.reshape(len(flat), round(flat.shape[1] ** 0.5), -1)

    def _channels(self, samples: EvaluationSet) -> int:
        return self.network(samples).pyramid[self.level].channels


MAP = DeepestMap()


def strongest(maps: Features) -> Masks:
    """The strongest STRONGEST of each map (N, h, w), enlarged: (N, FINE, FINE)."""
    fine = F.interpolate(torch.from_numpy(maps)[:, None], (FINE, FINE), mode="bilinear")[:, 0].numpy()
    return np.asarray(fine >= np.quantile(fine, 1 - STRONGEST, axis=(1, 2), keepdims=True))


def centres(maps: Features) -> Features:
    """Centres of mass (N, 2), x and y, of maps (N, h, w), in fractions of the side."""
    mass = maps / maps.sum((1, 2), keepdims=True)
    steps = [(np.arange(side) + 0.5) / side for side in maps.shape[1:]]
    return np.stack([mass.sum(1) @ steps[1], mass.sum(2) @ steps[0]], 1)


def correlation(x: Features, y: Features) -> float:
    """Pearson's r of two rows of numbers (N,); 0 where one is constant, as a collapsed set's is."""
    return 0.0 if min(x.std(), y.std()) < 1e-9 else float(np.corrcoef(x, y)[0, 1])


@frozen
class Place(Metric):
    """Overlap and centres of mass of what a network looks at in a translation and in its source."""

    extractor: DeepestMap = MAP

    def measure(self, samples: EvaluationSet) -> dict[str, Score]:
        """`place-iou`, `place-x` and `place-y`; none where the place is known or can be cut out.

        A set of another length than the sources is a control: its first images are held against the first sources.
        """
        if not photographs(samples):
            return {}
        count = min(len(samples.source), len(samples.translated))
        source, translated = (self.extractor.strength(samples, s)[:count] for s in ("source", "translated"))
        unrelated, mirrored = samples.shared.once("places", lambda: self._real(samples))
        value, spread, lost = paired(overlaps(strongest(translated), strongest(source)))
        looks = (
            f"where {self.extractor.encoder} looks (root mean square over channels at level {self.extractor.level}; "
            f"images {RESIZE.format(self.extractor.pool)}) in translation and source"
        )
        beside = {"unrelated real target": unrelated, "mirrored source": mirrored["iou"], SPREAD: spread}
        overlap = f"mean intersection over union of the strongest {STRONGEST:.0%} of {looks}; {how(count)}"
        label = "looked at where the source is"
        scores = {"place-iou": Score(value, overlap, count, "IoU", None, beside, lost, label=label)}
        for axis, x, y in zip("xy", centres(translated).T, centres(source).T):

            def r(rows: Rows, x: Features = x, y: Features = y) -> float:
                return correlation(x[rows], y[rows])

            beside = {"unrelated images": 0.0, "mirrored source": mirrored[axis], SPREAD: half_width(r, count)}
            centre = f"Pearson r of the centres of mass of {looks}; {how(count)}"
            label = "… its centre, across" if axis == "x" else "… and in height"
            scores[f"place-{axis}"] = Score(r(np.arange(count)), centre, count, "r", True, beside, label=label)
        return scores

    def _real(self, samples: EvaluationSet) -> tuple[float, dict[str, float]]:
        """The overlap of sources with real target images, and what sources reach that are mirrored and turned back."""
        source, target = (self.extractor.strength(samples, s) for s in ("source", "target_test"))
        mirror = samples.with_translated(np.ascontiguousarray(samples.source[:, :, ::-1]))
        back = np.ascontiguousarray(self.extractor.strength(mirror, "translated")[:, :, ::-1])
        own = {"iou": float(np.diag(overlaps(strongest(back), strongest(source))).mean())}
        own |= {axis: correlation(x, y) for axis, x, y in zip("xy", centres(back).T, centres(source).T)}
        return float(overlaps(strongest(source), strongest(target)).mean()), own


@hookimpl
def metrics() -> Iterator[MetricOffer]:
    """The place in photographs."""
    yield MetricOffer(
        name="place-iou",
        options=NoOptions,
        build=lambda options: Place(),
        order=41,
        summary="Does a network look for the animal where the source has it? (photographs)",
    )
