"""The device, the threads and the precision that a run computes with: others would give other bits."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from contextlib import AbstractContextManager

import torch
from attrs import frozen
from torch import nn


@frozen
class Compute:
    """What a run computes with. In text like `2 threads, bfloat16`."""

    device: torch.device
    threads: int
    precision: str

    @classmethod
    def chosen(cls, threads: int, precision: str) -> Compute:
        """The GPU where there is one, so many threads (0: as many as are really free) and `precision` (or `auto`).

        Sets torch's threads. What is left open is measured.
        """
        device, threads = best_device(), use_threads(threads)
        return cls(device, threads, choose(precision, device))

    @classmethod
    def as_it_is(cls) -> Compute:
        """To look whether networks fit: nothing is measured and nothing is set."""
        return cls(best_device(), torch.get_num_threads(), "float32")

    def autocast(self) -> AbstractContextManager[None]:
        """The context in which networks compute in this precision."""
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.precision == "bfloat16")

    def clock(self) -> float:
        """Seconds; alone on a core that core's own time, whatever else the machine does meanwhile."""
        return time.process_time() if self.device.type == "cpu" and self.threads == 1 else time.perf_counter()

    def __str__(self) -> str:
        return f"{self.threads} thread{'s' * (self.threads > 1)}, {self.precision}"


def best_device() -> torch.device:
    """The GPU where there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def use_threads(threads: int) -> int:
    """Sets and returns torch's CPU threads; 0 means as many cores as are really free, which is measured.

    Threads that wait for a core that another program has are worse than none: two on a busy two-core machine can be
    five times slower than one.
    """
    count = threads or _free_threads()
    torch.set_num_threads(count)
    return count


def _free_threads() -> int:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    turn = _convolution()
    typical: dict[int, float] = {}
    while cores >= 1:
        torch.set_num_threads(cores)
        turn(torch.float32)  # the first turn starts the threads
        typical[cores] = statistics.median(turn(torch.float32) for _ in range(9))
        cores //= 2
    return min(typical, key=lambda n: typical[n])


def choose(precision: str, device: torch.device) -> str:
    """`precision`, with `auto` decided by timing a convolution: bfloat16 when it is 1.3 times as fast."""
    if precision != "auto":
        return precision
    if device.type == "cuda":
        return "bfloat16" if torch.cuda.is_bf16_supported() else "float32"
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # one core's own time, so that another program's load favours neither
    try:
        turn = _convolution(time.process_time)
        best = dict.fromkeys((torch.float32, torch.bfloat16), float("inf"))
        for _ in range(12):
            for dtype in best:
                best[dtype] = min(best[dtype], turn(dtype))
    finally:
        torch.set_num_threads(threads)
    return "bfloat16" if best[torch.bfloat16] * 1.3 < best[torch.float32] else "float32"


def _convolution(clock: Callable[[], float] = time.perf_counter) -> Callable[[torch.dtype], float]:
    """A convolution forward and backward, as in training; called with a type it returns the seconds that it took."""
    with torch.random.fork_rng(devices=[]):
        conv = nn.Conv2d(128, 128, 3, padding=1).to(memory_format=torch.channels_last)
        x = torch.randn(8, 128, 24, 24).contiguous(memory_format=torch.channels_last)

    def turn(dtype: torch.dtype) -> float:
        start = clock()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=dtype == torch.bfloat16):
            y = conv(x)
        y.float().sum().backward()
        return clock() - start

    return turn
