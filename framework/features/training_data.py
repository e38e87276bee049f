"""What training reads: both domains' stores and statistics.

Stores hold, by the domain that the *source* is in, `level<i>` and `translated<i>` (that source's level i translated
into the other domain).
"""

from __future__ import annotations

import numpy as np
import torch
from attrs import frozen
from numpy.typing import NDArray
from torch import Tensor

from ..spec import Pair
from .normalise import Normalise
from .store import Store

Rows = Pair[NDArray[np.int64]]


@frozen
class TrainingData:
    """Images and normalised features of both domains, on `device` when they are read."""

    train: Pair[Store]
    test: Pair[Store]
    normalise: Pair[Normalise]
    device: torch.device

    @property
    def sizes(self) -> Pair[int]:
        """Rows of each domain's training store."""
        return self.train.map(len)

    def features(self, number: int, rows: Rows) -> Pair[Tensor]:
        """Real normalised features of level `number` of both domains."""
        return self.train.zip(lambda store, r: store.features(f"level{number}", r).to(self.device), rows)

    def images(self, rows: Rows) -> Pair[Tensor]:
        """Real images of both domains."""
        return self.train.zip(lambda store, r: store.images(r).to(self.device), rows)

    def translated(self, number: int, rows: Rows) -> Pair[Tensor]:
        """Level `number`'s translations by the domain that they are in: .b from a's rows, .a from b's."""
        return self.train.zip(lambda store, r: store.features(f"translated{number}", r).to(self.device), rows).swap()


class Untranslated(TrainingData):
    """Before any level is trained: the target domain's own features stand for translations."""

    def translated(self, number: int, rows: Rows) -> Pair[Tensor]:
        """Real features of the domain that a translation would be in."""
        return self.features(number, rows.swap().zip(lambda r, n: r % n, self.sizes))  # one domain may be smaller
