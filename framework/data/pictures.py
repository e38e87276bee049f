"""What people give to be translated, as the arrays that a translator reads. Torch-free."""

# N pictures, H W space, S the translator's image size

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from .dataset import WHITE
from .images import Encoded, fit_square, read_rgb

Images = NDArray[np.uint8]
Picture = Encoded | Images
"""A path, a file's bytes, a Pillow image of any mode (read as its file would be), or uint8 (H, W, 3)."""
Pictures = Picture | Iterable[Picture]

GAP = 2.0
"""What a draft is reduced to first, in terms of its final size."""
CURES = {
    "f": "For values in 0 to 1: (255 * values).round().astype(np.uint8).",
    "b": "For a mask: (255 * values).astype(np.uint8).",
    "u": "Where white is {top}: (values / {top} * 255).round().astype(np.uint8).",
    "i": "Where white is {top}: (values / {top} * 255).round().astype(np.uint8).",
}
"""What to do with other numbers, by numpy's kind: nobody but who made them knows what white is."""


def fit(picture: Picture, size: int, white: int = WHITE, *, draft: bool = False) -> Images:
    """One picture as uint8 (S, S, 3): short side resized (bicubic, antialiased), centre cut; `white`: `read_rgb`.

    A `draft` is decoded (JPEG) and resized in steps, quicker: nearly the same pixels.
    """
    if draft and isinstance(picture, str | Path | bytes):
        return fit_square(read_rgb(picture, white=white, draft=round(GAP * size)), size, GAP)
    image = image_of(picture, white)
    return image if image.shape[:2] == (size, size) else fit_square(image, size)


def fitted(pictures: Any, size: int, white: int = WHITE) -> Images:
    """One picture or several as uint8 (N, S, S, 3). Raises InputError when there are none."""
    several = list(pictures) if many(pictures) else [pictures]
    if not several:
        raise InputError("pictures", found="none", expected="at least one")
    return np.stack([fit(picture, size, white) for picture in several])


def many(pictures: Any) -> bool:
    """Whether these are several pictures: a list or what else gives them one by one, or an array (N, H, W, 3)."""
    if isinstance(pictures, np.ndarray):
        return pictures.ndim == 4
    return isinstance(pictures, Iterable) and not isinstance(pictures, Encoded)


def image_of(picture: Any, white: int = WHITE) -> Images:
    """One picture as uint8 (H, W, 3), in its own size; `white`: `read_rgb`."""
    if isinstance(picture, Encoded):
        return read_rgb(picture, white=white)
    if not isinstance(picture, np.ndarray):
        expected = "a path, a file's bytes, a Pillow image, an array, or a list of these"
        raise InputError("picture", found=type(picture).__name__, expected=expected)
    if picture.dtype != np.uint8:
        top = np.iinfo(picture.dtype).max if picture.dtype.kind in "ui" else 1
        cure = CURES.get(picture.dtype.kind, "").format(top=top)
        raise InputError("picture", found=f"an array of {picture.dtype}", expected="uint8, 0 to 255", cure=cure)
    if picture.ndim != 3 or picture.shape[2] != 3 or not picture.size:
        shape, cure = picture.shape, ""
        if picture.ndim == 2 or shape[2:] == (1,):
            cure = "Grey: np.dstack([values] * 3)."
        elif picture.ndim == 3 and shape[0] == 3:
            cure = "Channels first: values.transpose(1, 2, 0)."
        elif shape[2:] == (4,):
            cure = "Transparent: Image.fromarray(values) of Pillow."
        raise InputError(
            "picture", found=f"an array of shape {shape}", expected="(H, W, 3): RGB, channels last", cure=cure
        )
    return picture
