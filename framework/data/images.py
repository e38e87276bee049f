"""Pictures read safely: everything that people have becomes 8-bit RGB, everything else a clear error."""

# H, W height and width; images are uint8 (H, W, 3)

from __future__ import annotations

import io
import os
import stat
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image as Pillow
from PIL import UnidentifiedImageError

from ..errors import InputError
from .dataset import WHITE, Image

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF")
SUFFIXES = frozenset({".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".dib", ".tif", ".tiff", ".gif"})
MAX_PIXELS = 64_000_000
"""More than this is refused before a pixel is decoded: a small file may claim to be enormous."""
LONG = 4
"""From this proportion of its sides on an image is cut before it is resized."""
STRIP = 1_000_000
"""Pixels that are converted at a time."""
_TURNS = {
    1: None,
    2: Pillow.Transpose.FLIP_LEFT_RIGHT,
    3: Pillow.Transpose.ROTATE_180,
    4: Pillow.Transpose.FLIP_TOP_BOTTOM,
    5: Pillow.Transpose.TRANSPOSE,
    6: Pillow.Transpose.ROTATE_270,
    7: Pillow.Transpose.TRANSVERSE,
    8: Pillow.Transpose.ROTATE_90,
}
_DEEP = ("I;16", "I;16L", "I;16B", "I;16N", "I", "F")
T = TypeVar("T")
Encoded = str | Path | bytes | Pillow.Image
"""A picture with all that it says of itself: a path, a file's bytes, or as Pillow opened it."""


def read_rgb(path: Encoded, most: int = MAX_PIXELS, white: int = WHITE, draft: int = 0) -> Image:
    """The picture in a file, in its bytes or of Pillow as uint8 (H, W, 3).

    EXIF orientation is applied, transparency is laid on white, grey of 16 bits is scaled to 8 with `white` as 255
    (Pillow's own conversion cuts them off), of several frames the first is taken. A JPEG is decoded at the least of its
    size, its half, quarter and eighth whose sides have `draft` pixels (0: its size), which is quicker. Raises
    `InputError` with the reason for anything else, and for more than `most` pixels.
    """

    def read(picture: Pillow.Image) -> Image:
        if draft:
            picture.draft(None, (draft, draft))
        return rgb(picture, white)

    return decoded(path, read, most)


def verify(path: str | Path) -> tuple[int, int]:
    """Width and height as stored, after reading all of the file, as cheaply as that goes.

    Raises like `read_rgb`, which then reads it too.
    """

    def check(picture: Pillow.Image) -> tuple[int, int]:
        size = picture.size
        # A JPEG can be decoded at an eighth of its size: all of the file is read, most of the arithmetic saved.
        picture.draft(None, (1, 1))
        rgb(picture)
        return size

    return decoded(path, check)


def frames(path: str | Path) -> int:
    """How many pictures a file holds. Raises like `read_rgb`, which takes the first."""
    return decoded(path, lambda picture: int(getattr(picture, "n_frames", 1)))


def highest(path: str | Path) -> int | None:
    """The highest value in a file of grey with 16 bits; None for any other. Raises like `read_rgb`."""

    def of(picture: Pillow.Image) -> int | None:
        if picture.mode not in _DEEP or picture.mode == "F":  # a float is scaled by its own highest value
            return None
        return int(np.asarray(picture).max(initial=0))

    return decoded(path, of)


def decoded(source: Encoded, use: Callable[[Pillow.Image], T], most: int = MAX_PIXELS) -> T:
    """What `use` makes of the opened picture; whatever is wrong with the file is an `InputError` that names it."""
    path = source if isinstance(source, str | Path) else "picture"
    try:
        # Pillow only warns of a size it finds suspicious; the limit here is ours and is checked before decoding.
        with warnings.catch_warnings(action="ignore"), _opened(source) as picture:
            width, height = picture.size
            if width * height > most:
                raise _bad(path, f"{width} x {height} pixels", f"at most {most // 10**6} million")
            return use(picture)
    except InputError:
        raise
    except FileNotFoundError:
        raise InputError(str(path), found="no such file", expected="a picture") from None
    except UnidentifiedImageError:
        empty = source == b"" if isinstance(source, bytes) else not os.stat(path).st_size
        raise _bad(path, "an empty file" if empty else "no picture of a known format", ", ".join(FORMATS)) from None
    except Pillow.DecompressionBombError:
        raise _bad(path, "too many pixels", f"at most {most // 10**6} million") from None
    except MemoryError:
        raise _bad(path, "more than this machine's memory holds", "a smaller picture") from None
    except Exception as reason:  # there is hardly an error that Pillow's decoders do not raise for some damaged file
        if isinstance(reason, OSError) and reason.errno:
            raise InputError(str(path), found=os.strerror(reason.errno), expected="a picture to read") from None
        text = " ".join(str(reason).split()) or type(reason).__name__
        raise _bad(path, f"a damaged file ({text})", "a whole picture") from None


def _opened(source: Encoded) -> AbstractContextManager[Pillow.Image]:
    if isinstance(source, Pillow.Image):
        return nullcontext(source)
    if isinstance(source, bytes):
        return Pillow.open(io.BytesIO(source), formats=FORMATS)
    if not stat.S_ISREG(os.stat(source).st_mode):  # a pipe would wait for ever
        raise InputError(str(source), found="no regular file", expected="a picture")
    return Pillow.open(source, formats=FORMATS)


def _bad(path: str | Path, found: str, expected: str) -> InputError:
    return InputError(str(path), found=found, expected=expected, cure="Replace or remove it.")


def rgb(picture: Pillow.Image, white: int = WHITE) -> Image:
    """An opened picture as uint8 (H, W, 3), as `read_rgb` gives it."""
    picture.load()  # first: a damaged file must not pass for one whose EXIF cannot be read
    turn = orientation(picture)
    if picture.mode in _DEEP:
        flat = _in_strips(picture, partial(_eight_bits, top=_top(picture, white)))
    elif transparent(picture):
        flat = _in_strips(picture, _on_white)
    else:
        flat = picture.convert("RGB")
    return np.array(turned(flat, turn), dtype=np.uint8)


def transparent(picture: Pillow.Image) -> bool:
    """Whether it says how much of each pixel is seen."""
    return picture.mode not in _DEEP and picture.has_transparency_data


def orientation(picture: Pillow.Image) -> int:
    """How EXIF says the camera was held, 1 to 8; 1 where that cannot be read."""
    try:
        value = picture.getexif().get(0x0112, 1)
        return value if value in _TURNS else 1
    except Exception:  # cameras write odd things there, and none of them is worth a picture
        return 1


def turned(picture: Pillow.Image, way: int) -> Pillow.Image:
    """A picture as it was seen, by its `orientation`."""
    turn = _TURNS.get(way)
    return picture if turn is None else picture.transpose(turn)


def _in_strips(picture: Pillow.Image, convert: Callable[[Pillow.Image], Pillow.Image]) -> Pillow.Image:
    """RGB of what `convert` makes of a strip at a time: a conversion needs many times the picture's own memory."""
    flat = Pillow.new("RGB", picture.size)
    rows = max(1, STRIP // picture.width)
    for top in range(0, picture.height, rows):
        box = (0, top, picture.width, min(top + rows, picture.height))
        flat.paste(convert(picture.crop(box)).convert("RGB"), box)
    return flat


def _on_white(strip: Pillow.Image) -> Pillow.Image:
    front = strip.convert("RGBA")
    flat = Pillow.new("RGBA", front.size, (255, 255, 255, 255))
    flat.alpha_composite(front)
    return flat


def _top(picture: Pillow.Image, white: int) -> float:
    """What white is in grey of more than 8 bits: in floats 1, or 255 when they exceed 1, or 65535."""
    if picture.mode != "F":
        # Mode I also holds 16-bit PNGs; a file that never exceeds 8 bits there was still written as 16.
        return white
    values, highest = np.asarray(picture), 0.0
    for top in range(0, len(values), max(1, STRIP // picture.width)):
        strip = values[top : top + max(1, STRIP // picture.width)]
        if not np.isfinite(strip).all():
            raise ValueError("values that are not finite")
        highest = max(highest, float(strip.max(initial=0)))
    return 1.0 if highest <= 1 else 255.0 if highest <= 255 else 65535.0


def _eight_bits(strip: Pillow.Image, top: float) -> Pillow.Image:
    values = np.asarray(strip, dtype=np.float64)
    return Pillow.fromarray((np.clip(values / top, 0, 1) * 255 + 0.5).astype(np.uint8))


def resize_short_side(image: Image, size: int, gap: float | None = None) -> Image:
    """The image with its shorter side exactly `size`, the longer in proportion: bicubic with antialiasing.

    With a `gap` it is first made smaller by whole numbers, to at least so many times its new size: quicker.
    """
    height, width = image.shape[:2]
    if min(height, width) == size:
        return image
    ratio = size / min(height, width)
    new = (size, max(size, round(height * ratio))) if width <= height else (max(size, round(width * ratio)), size)
    return np.array(
        Pillow.fromarray(np.ascontiguousarray(image)).resize(new, Pillow.Resampling.BICUBIC, reducing_gap=gap),
        dtype=np.uint8,
    )


def centre_crop(image: Image, size: int) -> Image:
    """The middle `size` x `size` of an image that is at least as large."""
    height, width = image.shape[:2]
    if min(height, width) < size:
        raise InputError("centre crop", found=f"an image of {width} x {height}", expected=f"at least {size} x {size}")
    top, left = (height - size) // 2, (width - size) // 2
    return image[top : top + size, left : left + size]


def fit_square(image: Image, size: int, gap: float | None = None) -> Image:
    """The middle of an image, (S, S, 3): its shorter side resized to S, the longer one cut; `gap`: `resize_short_side`.

    A very long image is cut first: all of it resized would take memory that no small file should take.
    """
    height, width = image.shape[:2]
    most = LONG * min(height, width)
    if height > most:
        image = _middle(image, most)
    elif width > most:
        image = _middle(image.swapaxes(0, 1), most).swapaxes(0, 1)
    return centre_crop(resize_short_side(image, size, gap), size)


def _middle(image: Image, rows: int) -> Image:
    rows += (len(image) - rows) % 2  # so that the middle stays the middle
    first = (len(image) - rows) // 2
    return image[first : first + rows]
