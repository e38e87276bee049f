"""The first test images beside their translations, none chosen, numbered: to count by eye what no network can."""

# N images, H W space

from __future__ import annotations

import numpy as np
from PIL import Image as Pillow
from PIL import ImageDraw

from ...framework import Image, Images, Score
from ...framework.data.written import grid
from ..metrics.jackknife import SHARE, SPREAD, share_half_width

COUNT, PAIRS, LABEL = 40, 4, 14
"""Test images on a sheet, pairs in one of its rows, pixels for a number."""
MAKER = "a sheet"
"""What its file says that it was made by."""


def sheet(source: Images, translated: Images) -> Image:
    """Source | translation of the first COUNT, in the order of the test set; each pair has its number, from 1."""
    pairs = [_numbered(n, *pair) for n, pair in enumerate(zip(source[:COUNT], translated), start=1)]
    return grid([pairs[n : n + PAIRS] for n in range(0, len(pairs), PAIRS)])


def _numbered(number: int, source: Image, translated: Image) -> Image:
    pair = np.concatenate([source, translated], 1)
    head = Pillow.new("RGB", (pair.shape[1], LABEL), "white")
    ImageDraw.Draw(head).text((1, 1), str(number), fill="black")
    return np.concatenate([np.asarray(head), pair])


def whole_by_eye(whole: int, shown: int, target: str, file: str) -> Score:
    """The score `whole` of a person's count on a sheet in `file`."""
    share = whole / shown
    return Score(
        share,
        f"counted by eye on {file}: how many of the first {shown} test images, none left out, became a whole {target} "
        f"in the source's place; {SHARE}",
        shown,
        "share",
        True,
        {SPREAD: share_half_width(share, shown)},
        label="whole, by eye",
    )
