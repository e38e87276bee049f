"""Does a translation stand where its source does, and fill as much? By silhouettes, where the background is plain.

There is no right answer across species: a zebra's outline is not a giraffe's. So each translation's silhouette is held
against its own source's, by the intersection over the union (IoU) of the two and of their bounding boxes. The value
is read between two others: what an unrelated real target image reaches, and what the best of the real target training
images reaches, a different one for each source. A good translator is near the latter and is taken for the target
(`target-shape`). Far above it the source's own shape was kept; at the former nothing of its place and size was.
"""

# N, M masks, H W space

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from ...framework import EvaluationSet, Images, InputError, Metric, MetricOffer, NoOptions, Score, hookimpl
from ...framework.data.pixels import black
from .extractors import FEATURED_TRAIN, Features
from .jackknife import SPREAD, Rows, half_width
from .silhouettes import silhouettes

MASK_SIZE = 64
PLAIN, ALIKE = 0.5, 8
PROBE = 200
Masks = NDArray[np.bool_]


def border(images: Images) -> Features:
    """The grey values (N, 2 H + 2 W) along each image's edges."""
    grey = images.mean(-1)
    return np.concatenate([grey[:, 0], grey[:, -1], grey[:, :, 0], grey[:, :, -1]], 1)


def plain(images: Images) -> bool:
    """Whether the background is of one grey: mean share of an image's border within ALIKE levels of its median."""
    borders = border(images[:PROBE])
    return bool((np.abs(borders - np.median(borders, 1, keepdims=True)) <= ALIKE).mean() >= PLAIN)


def photographs(samples: EvaluationSet) -> bool:
    """Whether nothing is known of the images and nothing can be cut out of them: what judges of photographs are for."""
    return not (samples.source_truth or plain_both(samples))


def plain_both(samples: EvaluationSet) -> bool:
    """Whether both domains' backgrounds are plain."""
    return bool(samples.shared.once("plain", lambda: plain(samples.source_train) and plain(samples.target_train)))


def masks(images: Images) -> Masks:
    """uint8 (N, H, W, 3) -> what stands out from the border's grey, (N, S, S), S at most MASK_SIZE.

    Nothing does in an image that is black or of one colour, where a threshold has no meaning.
    """
    size = min(images.shape[1], MASK_SIZE)
    margin = size // 16
    parts = (silhouettes(framed(images[i : i + 100]), size + 2 * margin) for i in range(0, len(images), 100))
    foreground = np.concatenate([part[:, 0, margin:-margin, margin:-margin].numpy() > 0 for part in parts])
    foreground[black(images)] = False
    return foreground


def framed(images: Images) -> Images:
    """With a margin of H / 16 in the border's grey: holes are closed up to the edge, and not beyond what is there."""
    margin = images.shape[1] // 16
    grey = np.median(border(images), 1).astype(np.uint8)
    canvas = np.tile(grey[:, None, None, None], (1, *(side + 2 * margin for side in images.shape[1:3]), 3))
    canvas[:, margin:-margin, margin:-margin] = images
    return canvas


def overlaps(x: Masks, y: Masks) -> Features:
    """IoU of every pair of masks (N, H, W) and (M, H, W): (N, M); 0 where both are empty."""
    flat, other = (v.reshape(len(v), -1).astype(np.float32) for v in (x, y))
    shared = (flat @ other.T).astype(np.float64)
    union = flat.sum(1)[:, None] + other.sum(1)[None] - shared
    return np.asarray(shared / np.maximum(union, 1))


def paired(table: Features) -> tuple[float, float, str]:
    """Mean overlap of pairs, which are the diagonal of a table (N, N), and half of its 95 % interval.

    With a warning when it is no greater than that of all others by more than chance.
    """

    def own(rows: Rows) -> float:
        return float(table[rows, rows].mean())

    def more(rows: Rows) -> float:
        others = table[np.ix_(rows, rows)].sum() - table[rows, rows].sum()
        return own(rows) - float(others) / (len(rows) * (len(rows) - 1))

    every = np.arange(len(table))
    lost = more(every) <= half_width(more, len(every))
    warning = "no more like their own sources than like others: place and size are lost" if lost else ""
    return own(every), half_width(own, len(every)), warning


def boxed(found: Masks) -> Masks:
    """Each mask's bounding box, filled; empty masks stay empty."""
    rows, columns = (_span(np.asarray(found.any(axis))) for axis in (2, 1))
    return np.asarray(rows[:, :, None] & columns[:, None, :])


def _span(held: Masks) -> Masks:
    """Of each row (N, L), everything from the first that is held to the last."""
    before = np.logical_or.accumulate(held, 1)
    after = np.logical_or.accumulate(held[:, ::-1], 1)[:, ::-1]
    return np.asarray(before & after)


class MaskOverlap(Metric):
    """Mean IoU of a translation's silhouette with its source's, and of their bounding boxes."""

    def measure(self, samples: EvaluationSet) -> dict[str, Score]:
        """`mask-iou` and `box-iou`; neither where the background is not plain, since nothing is cut out there."""
        if not plain_both(samples):
            return {}
        if not samples.paired:
            raise InputError(
                "mask-iou",
                found=f"{len(samples.translated)} images for {len(samples.source)} sources",
                expected="one translation a source",
            )
        translated = masks(samples.translated)
        return {
            name: self._score(name, shape, translated, samples)
            for name, shape in (("mask-iou", lambda each: each), ("box-iou", boxed))
        }

    def _score(self, name: str, shape: Callable[[Masks], Masks], made: Masks, samples: EvaluationSet) -> Score:
        source, floor, ceiling, count = samples.shared.once(name, lambda: self._real(shape, samples))
        value, spread, lost = paired(overlaps(shape(made), source))
        what = "silhouettes" if name == "mask-iou" else "silhouettes' bounding boxes"
        return Score(
            value,
            f"mean intersection over union of the {what} of translation and source (half of Otsu's threshold on the "
            f"difference from the border's grey, holes closed) at {source.shape[1]} px; unrelated: every real "
            f"target test image with every source; best: of {count} target training images, for each source",
            len(source),
            "IoU",
            None,
            {"unrelated real target": floor, "best real target": ceiling, SPREAD: spread},
            lost,
            label="covers what the source covers (read the protocol)" if name == "mask-iou" else "… by bounding boxes",
        )

    @staticmethod
    def _real(shape: Callable[[Masks], Masks], samples: EvaluationSet) -> tuple[Masks, float, float, int]:
        sets = (samples.source, samples.target_test, samples.target_train[:FEATURED_TRAIN])
        foregrounds = samples.shared.once("masks", lambda: [masks(images) for images in sets])
        source, test, train = (shape(each) for each in foregrounds)
        return source, float(overlaps(source, test).mean()), float(overlaps(source, train).max(1).mean()), len(train)


@hookimpl
def metrics() -> Iterator[MetricOffer]:
    """The overlap of silhouettes."""
    yield MetricOffer(
        name="mask-iou",
        options=NoOptions,
        build=lambda options: MaskOverlap(),
        order=40,
        summary="Does a silhouette stand where its source's does, as large? (needs a plain background)",
    )
