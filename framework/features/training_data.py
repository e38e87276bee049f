"""What every stage of a run works with: stores, encoder, statistics, arithmetic.

Stores hold, by the domain that the *source* is in, `level<i>` and `translated<i>` (that source's level i translated
into the other domain).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import torch
from attrs import define
from numpy.typing import NDArray
from torch import Tensor

from ..catalogue import Catalogue
from ..contracts import Encoder
from ..recipe.recipe import Recipe
from ..spec import ImageSpec, LevelSpec, Pair
from .normalise import Normalise
from .store import Store

Rows = Pair[NDArray[np.int64]]


@define(frozen=True, slots=False)
class Materials:
    """What every stage works with."""

    recipe: Recipe
    catalogue: Catalogue
    image: ImageSpec
    encoder: Encoder
    normalise: Pair[Normalise]
    train: Pair[Store]
    test: Pair[Store]
    device: torch.device
    autocast: Callable[[], AbstractContextManager[Any]]

    def level(self, number: int) -> LevelSpec:
        """The encoder's level `number`."""
        return self.encoder.pyramid[number]

    def features(self, number: int, rows: Rows) -> Pair[Tensor]:
        """Real normalised features of both domains."""
        return self.train.zip(lambda store, r: store.features(f"level{number}", r).to(self.device), rows)

    def images(self, rows: Rows) -> Pair[Tensor]:
        """Real images of both domains."""
        return self.train.zip(lambda store, r: store.images(r).to(self.device), rows)

    def translated(self, number: int, rows: Rows) -> Pair[Tensor]:
        """Level `number`'s translations by the domain that they are in: .b from a's rows, .a from b's."""

        def read(store: Store, r: NDArray[np.int64]) -> Tensor:
            return store.features(f"translated{number}", r).to(self.device)

        return self.train.zip(read, rows).swap()
