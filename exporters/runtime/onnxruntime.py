"""A graph in onnxruntime, on the device that was wanted or not at all. Torch-free.

`session.disable_cpu_ep_fallback` is not used: it refuses a session as soon as a single node runs on the CPU, and the
CUDA provider puts the arithmetic of shapes there on purpose. What is checked is the provider that the session names
first; onnxruntime drops those that did not come up.

Inputs and outputs are plain arrays on every device. On a GPU onnxruntime copies each once, as bytes, and keeps the
device's memory itself; each result is memory of its own, and sessions take calls from several threads. Buffers bound
beforehand save no copy for arrays that begin and end in the computer's own memory, and need a lock. Page-locked memory
would be quicker to copy from; onnxruntime's Python interface has none for its CUDA provider. Not run on a GPU.
"""

from __future__ import annotations

import contextlib
import io
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import onnxruntime
from numpy.typing import NDArray

from ...framework import RunError
from . import nvidia
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
        wanted = plan(device, machine, facts.precision)
        self.session = self._wanted(wanted, device, machine, allow_fallback)
        self.provider = str(self.session.get_providers()[0])
        self.fixed_batch = self.provider != CPU

    def run(self, outputs: Sequence[str], feeds: Feeds) -> list[NDArray[Any]]:
        """The named outputs for inputs by name. RunError when the device fails, out of memory for one."""
        try:
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
            cure=self._cure(device, lacking=machine.gpus > 0 or not {*wanted.accept} & {*machine.compiled}),
        )

    def _cure(self, device: str, *, lacking: bool) -> str:
        """What helps; an installation only where that is what is lacking."""
        if not lacking:
            return "Choose device cpu, or allow the fallback to the CPU: the driver lends this process no GPU."
        others = "Choose device cpu, allow the fallback to the CPU or, with no plain onnxruntime beside it: "
        return others + self._install(device)

    def _install(self, device: str) -> str:
        cuda = getattr(self.ort, "cuda_version", "")
        libraries = nvidia.tensorrt_wheel(cuda) if device.startswith("tensorrt") else ""
        return f"pip install 'onnxruntime-gpu[cuda,cudnn]' {libraries}".rstrip()

    def _open(self, providers: Sequence[str]) -> Any:
        settings = self.ort.SessionOptions()
        settings.intra_op_num_threads = self.threads
        settings.log_severity_level = ERRORS_ONLY
        with self._quietly() if providers != (CPU,) else contextlib.nullcontext():
            asked = [(p, options(p, self.facts, self.ort.__version__)) for p in providers]
            # with its own fallback onnxruntime prints to stdout and goes on without the GPU
            return self.ort.InferenceSession(str(self.path), settings, providers=asked, enable_fallback=0)

    @contextlib.contextmanager
    def _quietly(self) -> Iterator[None]:
        """Loads the CUDA and TensorRT libraries of pip's packages. What does not come up is said once, by us."""
        self.ort.set_default_logger_severity(NOTHING)
        try:
            with contextlib.redirect_stdout(io.StringIO()) as said:
                self.ort.preload_dlls()
                nvidia.preload_tensorrt()
            self.missing = said.getvalue().splitlines()
            yield
        finally:
            self.ort.set_default_logger_severity(WARNINGS)
