"""What training reads: both domains' stores and statistics.

Stores hold, by the domain that the *source* is in, `level<i>` and `translated<i>` (that source's level i translated
into the other domain).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from attrs import field, frozen
from numpy.typing import NDArray
from torch import Tensor

from ..spec import Pair
from ..support.device import free_memory
from ..support.tensors import from_pixels, from_steps, tensor_of
from .normalise import Normalise
from .store import CHUNK_BYTES, Store

Rows = Pair[NDArray[np.int64]]


@frozen
class TrainingData:
    """Images and normalised features of both domains, on `device` when they are read.

    A GPU keeps every array of the training stores that takes less than half of its free memory, as it is stored.
    """

    train: Pair[Store]
    test: Pair[Store]
    normalise: Pair[Normalise]
    device: torch.device
    _kept: dict[tuple[Path, str], Tensor | None] = field(factory=dict, init=False, eq=False)

    @property
    def sizes(self) -> Pair[int]:
        """Rows of each domain's training store."""
        return self.train.map(len)

    def features(self, number: int, rows: Rows) -> Pair[Tensor]:
        """Real normalised features of level `number` of both domains."""
        return self._rows(f"level{number}", rows).map(from_steps)

    def images(self, rows: Rows) -> Pair[Tensor]:
        """Real images of both domains."""
        return self._rows("images", rows).map(from_pixels)

    def translated(self, number: int, rows: Rows) -> Pair[Tensor]:
        """Level `number`'s translations by the domain that they are in: .b from a's rows, .a from b's."""
        return self._rows(f"translated{number}", rows).map(from_steps).swap()

    def _rows(self, name: str, rows: Rows) -> Pair[Tensor]:
        """Rows of an array of both domains' training stores as they are stored."""

        def read(store: Store, wanted: NDArray[np.int64]) -> Tensor:
            kept = self._whole(store, name)
            if kept is None:
                return store.rows(name, wanted, self.device)
            return kept[torch.from_numpy(wanted).to(self.device, non_blocking=True)]

        return self.train.zip(read, rows)

    def _whole(self, store: Store, name: str) -> Tensor | None:
        """The array on the GPU; None where it does not fit or is at hand as it is."""
        key = (store.folder, name)
        if key not in self._kept:
            array, free = store.array(name), free_memory(self.device)
            self._kept[key] = None
            if 2 * array.nbytes < free:
                whole = self._kept[key] = torch.empty(array.shape, dtype=tensor_of(array[:1]).dtype, device=self.device)
                step = max(1, CHUNK_BYTES // max(1, array[:1].nbytes))
                for start in range(0, len(array), step):
                    whole[start : start + step] = tensor_of(array[start : start + step])
        return self._kept[key]


class Untranslated(TrainingData):
    """Before any level is trained: the target domain's own features stand for translations."""

    def translated(self, number: int, rows: Rows) -> Pair[Tensor]:
        """Real features of the domain that a translation would be in."""
        return self.features(number, rows.swap().zip(lambda r, n: r % n, self.sizes))  # one domain may be smaller
