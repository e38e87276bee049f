"""Does what is neither the source's animal nor the translation's stay as it was? By the dataset's own silhouettes."""

# N images, H W space

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageFilter

from ...framework import EvaluationSet, Images, InputError, Metric, MetricOffer, NoOptions, Score, hookimpl
from ...framework.data.images import centre_crop

MARGIN = 12
"""By this part of the image's side a translation's animal may stand beside where the dataset would draw it."""
MOST_DB = 99.0
"""Of a background in which not a value differs."""
Masks = NDArray[np.bool_]


def backgrounds(samples: EvaluationSet) -> Masks | None:
    """(N, H, W) of the source images: far from both animals. None where the dataset knows no silhouettes."""
    domains = samples.dataset.domains if samples.dataset else ()
    images = next((domain.test for domain in domains if domain.name == samples.source_name), None)
    if images is None:
        return None
    kept = np.empty(samples.source.shape[:3], np.bool_)
    for index, mask in enumerate(kept):
        load = samples.load or samples.size
        animals = [images.foreground(index, load, name) for name in (samples.source_name, samples.target_name)]
        if animals[0] is None or animals[1] is None:
            return None
        both = (animals[0] | animals[1]).astype(np.uint8)
        mask[:] = ~widened(centre_crop(both, samples.size))
    return kept


def widened(mask: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """What of (H, W) is above 0, with all that is nearer to it than H / MARGIN, along rows and columns."""
    width = 2 * (len(mask) // MARGIN) + 1
    return np.asarray(Pillow.fromarray(mask).filter(ImageFilter.MaxFilter(width))) > 0


def psnr_db(one: Images, other: Images, where: Masks) -> float:
    """Of the pixels `where`, (N, H, W), of all images together."""
    error = np.square(one[where].astype(np.float64) - other[where]).mean()
    return min(MOST_DB, 10 * math.log10(255**2 / error)) if error else MOST_DB


class BackgroundPsnr(Metric):
    """Peak signal-to-noise ratio of the translations' backgrounds against their sources'."""

    needs_truth = True

    def measure(self, samples: EvaluationSet) -> dict[str, Score]:
        """`background-psnr`; nothing where the dataset does not know where its animals are."""
        where = samples.shared.once("backgrounds", lambda: backgrounds(samples))
        if where is None or not where.any():
            return {}
        if not samples.paired:
            found = f"{len(samples.translated)} images for {len(samples.source)} sources"
            raise InputError("background-psnr", found=found, expected="one translation a source")
        others = samples.shared.once(
            "background-psnr", lambda: psnr_db(np.roll(samples.source, 1, 0), samples.source, where)
        )
        return {
            "background-psnr": Score(
                psnr_db(samples.translated, samples.source, where),
                f"PSNR against the source, of the pixels of all images that are farther than 1/{MARGIN} of the side "
                f"from its animals and from where the dataset would draw the target's ({where.mean():.0%} of all)",
                len(where),
                "dB",
                True,
                {"another source": others},
                label="the background stays",
            )
        }


@hookimpl
def metrics() -> Iterator[MetricOffer]:
    """The background."""
    yield MetricOffer(
        name="background-psnr",
        options=NoOptions,
        build=lambda options: BackgroundPsnr(),
        order=45,
        summary="Does the background stay as it was? (needs the animals' true silhouettes)",
    )
