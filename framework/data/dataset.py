"""What a dataset gives: for each domain a training and a test set of images. Torch-free."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from ..errors import CrosscadeError, InputError, needs_extra, raised_at, said, shape_of
from ..spec import Pair

WHITE = 65535
"""White in whole numbers of 16 bits."""
Image = NDArray[np.uint8]
"""One RGB picture, (H, W, 3)."""


class ImageSet(ABC):
    """A sequence of RGB images, made or decoded when asked for.

    `truth` holds what is known of each image as arrays of the set's length (`safari` gives species, count,
    facing, position and size), in fractions of the whole image, so that it holds at every size; empty where
    nothing is known.
    """

    name: str
    truth: Mapping[str, NDArray[np.generic]] = {}

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def load(self, index: int, short_side: int) -> Image:
        """Image `index` as uint8 H x W x 3 with its shorter side exactly `short_side` pixels."""

    def label(self, index: int) -> str:
        """What to call this image in messages and file names: the file's name where there is one."""
        return f"{self.name}-{index:05d}"

    def foreground(self, index: int, short_side: int, domain: str) -> NDArray[np.bool_] | None:
        """Which pixels (H, W) of `load(index, short_side)` the things of `domain` cover, or would cover in their place.

        None where nobody knows.
        """
        del index, short_side, domain
        return None

    def path(self, index: int) -> Path | None:
        """The file that holds this image as it is; None where there is none."""
        del index
        return None


def as_asked(image: Any, short_side: int) -> bool:
    """Whether it is uint8 (H, W, 3) with the shorter side that was asked for."""
    fits = isinstance(image, np.ndarray) and image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 3
    return fits and min(image.shape[:2]) == short_side


def loaded(images: ImageSet, index: int, short_side: int) -> Image:
    """Image `index` of a set. InputError, with its label, when the set gives anything else than was asked for.

    Also when a stranger's code fails at it, with the line of that code.
    """
    try:
        image = images.load(index, short_side)
    except (CrosscadeError, OSError, MemoryError):
        raise
    except Exception as error:
        if needs_extra(error) or not (place := raised_at(error)):
            raise
        found, cure = f"{said(error)} ({place})", "That is a fault of the dataset: tell who provides it."
        raise InputError(f"image '{images.label(index)}'", found=found, cure=cure) from error
    if not as_asked(image, short_side):
        expected = f"uint8 (H, W, 3), short side {short_side}"
        raise InputError(f"image '{images.label(index)}'", found=shape_of(image), expected=expected)
    return image


@frozen
class Domain:
    """One side of the translation."""

    name: str
    train: ImageSet
    test: ImageSet


class Dataset(ABC):
    """Two domains of images. Built by a dataset offer as `build(options)`."""

    name: str
    domains: Pair[Domain]
    preferred_size: int = 96
    """Pixels at which these images are worth working on when the recipe does not say."""
    set_aside: tuple[str, ...] = ()
    """One line for each file that cannot be used, with the reason; told to the user before work starts."""
    sources: tuple[Path, ...] = ()
    """Folders of the user's own that it reads: no result may be written over them."""

    white: int = WHITE
    """White in its grey files of 16 bits, which a bundle keeps: cameras of 12 bits write at most 4095."""

    def texture_swapped(self, train: int, test: int) -> Dataset | None:
        """Other images of the domains' shapes, each in the other's texture: so many a domain, shapes in this order.

        A judge of shape learns from them not to look at texture. None where the dataset cannot make any.
        """
        return None
