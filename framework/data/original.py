"""A picture in its own size and proportions, and its translation put in its place. Torch-free.

A translator sees squares of S pixels. A picture that is not square is seen as several along its long side, each half
over the next, and their translations are blended there: the middle square alone would leave half an animal as it is.
What comes back has few pixels and is enlarged; where a mask says that it does not count, the picture's own stay.
"""

# H W the picture's size, S the translator's image size, n squares

from __future__ import annotations

from functools import partial
from typing import Self

import numpy as np
from attrs import evolve, frozen
from numpy.typing import NDArray
from PIL import Image as Pillow

from .dataset import WHITE, Image
from .images import MAX_PIXELS, STRIP, Encoded, decoded, fit_square, orientation, rgb, transparent, turned
from .pictures import Images, Picture, image_of

Mask = NDArray[np.uint8]
"""How much of a translation counts, 0 to 255: (H, W) of a picture, (n, S, S) of several."""
MOST_SQUARES = 31
"""In longer pictures the squares are stretched."""


@frozen(eq=False)
class Original:
    """A picture upright and whole, with what its file holds beside the pixels that a translator sees."""

    seen: Image  # (H, W, 3): transparency lies on white
    own: Image  # (H, W, 3): as stored
    alpha: Mask | None = None  # (H, W)
    profile: bytes = b""
    """The ICC profile of its colours."""
    several: bool = False
    """Whether its file holds more pictures, of which this is the first."""

    @classmethod
    def of(cls, picture: Picture | Self, white: int = WHITE, most: int = MAX_PIXELS) -> Self:
        """Of a file, with transparency and profile; of an array, its pixels. Arguments and errors: `read_rgb`."""
        if isinstance(picture, cls):
            return picture
        if isinstance(picture, Encoded):
            return decoded(picture, partial(cls._first, white=white), most)
        pixels = image_of(picture, white)
        return cls(pixels, pixels)

    @classmethod
    def _first(cls, picture: Pillow.Image, white: int) -> Self:
        return evolve(cls.opened(picture, white), several=getattr(picture, "n_frames", 1) > 1)

    @classmethod
    def opened(cls, picture: Pillow.Image, white: int) -> Self:
        """Of what Pillow opened, at the frame where that is."""
        seen = rgb(picture, white)
        # a profile of grey or of inks does not describe the RGB that becomes of them
        profile = picture.info.get("icc_profile", b"") if picture.mode in ("RGB", "RGBA", "P") else b""
        if not transparent(picture):
            return cls(seen, seen, profile=profile)
        whole = np.asarray(turned(picture.convert("RGBA"), orientation(picture)))
        return cls(seen, whole[:, :, :3], whole[:, :, 3], profile)

    def fitted(self, size: int) -> Self:
        """Its middle alone, as a translator of this size sees it."""
        seen = self.seen if self.seen.shape[:2] == (size, size) else fit_square(self.seen, size)
        alpha = None if self.alpha is None else fit_square(self.alpha, size)
        return type(self)(seen, seen, alpha, self.profile, self.several)

    def covered(self, image: Image) -> Image:
        """An image of its size, (H, W, 3), or with its transparency (H, W, 4)."""
        return image if self.alpha is None else np.dstack([image, self.alpha])

    def squares(self, size: int) -> Images:
        """What a translator is to see of it, (n, S, S, 3), from the top or from the left; one where it is square."""
        small = _along(self._small(size), self._wide)
        half = size // 2
        parts = [small[top : top + size] for top in range(0, len(small) - size + 1, half)]
        return np.stack([_along(part, self._wide) for part in parts])

    def replaced(self, translated: Images, masks: Mask | None = None) -> tuple[Image, Mask | None]:
        """The picture with its squares' translations (n, S, S, 3), and how much of them counts in each pixel, (H, W).

        Translations are as a cascade gives them: outside of their `masks` (n, S, S) they show the source. Without masks
        all of the picture is theirs. The image is (H, W, 3), or (H, W, 4) where the picture has transparency.
        """
        image = self._enlarged(self._joined(translated))
        mask = None
        if masks is not None:
            mask, before = self._enlarged(self._joined(masks)), self._enlarged(self._small(translated.shape[1]))
            rows = max(1, STRIP // image.shape[1])
            for strip in (slice(top, top + rows) for top in range(0, len(image), rows)):
                # where the translation does not count lies an enlarged source: that its detail comes back
                detail = self.own[strip].astype(np.float32) - before[strip]
                pixels = image[strip] + (1 - mask[strip, :, None] / np.float32(255)) * detail
                image[strip] = np.clip(np.rint(pixels), 0, 255)
        return self.covered(image), mask

    def _enlarged(self, small: Image) -> Image:
        height, width = self.own.shape[:2]
        return np.array(Pillow.fromarray(small).resize((width, height), Pillow.Resampling.BICUBIC))

    @property
    def _wide(self) -> bool:
        return self.seen.shape[1] > self.seen.shape[0]

    def _small(self, size: int) -> Image:
        """All of it, its short side S and its long one as long as the squares that nearly fit there."""
        short, long = sorted(self.seen.shape[:2])
        length = size + size // 2 * min(max(round(2 * long / short) - 2, 0), MOST_SQUARES - 1)
        new = (length, size) if self._wide else (size, length)
        return np.asarray(Pillow.fromarray(self.seen).resize(new, Pillow.Resampling.BICUBIC))

    def _joined(self, squares: Images) -> Image:
        """Squares (n, S, S, …) as one image: where two overlap, one fades into the other."""
        size, half = squares.shape[1], squares.shape[1] // 2
        weights = np.sin(np.pi * (np.arange(size) + 0.5) / size) ** 2
        weights = weights.reshape(size, *[1] * (squares.ndim - 2))
        shape = (size + half * (len(squares) - 1), *squares.shape[2:])
        total, sums = np.zeros((shape[0], *weights.shape[1:])), np.zeros(shape)
        for k, square in enumerate(squares):
            part = slice(k * half, k * half + size)
            total[part] += weights
            sums[part] += weights * _along(square, self._wide)
        return np.ascontiguousarray(_along(np.rint(sums / total).astype(np.uint8), self._wide))


def _along(image: Image, wide: bool) -> Image:
    """The long side first, or back."""
    return image.swapaxes(0, 1) if wide else image
