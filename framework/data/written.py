"""Pictures written safely: files that say what made them, sheets of several, and what a page can hold."""

# H, W height and width; images are uint8 (H, W, 3)

from __future__ import annotations

import io
from base64 import b64encode
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as Pillow
from PIL.PngImagePlugin import PngInfo

from ..errors import InputError
from ..support import atomic
from .dataset import Image
from .images import decoded, rgb

MAKER = "crosscade"
"""The key of a PNG's text, and how the EXIF field begins that names the software."""
WRITTEN: dict[str, dict[str, Any]] = {
    "png": {},
    "jpg": {"format": "JPEG", "quality": 95},
    "webp": {"format": "WEBP", "quality": 90},
}
"""What results can be written as; JPEG knows no transparency."""
SOFTWARE = 0x0131
QUICK = 12_000_000
"""Values from which on a PNG is packed less tightly: a photograph of 12 megapixels takes 3 s then, not 6."""


def png(image: Image, *, small: bool = False, by: str = "", profile: bytes = b"") -> bytes:
    """A PNG file's bytes; `small` takes longer for fewer of them, `by` is what `made_by` reads.

    Images are grey (H, W), RGB or RGBA (H, W, 4); the latter have colours of the ICC `profile`.
    """
    stream, info = io.BytesIO(), PngInfo()
    if by:
        info.add_text(MAKER, by)
    picture = Pillow.fromarray(np.ascontiguousarray(image, dtype=np.uint8))
    quick = {"compress_level": 1} if image.size > QUICK else {}
    picture.save(stream, "PNG", optimize=small, pnginfo=info, icc_profile=profile if image.ndim > 2 else b"", **quick)
    return stream.getvalue()


def data_uri(image: Image) -> str:
    """A PNG as a page can hold it."""
    return "data:image/png;base64," + b64encode(png(image)).decode("ascii")


def write_png(path: str | Path, image: Image, *, by: str = "", profile: bytes = b"") -> None:
    """Writes a PNG so that the path never holds half a file."""
    data = png(image, by=by, profile=profile)
    atomic.write_bytes(Path(path), data, sync=False)  # a thousand of them need not wait for the disk each


def encoded(image: Image, format: str, *, by: str = "", profile: bytes = b"") -> bytes:
    """A file's bytes, of one of WRITTEN, as `png` makes them; transparency of a JPEG lies on white."""
    how = WRITTEN[format]
    if not how:
        return png(image, by=by, profile=profile)
    picture, stream, exif = Pillow.fromarray(np.ascontiguousarray(image)), io.BytesIO(), Pillow.Exif()
    if by:
        exif[SOFTWARE] = f"{MAKER} {by}"
    if how["format"] == "JPEG" and picture.mode == "RGBA":
        picture = Pillow.fromarray(rgb(picture))
    picture.save(stream, exif=exif, icc_profile=profile if image.ndim > 2 else b"", **how)
    return stream.getvalue()


def write_picture(path: Path, image: Image, *, by: str, profile: bytes = b"") -> None:
    """Writes what the path's ending says so that the path never holds half a file; arguments as of `encoded`."""
    # a thousand of them need not wait for the disk each
    atomic.write_bytes(path, encoded(image, path.suffix[1:], by=by, profile=profile), sync=False)


def made_by(path: str | Path) -> str:
    """What a result says that it was made `by`; nothing for any other file."""

    def said(picture: Pillow.Image) -> str:
        if MAKER in picture.info:  # without it a PNG is decoded for its EXIF
            return str(picture.info[MAKER])
        maker, _, by = str(picture.getexif().get(SOFTWARE, "")).partition(" ")
        return by if maker == MAKER else ""

    try:
        return decoded(path, said)
    except InputError:
        return ""


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
