"""A graph in onnxruntime, on the device that was wanted or not at all. Torch-free.

`session.disable_cpu_ep_fallback` is not used: it refuses a session as soon as a single node runs on the CPU, and the
CUDA provider puts the arithmetic of shapes there on purpose. What is checked is the provider that the session names
first; onnxruntime drops those that did not come up.

On a GPU inputs and outputs are bound to buffers on the device that stay for as long as the batch has the same shape.
On the CPU there is nothing to copy and nothing to bind. The GPU's path is not tested on a GPU.
"""

# N images, S their height and width

from __future__ import annotations

import contextlib
import io
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from ...framework import RunError
from ..safety.manifest import INPUT
from .providers import CPU, CUDA, TENSORRT, Facts, Machine, Plan, first_line, look, options, plan

ERRORS_ONLY, NOTHING, WARNINGS = 3, 4, 2
Feeds = Mapping[str, NDArray[Any]]


class OnnxRuntime:
    """A session for the graph in `path`.

    `provider` is what it really runs on; `fixed_batch` says that a batch of another size costs it time. RunError when
    the wanted device did not come up and `allow_fallback` is not set. `run` may be called from several threads.
    """

    least_db = math.inf  # the file's own arithmetic: golden pictures must reach all that the manifest says

    def __init__(
        self,
        path: Path,
        *,
        device: str = "auto",
        threads: int = 0,
        allow_fallback: bool = False,
        facts: Facts,
        ort: Any = onnxruntime,
        machine: Machine | None = None,
    ) -> None:
        self.path, self.threads, self.facts, self.ort = path, threads, facts, ort
        self.missing: list[str] = []
        machine = machine or look(ort)
        wanted = plan(device, machine)
        self.session = self._wanted(wanted, device, machine, allow_fallback)
        self.provider = str(self.session.get_providers()[0])
        self.fixed_batch = self.provider != CPU
        self.bound = Bound(ort, self.session, "cuda") if self.fixed_batch else None

    def run(self, outputs: Sequence[str], feeds: Feeds) -> list[NDArray[Any]]:
        """The named outputs for inputs by name. RunError when the device fails, out of memory for one."""
        try:
            if self.bound is not None:
                return self.bound.run(outputs, feeds)
            return list(self.session.run(list(outputs), dict(feeds)))
        except Exception as error:
            cure = "Try a smaller batch or another device."
            raise RunError(f"{self.path.name} on {self.provider}", found=first_line(error), cure=cure) from error

    def _wanted(self, wanted: Plan, device: str, machine: Machine, allow_fallback: bool) -> Any:
        accept = (TENSORRT, CUDA, CPU) if allow_fallback else wanted.accept
        reasons = []
        for asked in (*wanted.attempts, *([(CPU,)] if allow_fallback else [])):
            try:
                session = self._open(asked)
            except Exception as error:  # onnxruntime raises a dozen classes of its own
                if asked == (CPU,):
                    cure = f"Is onnxruntime {self.ort.__version__} too old for the file?"
                    raise RunError(str(self.path), found=first_line(error), expected="a graph", cure=cure) from error
                reasons.append(first_line(error))
            else:
                if session.get_providers()[0] in accept:
                    return session
                missing = f" ({self.missing[0]})" if self.missing else ""
                reasons.append(f"onnxruntime fell back to {session.get_providers()[0]}{missing}")
        raise RunError(
            f"device '{device}'",
            found="; ".join(reasons)
            or f"{machine.gpus} NVIDIA GPU(s), and an onnxruntime for {', '.join(machine.compiled)}",
            expected=" or ".join(wanted.accept),
            cure="Install onnxruntime-gpu[cuda,cudnn] (for tensorrt its libraries too) with no plain onnxruntime "
            "beside it, choose device cpu, or allow the fallback to the CPU.",
        )

    def _open(self, providers: Sequence[str]) -> Any:
        settings = self.ort.SessionOptions()
        settings.intra_op_num_threads = self.threads
        settings.log_severity_level = ERRORS_ONLY
        asked = [(p, options(p, self.facts, self.ort.__version__)) for p in providers]
        with self._quietly() if providers != (CPU,) else contextlib.nullcontext():
            # with its own fallback onnxruntime prints to stdout and goes on without the GPU
            return self.ort.InferenceSession(str(self.path), settings, providers=asked, enable_fallback=0)

    @contextlib.contextmanager
    def _quietly(self) -> Iterator[None]:
        """Loads the CUDA libraries of pip's nvidia packages. What does not come up is said once, by us."""
        self.ort.set_default_logger_severity(NOTHING)
        try:
            with contextlib.redirect_stdout(io.StringIO()) as said:
                self.ort.preload_dlls()
            self.missing = said.getvalue().splitlines()
            yield
        finally:
            self.ort.set_default_logger_severity(WARNINGS)


class Bound:
    """A session's inputs and outputs in the memory of `device`, kept while the shapes stay.

    All outputs are uint8 images of the input's shape (N, S, S, 3).
    """

    def __init__(self, ort: Any, session: Any, device: str) -> None:
        self.ort, self.session, self.device = ort, session, device
        self.lock = Lock()
        self.key: Any = None

    def run(self, outputs: Sequence[str], feeds: Feeds) -> list[NDArray[Any]]:
        """As `InferenceSession.run`."""
        with self.lock:
            key = (tuple(outputs), tuple((name, v.shape) for name, v in feeds.items()))
            if key != self.key:
                self.key = None  # should binding fail half-way
                self._bind(outputs, feeds)
                self.key = key
            for name, value in feeds.items():
                self.inputs[name].update_inplace(value)
            self.binding.synchronize_inputs()
            self.session.run_with_iobinding(self.binding)
            self.binding.synchronize_outputs()
            return [np.array(value.numpy()) for value in self.outputs]

    def _bind(self, outputs: Sequence[str], feeds: Feeds) -> None:
        make = self.ort.OrtValue.ortvalue_from_shape_and_type
        self.binding = self.session.io_binding()
        self.inputs = {name: make(v.shape, v.dtype, self.device, 0) for name, v in feeds.items()}
        self.outputs = [make(feeds[INPUT].shape, np.uint8, self.device, 0) for _ in outputs]
        for name, value in self.inputs.items():
            self.binding.bind_ortvalue_input(name, value)
        for name, value in zip(outputs, self.outputs):
            self.binding.bind_ortvalue_output(name, value)
