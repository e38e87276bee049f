"""What no machine has, refused in one line before a library meets it with a signal. Torch-free."""

from __future__ import annotations

import os

from ..errors import InputError, RunError

MOST_SIDE = 2**14
"""Pixels of a side of the images that networks work on."""


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
