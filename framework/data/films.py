"""Pictures that follow one another in one file: read, translated and written frame by frame. Torch-free.

An animation (GIF, PNG, WebP, TIFF) is Pillow's and as large as memory should hold; a video is PyAV's (`video`) and may
be of any length.
"""

# H W a picture's size, n frames

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Self

import numpy as np
from attrs import define, field, frozen
from PIL import Image as Pillow
from PIL.PngImagePlugin import PngInfo

from ..errors import InputError
from ..support import atomic
from .contents import VIDEOS
from .dataset import WHITE, Image
from .images import FORMATS, decoded
from .original import Original
from .written import MAKER, SOFTWARE

MOST = 128_000_000
"""Pixels of all frames of an animation: it is held as a whole before it is written."""
TICK, PAGE = 100, 1000
"""Milliseconds of a frame that says none, as browsers show it; of a page of a TIFF."""


class Film(ABC):
    """A file of frames. What is wrong with it is an InputError, also while its frames are read."""

    path: Path
    count: int
    """Of frames; of some videos an estimate."""
    note: str = ""
    """What is not kept, for people."""

    @abstractmethod
    def frames(self) -> Iterator[Original]:
        """In their order, upright and whole."""

    @abstractmethod
    def write(self, path: Path, images: Iterable[Image], by: str) -> None:
        """Writes frames (H, W, 3) or (H, W, 4) in its own pace, which are made as it writes: all or nothing."""


@frozen(eq=False)
class Filmed:
    """The frames that a film has become, made as they are written."""

    film: Film
    images: Iterator[Image]

    def write(self, path: Path, by: str, advance: Any) -> None:
        """Writes it; `advance()` after each frame."""

        def told() -> Iterator[Image]:
            for image in self.images:
                yield image
                advance()

        self.film.write(path, told(), by)


def film_of(path: Path, white: int = WHITE) -> Film | None:
    """The film in a file; None where it is one picture. InputError for what cannot be read."""
    if path.suffix.lower() in VIDEOS:
        from .video import Video

        return Video.of(path)
    return Animation.of(path, white)


@define(eq=False)
class Animation(Film):
    """Frames of a GIF, PNG or WebP, or a TIFF's pages."""

    path: Path
    white: int
    first: int
    """1 where a PNG begins with a picture for programs that show no animations, which is none of its frames."""
    count: int
    plays: int
    """How often it is shown, 0 for ever."""
    note: str = ""
    _milliseconds: list[int] = field(factory=list, init=False)

    @classmethod
    def of(cls, path: Path, white: int) -> Self | None:
        """As `film_of`. InputError for more pixels than MOST."""

        def look(picture: Pillow.Image) -> Any:
            first = int(bool(picture.info.get("default_image")))
            count = int(getattr(picture, "n_frames", 1)) - first
            if count < 2:
                return None
            if count * picture.width * picture.height > MOST:
                found = f"{count} frames of {picture.width} x {picture.height} pixels"
                expected = f"at most {MOST // 10**6} million in all"
                raise InputError(str(path), found=found, expected=expected, cure="Make a video of it.")
            return cls(path, white, first, count, _plays(picture))

        return decoded(path, look)

    def frames(self) -> Iterator[Original]:
        """As any film's."""
        self._milliseconds.clear()
        with Pillow.open(self.path, formats=FORMATS) as picture:
            for k in range(self.first, self.first + self.count):
                yield decoded(picture, partial(self._frame, k=k))

    def _frame(self, picture: Pillow.Image, k: int) -> Original:
        picture.seek(k)
        original = Original.opened(picture, self.white)  # loads it: a WebP knows its duration only then
        usual = PAGE if picture.format == "TIFF" else TICK
        self._milliseconds.append(round(picture.info.get("duration") or usual))
        return original

    def write(self, path: Path, images: Iterable[Image], by: str) -> None:
        """As an animated PNG or WebP."""
        frames = [Pillow.fromarray(np.ascontiguousarray(image)) for image in images]
        if len(sizes := {frame.size for frame in frames}) > 1:
            raise InputError(str(self.path), found=f"frames of {len(sizes)} sizes", expected="one size")
        if any(frame.mode == "RGBA" for frame in frames):
            frames = [frame.convert("RGBA") for frame in frames]
        how: dict[str, Any] = {"save_all": True, "append_images": frames[1:], "duration": self._milliseconds}
        info, exif = PngInfo(), Pillow.Exif()
        info.add_text(MAKER, by)
        exif[SOFTWARE] = f"{MAKER} {by}"
        how |= {"pnginfo": info} if path.suffix == ".png" else {"exif": exif, "quality": 90}
        form = path.suffix[1:].upper()
        atomic.write(path, lambda part: frames[0].save(part, form, loop=self.plays, **how), sync=False)


def _plays(picture: Pillow.Image) -> int:
    if picture.format == "TIFF":
        return 0
    said = picture.info.get("loop")
    if picture.format == "GIF":  # which says how often it is repeated, or nothing
        return 1 if said is None else int(said) + bool(said)
    return int(said or 0)
