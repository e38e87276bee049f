"""A glance at every image: its size, its kind and a small grey copy in which copies are found. Torch-free."""

# N images of a set; W, H as shown (EXIF orientation applied); small copies are grey, uint8 (N, SIDE, SIDE)

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from attrs import frozen
from numpy.typing import NDArray
from PIL import Image as Pillow

from ....framework import Image, ImageSet, InputError
from ....framework.data.dataset import WHITE, loaded
from ....framework.data.images import decoded, orientation, rgb
from ....framework.support.atomic import sha256
from .finding import shortened

SIDE = 17
LOADED = 64
"""Short side in pixels at which images that are no files are made."""
BLOCK = 1024
ALIKE = 0.995
"""Correlation of their small copies from which two pictures count as near-duplicates.

Copies saved again as JPEG (quality 40), at two thirds of the size or in another brightness have 0.997 and more; the
most alike of different pictures had 0.915 on `safari` and 0.990 on the silhouettes of `animals`. A difference hash of
512 bits told them apart on `safari` only: different silhouettes share more of it than a picture and its JPEG.
"""
FLAT = 3.0
"""Standard deviation of the small copy's grey levels (of 255) below which a picture is near-constant."""
_KINDS = {
    "RGB": "RGB", "L": "grey", "1": "black and white", "LA": "grey", "P": "palette", "PA": "palette", "RGBA": "RGB",
    "CMYK": "CMYK", "I": "16 bit", "F": "float",
}  # fmt: skip

Small = NDArray[np.uint8]


@frozen(eq=False)
class Glance:
    """What the N images of a set showed. Those that are no files have no kind, and no size of their own."""

    labels: tuple[str, ...]
    digests: tuple[bytes, ...]
    sizes: NDArray[np.int64]  # (N, 2): W, H
    small: Small
    kinds: Counter[str]
    unread: tuple[str, ...] = ()
    """Lines about files that could not be read, though they were when the dataset was made."""

    @property
    def flat(self) -> NDArray[np.bool_]:
        """(N,) which of them are near-constant."""
        flat: NDArray[np.bool_] = self.small.reshape(len(self.small), -1).std(1) < FLAT
        return flat


def glance(images: ImageSet, progress: Callable[[int], None], white: int = WHITE) -> Glance:
    """Looks at every image of a set, several at a time; `white` is the dataset's."""

    def one(index: int) -> tuple[bytes, tuple[int, int], Small, list[str]] | str:
        path = images.path(index)
        try:
            return _file(path, white) if path else _made(images, index)
        except (InputError, OSError) as error:
            return f"{path or images.label(index)}: {error.found if isinstance(error, InputError) else error.strerror}"

    seen, labels, unread = [], [], []
    with ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1)) as pool:
        for n, facts in enumerate(pool.map(one, range(len(images)))):
            if isinstance(facts, str):
                unread.append(facts)
            else:
                seen.append(facts)
                labels.append(images.label(n))
            progress(1)
    digests, sizes, small, kinds = zip(*seen) if seen else ((), (), (), ())
    return Glance(
        tuple(labels),
        digests,
        np.array(sizes, np.int64).reshape(-1, 2),
        np.array(small, np.uint8).reshape(-1, SIDE, SIDE),
        Counter(kind for listed in kinds for kind in listed),
        tuple(unread),
    )


def _made(images: ImageSet, index: int) -> tuple[bytes, tuple[int, int], Small, list[str]]:
    image = loaded(images, index, LOADED)
    return hashlib.sha256(image.tobytes()).digest(), (image.shape[1], image.shape[0]), shrunk(image), []


def _file(path: Path, white: int) -> tuple[bytes, tuple[int, int], Small, list[str]]:
    def use(picture: Pillow.Image) -> tuple[tuple[int, int], Small, list[str]]:
        kinds = [_KINDS.get(picture.mode, "16 bit" if picture.mode.startswith("I;16") else picture.mode)]
        if picture.has_transparency_data:
            kinds.append("transparent")
        width, height = picture.size
        # a JPEG is decoded at a fraction of its size, which saves most of the time and nothing that a small copy shows
        picture.draft(None, (4 * SIDE, 4 * SIDE))
        small, way = shrunk(rgb(picture, white)), orientation(picture)
        if way != 1:
            kinds.append("EXIF-rotated")
        return (height, width) if way in (5, 6, 7, 8) else (width, height), small, kinds

    return bytes.fromhex(sha256(path)), *decoded(path, use)


def shrunk(image: Image) -> Small:
    """The (SIDE, SIDE) grey copy of an (H, W, 3) image."""
    grey = Pillow.fromarray(image).convert("L")
    return np.array(grey.resize((SIDE, SIDE), Pillow.Resampling.LANCZOS), np.uint8)


def standardised(small: Small) -> NDArray[np.float32]:
    """(N, SIDE * SIDE): each small copy's grey levels with mean 0 and length 1."""
    values = small.reshape(len(small), -1).astype(np.float32)
    values -= values.mean(1, keepdims=True)
    normalised: NDArray[np.float32] = values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-6)
    return normalised


def closest(mine: Small, theirs: Small, *, itself: bool = False) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """For each of mine the place of the most alike of theirs, as it is or mirrored, and their correlation.

    `itself`: both are the same set, and no picture is compared with itself. A block of products at a time: ten
    thousand pictures against ten thousand are two matrix products of 58 billion operations each, a matter of seconds.
    """
    place = np.zeros(len(mine), np.int64)
    highest = np.full(len(mine), -1, np.float32)
    if not len(theirs):
        return place, highest
    columns = standardised(theirs).T
    for oriented in (mine, mine[:, :, ::-1]):
        for start in range(0, len(mine), BLOCK):
            rows = slice(start, start + BLOCK)
            alike = standardised(oriented[rows]) @ columns
            n = np.arange(len(alike))
            if itself:
                alike[n, start + n] = -1
            best = alike.argmax(1)
            higher = alike[n, best] > highest[rows]
            place[rows] = np.where(higher, best, place[rows])
            highest[rows] = np.where(higher, alike[n, best], highest[rows])
    return place, highest


def copies(mine: Glance, theirs: Glance | None = None) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Exact and near copies: (place in mine, place in theirs), one pair for each of mine that has any.

    Without `theirs` they are looked for among mine. Near-constant pictures are all alike and left out.
    """
    other = theirs or mine
    places: dict[bytes, list[int]] = {}
    for n, digest in enumerate(other.digests):
        places.setdefault(digest, []).append(n)
    keep, among = np.flatnonzero(~mine.flat), np.flatnonzero(~other.flat)
    place, alike = closest(mine.small[keep], other.small[among], itself=theirs is None)
    exact, near = [], []
    for n, p, correlation in zip(keep.tolist(), place, alike):
        equal = [m for m in places.get(mine.digests[n], [])[:2] if theirs or m != n]
        if equal:
            exact.append((n, equal[0]))
        elif correlation >= ALIKE:
            near.append((n, int(among[p])))
    return exact, near


def named(pairs: Sequence[tuple[int, int]], mine: Glance, theirs: Glance) -> list[str]:
    """Pairs by their labels."""
    return [f"{shortened(mine.labels[m])} = {shortened(theirs.labels[t])}" for m, t in pairs]
