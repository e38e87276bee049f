"""Ctrl-C and SIGTERM, counted in place of what they would do: what works then ends where nothing is lost."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def counted_interrupts(patience: int | None = None) -> Iterator[list[int]]:
    """Every SIGINT and SIGTERM that comes while it is open: none outside the main thread, which alone gets signals.

    After `patience` of them (None: without end) the next is a KeyboardInterrupt and does not wait.
    """
    received: list[int] = []
    before: dict[int, Any] = {}

    def count(number: int, _: object) -> None:
        if len(received) == patience:
            raise KeyboardInterrupt
        received.append(number)

    if threading.current_thread() is threading.main_thread():
        before = {number: signal.signal(number, count) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
