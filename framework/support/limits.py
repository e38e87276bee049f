"""The threads that a machine has cores for; what no machine has, refused in one line before a library meets it with a
signal. Torch-free.
"""

from __future__ import annotations

import os
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self, TypeVar

from ..errors import InputError, RunError

MOST_SIDE = 2**14
"""Pixels of a side of the images that networks work on."""
MOST_READERS = 4
"""Threads beside the one that computes: a photograph takes about four times as long to decode as to translate."""
T = TypeVar("T")
U = TypeVar("U")


def checked_threads(count: int) -> int:
    """`count`; InputError for so many threads of a processor that to start them would end the process."""
    most = max(64, 4 * (os.cpu_count() or 1))
    if not 0 <= count <= most:
        raise InputError("threads", found=str(count), expected=f"0 (chosen here) to {most}, four a core")
    return count


def out_of_memory(error: BaseException) -> RunError | None:
    """An allocation that failed, as a line that says what to lower; None for any other error."""
    text = " ".join(str(error).split())
    words = ("can't allocate memory", "not enough memory", "Storage size calculation overflowed", "Overflow when")
    if not isinstance(error, MemoryError) and not any(word in text for word in words):
        return None
    cure = "Lower the batch, image.size or the networks' width."
    return RunError("memory", found=f"not enough ({text or 'MemoryError':.120})", cure=cure)


def cores() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def readers() -> int:
    """How many threads there should be beside one; none on a single core."""
    return min(cores() - 1, MOST_READERS)


class Ahead:
    """So many threads while it is entered; of none, the caller's own does the work when it is asked for.

    They read, decode and encode pictures: Pillow lets go of Python's lock while it works, so that threads suffice.
    """

    def __init__(self, threads: int) -> None:
        self._pool = ThreadPoolExecutor(threads) if threads > 0 else None
        # Pillow's warnings are set aside once: threads that each did so would undo one another's
        self._quiet = warnings.catch_warnings(action="ignore")

    def __enter__(self) -> Self:
        self._quiet.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool:
            self._pool.shutdown(cancel_futures=True)
        self._quiet.__exit__(kind, error, trace)

    def map(self, work: Callable[[T], U], values: Iterable[T], ahead: int) -> Iterator[U]:
        """`work` of each value, in order, begun for at most `ahead` of them before they are asked for."""
        if self._pool is None:
            yield from map(work, values)
            return
        waiting: deque[Future[U]] = deque()
        for value in values:
            waiting.append(self._pool.submit(work, value))
            if len(waiting) > ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
