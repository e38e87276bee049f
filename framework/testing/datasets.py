"""What a dataset must keep: the part of the contract suite that needs no network."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..data.dataset import Dataset
from ..hookspecs import DatasetOffer
from .tools import built, require


def check_dataset(dataset: DatasetOffer | Dataset, *, options: Any = None) -> None:
    """Two named domains whose images come as uint8 RGB at the size asked for, the same each time."""
    data, what = built(dataset, options)
    require(isinstance(data, Dataset), f"{what} is a {type(data).__name__}, not a Dataset")
    names = [domain.name for domain in data.domains]
    require(len(set(names)) == 2, f"{what}: both domains are called {names[0]}")
    for domain in data.domains:
        for part, images in (("train", domain.train), ("test", domain.test)):
            where, count = f"{what}, {domain.name}, {part}", len(images)
            require(count > 0, f"{where}: no images")
            for index, short_side in {0: 32, count - 1: 48}.items():
                image = images.load(index, short_side)
                require(
                    image.dtype == np.uint8
                    and image.ndim == 3
                    and image.shape[2] == 3
                    and min(image.shape[:2]) == short_side,
                    f"{where}: image {index} asked for {short_side} px came as {image.dtype} {image.shape}",
                )
                require(np.array_equal(image, images.load(index, short_side)), f"{where}: image {index} changes")
                require(bool(images.label(index)), f"{where}: image {index} has no label")
            for key, values in images.truth.items():
                require(len(values) == count, f"{where}: truth '{key}' has {len(values)} values, {count} images")
