"""Which arithmetic is fast on this machine, and the device."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import nn


def device() -> torch.device:
    """The GPU where there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def use_threads(threads: int) -> int:
    """Sets and returns torch's CPU threads; 0 means every core this process may use."""
    count = (
        threads or len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else threads or os.cpu_count() or 1
    )
    torch.set_num_threads(count)
    return count


def choose(precision: str, where: torch.device) -> str:
    """`precision`, with `auto` decided by timing a convolution: bfloat16 when it is 1.3 times as fast."""
    if precision != "auto":
        return precision
    if where.type == "cuda":
        return "bfloat16" if torch.cuda.is_bf16_supported() else "float32"
    seconds = _seconds()
    return "bfloat16" if seconds[torch.bfloat16] * 1.3 < seconds[torch.float32] else "float32"


def _seconds() -> dict[torch.dtype, float]:
    """The quickest of several turns each, taken in turn, so that another process's load favours neither."""
    with torch.random.fork_rng(devices=[]):
        conv = nn.Conv2d(128, 128, 3, padding=1).to(memory_format=torch.channels_last)
        x = torch.randn(8, 128, 24, 24).contiguous(memory_format=torch.channels_last)
    best = dict.fromkeys((torch.float32, torch.bfloat16), float("inf"))
    for _ in range(12):
        for dtype in best:
            start = time.perf_counter()
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=dtype == torch.bfloat16):
                y = conv(x)
            y.float().sum().backward()
            best[dtype] = min(best[dtype], time.perf_counter() - start)
    return best


def autocast(precision: str, where: torch.device) -> Callable[[], AbstractContextManager[Any]]:
    """A maker of autocast contexts for `float32` or `bfloat16`."""
    return lambda: torch.autocast(where.type, dtype=torch.bfloat16, enabled=precision == "bfloat16")
