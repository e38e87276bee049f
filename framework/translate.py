"""Images through a trained cascade, from and to uint8."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from .bundle import Bundle
from .pictures import centre_crop, resize_short_side
from .store import to_images, to_tensor

Picture = NDArray[np.uint8]


class Translation:
    """One direction of a bundle. Images of any size go in; square ones of the bundle's size come out.

    The short side is resized (bicubic, antialiased) to the bundle's size and the centre is cut.
    """

    def __init__(self, bundle: Bundle, direction: str = "a2b", *, batch: int = 16) -> None:
        self.size, self.batch = bundle.image.size, batch
        self.cascade = bundle.cascade(direction)

    def fit(self, image: Picture) -> Picture:
        """`image` (H, W, 3) as the cascade sees it (size, size, 3)."""
        if image.shape[:2] == (self.size, self.size):
            return image
        return centre_crop(resize_short_side(image, self.size), self.size)

    @torch.inference_mode()
    def images(self, images: Sequence[Picture]) -> NDArray[np.uint8]:
        """(N, size, size, 3) translations."""
        fitted = np.stack([self.fit(v) for v in images])
        made = [
            to_images(self.cascade(to_tensor(fitted[n : n + self.batch]))) for n in range(0, len(fitted), self.batch)
        ]
        return np.concatenate(made)

    @torch.inference_mode()
    def strip(self, images: Sequence[Picture]) -> list[NDArray[np.uint8]]:
        """The columns source, deepest, next, …, final, each (N, size, size, 3)."""
        fitted = np.stack([self.fit(v) for v in images])
        shown = [self.cascade.strip(to_tensor(fitted[n : n + self.batch])) for n in range(0, len(fitted), self.batch)]
        return [fitted, *(np.concatenate([to_images(s[k]) for s in shown]) for k in range(len(shown[0])))]
