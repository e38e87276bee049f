"""The device, the threads and the precision that a run computes with: others would give other bits."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import torch
from attrs import frozen
from torch import nn

from ..errors import InputError, numbered
from . import ranks
from .limits import checked_threads

CPU = torch.device("cpu")


@frozen
class Compute:
    """What a run computes with. In text like `2 threads, bfloat16` or `cuda:0 (NVIDIA T4), float32`."""

    device: torch.device
    threads: int
    precision: str

    @classmethod
    def chosen(cls, threads: int, precision: str, device: str = "auto", *, deterministic: bool = False) -> Compute:
        """On `device` (see `device_of`) with so many threads (0: as many as are really free) and `precision` or `auto`.

        Sets torch's threads and, for a GPU, its arithmetic; `deterministic` makes that repeat itself bit for bit, at
        some cost. What is left open is measured.
        """
        place = device_of(device)
        # a process that measures has its cores to itself
        threads = use_threads(ranks.on_first(lambda: threads or max(1, use_threads(0) // ranks.neighbours())))
        compute = cls(place, threads, ranks.on_first(lambda: choose(precision, place)))
        if place.type == "cuda":
            _set_cuda(compute, deterministic)
        return compute

    @classmethod
    def as_it_is(cls, device: str = "auto") -> Compute:
        """To look whether networks fit: nothing is measured and nothing is set."""
        return cls(device_of(device), torch.get_num_threads(), "float32")

    @property
    def tf32(self) -> bool:
        """Whether what stays float32 (losses, some encoders) is multiplied with 10 bits of mantissa.

        `float32` is float32, to agree with a processor's; beside `bfloat16`, which has 7, they would gain nothing.
        """
        return self.device.type == "cuda" and self.precision == "bfloat16"

    def autocast(self) -> AbstractContextManager[None]:
        """The context in which networks compute in this precision."""
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.precision == "bfloat16")

    def clock(self) -> float:
        """Seconds; alone on a core that core's own time, whatever else the machine does meanwhile."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)  # what was asked for so far has been done
        alone = self.device.type == "cpu" and self.threads == 1 and ranks.world() == 1
        return time.process_time() if alone else time.perf_counter()

    def __str__(self) -> str:
        if self.device.type == "cpu":
            return f"{numbered(self.threads, 'thread')}, {self.precision}"
        name = f" ({self.gpu})" if self.gpu else ""
        return f"{self.device}{name}, {self.precision}{' and TF32' * self.tf32}"

    @property
    def gpu(self) -> str:
        """The name of the CUDA GPU, empty without one."""
        return torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else ""


def device_of(name: str = "auto") -> torch.device:
    """`auto` (the CUDA GPU where there is one, else the CPU), `cpu`, `cuda`, `cuda:1` or `mps`.

    Of several processes that train together each has a GPU of its own.
    Raises InputError, with what there is, for one that is not there. MPS must be asked for: it has not been tested.
    """
    there, own = available(), f"cuda:{ranks.local()}"
    if name == "auto" and not torch.cuda.is_available():
        return CPU
    full = own if name in ("auto", "cuda") else name
    if full not in there:
        cure = "Use one of these, or auto." if ranks.world() == 1 else "Start a process for each GPU, or --device cpu."
        if full.startswith("cuda") and not torch.backends.cuda.is_built():
            cure = "This PyTorch is built without CUDA: install one with it, or use auto."
        raise InputError(f"--device {name}", found="no such device here", expected=" or ".join(there), cure=cure)
    return torch.device(full)


def available() -> list[str]:
    """The devices that are here, the CPU first."""
    mps = ["mps"] if torch.backends.mps.is_available() else []
    return ["cpu", *(f"cuda:{n}" for n in range(torch.cuda.device_count())), *mps]


def free_memory(device: torch.device) -> int:
    """Bytes of a CUDA GPU that nobody has taken; 0 of any other device."""
    return torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else 0


def _set_cuda(compute: Compute, deterministic: bool) -> None:
    torch.cuda.set_device(compute.device)
    precision = "tf32" if compute.tf32 else "ieee"
    torch.backends.cuda.matmul.fp32_precision = precision
    torch.backends.cudnn.conv.fp32_precision = precision  # type: ignore[attr-defined]
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read when the first product is made
    torch.use_deterministic_algorithms(deterministic)
    torch.backends.cudnn.benchmark = not deterministic  # shapes stay, so that trying each way once pays


@contextmanager
def full_float32() -> Iterator[None]:
    """Where a GPU's float32 has all its bits, whatever a training has set: results agree with a CPU's to rounding."""
    settings: tuple[Any, ...] = (torch.backends.cuda.matmul, torch.backends.cudnn.conv)  # type: ignore[attr-defined]
    before = [each.fp32_precision for each in settings]
    for each in settings:
        each.fp32_precision = "ieee"
    try:
        yield
    finally:
        for each, precision in zip(settings, before):
            each.fp32_precision = precision


def use_threads(threads: int) -> int:
    """Sets and returns torch's CPU threads; 0 means as many cores as are really free, which is measured.

    Threads that wait for a core that another program has are worse than none: two on a busy two-core machine can be
    five times slower than one.
    """
    count = checked_threads(threads) or _free_threads()
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
        return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float32"
    if device.type != "cpu":
        return "float32"
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
