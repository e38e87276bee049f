"""Counts that decide what a module does next. No hook here."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from torch import Tensor, nn


class Counting(nn.Module):
    """Its buffers `counts` stay on the CPU wherever it is moved: to look at one on a GPU is to wait for the GPU."""

    counts: ClassVar[tuple[str, ...]]

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Counting:
        counts = {name: self._buffers[name] for name in self.counts}
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        self._buffers.update(counts)
        return self
