"""Reading and writing pictures safely: everything that people have becomes 8-bit RGB, everything else a clear error."""

# H, W height and width; images are uint8 (H, W, 3)

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image as Pillow
from PIL import ImageOps, UnidentifiedImageError

from ..errors import InputError
from ..support import atomic
from .dataset import Image

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF")
SUFFIXES = frozenset({".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".dib", ".tif", ".tiff", ".gif"})
MAX_PIXELS = 64_000_000
"""More than this is refused before a pixel is decoded: a small file may claim to be enormous."""
_DEEP = ("I;16", "I;16L", "I;16B", "I;16N", "I", "F")
T = TypeVar("T")


def read_rgb(path: str | Path) -> Image:
    """The picture in a file as uint8 (H, W, 3).

    EXIF orientation is applied, transparency is laid on white, 16 bits are scaled to 8 (Pillow's own conversion cuts
    them off), of several frames the first is taken. Raises `InputError` with the reason for anything else.
    """
    return _decoded(Path(path), _rgb)


def verify(path: str | Path) -> tuple[int, int]:
    """Width and height as stored, after decoding the whole file, as cheaply as it goes. Raises like `read_rgb`."""

    def check(picture: Pillow.Image) -> tuple[int, int]:
        size = picture.size
        # A JPEG can be decoded at an eighth of its size: all of the file is read, most of the arithmetic saved.
        picture.draft(None, (1, 1))
        picture.load()
        if picture.mode == "F":
            _rgb(picture)  # may hold values that are no picture
        return size

    return _decoded(Path(path), check)


def _decoded(path: Path, use: Callable[[Pillow.Image], T]) -> T:
    try:
        # Pillow only warns of a size it finds suspicious; the limit here is ours and is checked before decoding.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Pillow.open(path, formats=FORMATS) as picture:
                width, height = picture.size
                if width * height > MAX_PIXELS:
                    raise _bad(path, f"{width} x {height} pixels", f"at most {MAX_PIXELS // 10**6} million")
                return use(picture)
    except InputError:
        raise
    except FileNotFoundError:
        raise InputError(str(path), found="no such file", expected="a picture") from None
    except UnidentifiedImageError:
        found = "no picture of a known format" if path.stat().st_size else "an empty file"
        raise _bad(path, found, ", ".join(FORMATS)) from None
    except Pillow.DecompressionBombError:
        raise _bad(path, "too many pixels", f"at most {MAX_PIXELS // 10**6} million") from None
    except (OSError, ValueError, SyntaxError, EOFError, MemoryError, ArithmeticError, LookupError, TypeError) as reason:
        # Pillow's decoders raise all of these for damaged files.
        text = " ".join(str(reason).split()) or type(reason).__name__
        raise _bad(path, f"a damaged file ({text})", "a whole picture") from None


def _bad(path: Path, found: str, expected: str) -> InputError:
    return InputError(str(path), found=found, expected=expected, cure="Replace or remove it.")


def _rgb(picture: Pillow.Image) -> Image:
    orientation = picture.getexif().get(0x0112, 1)
    flat: Pillow.Image
    if picture.mode in _DEEP:
        flat = Pillow.fromarray(_eight_bits(picture))
    elif picture.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in picture.info:
        front = picture.convert("RGBA")
        flat = Pillow.new("RGBA", front.size, (255, 255, 255, 255))
        flat.alpha_composite(front)
    else:
        flat = picture
    rgb = flat.convert("RGB")
    if orientation != 1:
        exif = rgb.getexif()
        exif[0x0112] = orientation
        rgb = ImageOps.exif_transpose(rgb)
    return np.array(rgb, dtype=np.uint8)


def _eight_bits(picture: Pillow.Image) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Grey with more than 8 bits. Whole numbers mean 0..65535; floats mean 0..1, or 0..255 when they exceed 1."""
    values = np.asarray(picture, dtype=np.float64)
    if not np.isfinite(values).all():
        raise ValueError("values that are not finite")
    if picture.mode == "F":
        top = 1.0 if values.max(initial=0) <= 1 else 255.0 if values.max() <= 255 else 65535.0
    else:
        # Mode I also holds 16-bit PNGs; a file that never exceeds 8 bits there was still written as 16.
        top = 65535.0
    return (np.clip(values / top, 0, 1) * 255 + 0.5).astype(np.uint8)


def resize_short_side(image: Image, size: int) -> Image:
    """The image with its shorter side exactly `size`, the longer in proportion: bicubic with antialiasing."""
    height, width = image.shape[:2]
    if min(height, width) == size:
        return image
    ratio = size / min(height, width)
    new = (size, max(size, round(height * ratio))) if width <= height else (max(size, round(width * ratio)), size)
    return np.array(Pillow.fromarray(image).resize(new, Pillow.Resampling.BICUBIC), dtype=np.uint8)


def centre_crop(image: Image, size: int) -> Image:
    """The middle `size` x `size` of an image that is at least as large."""
    height, width = image.shape[:2]
    if min(height, width) < size:
        raise InputError("centre crop", found=f"an image of {width} x {height}", expected=f"at least {size} x {size}")
    top, left = (height - size) // 2, (width - size) // 2
    return image[top : top + size, left : left + size]


def png(image: Image, *, small: bool = False) -> bytes:
    """A PNG file's bytes; `small` takes longer for fewer of them."""
    stream = io.BytesIO()
    Pillow.fromarray(np.ascontiguousarray(image, dtype=np.uint8)).save(stream, "PNG", optimize=small)
    return stream.getvalue()


def write_png(path: str | Path, image: Image) -> None:
    """Writes a PNG so that the path never holds half a file."""
    atomic.write_bytes(Path(path), png(image), sync=False)  # a thousand of them need not wait for the disk each


def grid(rows: Sequence[Sequence[Image]], *, pad: int = 4, background: tuple[int, int, int] = (255, 255, 255)) -> Image:
    """Rows of images side by side with `pad` pixels between and around them; rows may differ in length and size."""
    filled = [row for row in rows if row]
    if not filled:
        raise InputError("picture grid", found="no images", expected="at least one")
    cell_h = max(image.shape[0] for row in filled for image in row)
    cell_w = max(image.shape[1] for row in filled for image in row)
    columns = max(len(row) for row in filled)
    sheet = np.empty((pad + len(filled) * (cell_h + pad), pad + columns * (cell_w + pad), 3), dtype=np.uint8)
    sheet[:] = background
    for r, row in enumerate(filled):
        for c, image in enumerate(row):
            h, w = image.shape[:2]
            top = pad + r * (cell_h + pad) + (cell_h - h) // 2
            left = pad + c * (cell_w + pad) + (cell_w - w) // 2
            sheet[top : top + h, left : left + w] = image
    return sheet
