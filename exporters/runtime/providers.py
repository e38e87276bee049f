"""Which of onnxruntime's providers to ask for: TensorRT, CUDA, CPU, by what the machine really has. Torch-free.

Three witnesses are asked, since none of them suffices:

- `get_available_providers()` says what was compiled in: the GPU wheel names CUDA and TensorRT on every machine;
- `get_ep_devices()` says which provider found a device, but only of providers that registered themselves as plug-ins:
  wheels in which CUDA is no plug-in list the CPU alone, GPU or not;
- NVIDIA's driver says how many GPUs it lends to this process, whichever onnxruntime is installed (CUDA Driver API).

What a session then really runs on is looked up again in the session itself. Not run on a GPU: the options follow
onnxruntime's pages on its TensorRT and CUDA execution providers.
"""

from __future__ import annotations

import re
from typing import Any

from attrs import frozen

from ...framework import InputError, did_you_mean
from ...framework.support.fetch import cache_dir
from ..safety.manifest import INPUT, STYLE
from . import nvidia

TENSORRT, CUDA, CPU = "TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"
DEVICES = ("auto", "cpu", "cuda", "tensorrt")
TYPICAL_BATCH, MAX_BATCH = 16, 64
"""A TensorRT engine is built for batches of 1 to `MAX_BATCH` and tuned for `TYPICAL_BATCH`."""


@frozen
class Machine:
    """What there is to run on."""

    compiled: tuple[str, ...] = (CPU,)
    """Providers that this onnxruntime contains."""
    listed: tuple[str, ...] = ()
    """Providers that found a GPU."""
    gpus: int = 0
    """NVIDIA GPUs that the driver lends."""

    def has(self, provider: str) -> bool:
        """Whether `provider` is worth asking for."""
        return provider in self.listed or (provider in self.compiled and self.gpus > 0)

    @property
    def accelerated(self) -> bool:
        """Whether there is a GPU, so that running on the CPU would be a loss."""
        return self.gpus > 0 or TENSORRT in self.listed or CUDA in self.listed


@frozen
class Plan:
    """Lists of providers to ask for in turn, each best first, and which providers are what was wanted (`accept`)."""

    attempts: tuple[tuple[str, ...], ...]
    accept: tuple[str, ...]


def look(ort: Any) -> Machine:
    """What the module `ort` (onnxruntime) and the driver say of this machine."""
    listed = [d.ep_name for d in ort.get_ep_devices() if d.device.type == ort.OrtHardwareDeviceType.GPU]
    return Machine(tuple(ort.get_available_providers()), tuple(dict.fromkeys(listed)), nvidia.gpus())


def plan(device: str, machine: Machine, precision: str) -> Plan:
    """What to ask for. `auto` is the GPU where there is one, else the CPU. InputError for an unknown `device`.

    8-bit convolutions exist for the CPU and in TensorRT alone: `auto` never takes an int8 graph to CUDA.
    """
    name, gpu = numbered(device)
    if name not in DEVICES:
        expected = f"{', '.join(DEVICES)}, cuda:1"
        raise InputError(f"device '{device}'", expected=expected, cure=did_you_mean(device, DEVICES))
    if gpu and gpu >= machine.gpus > 0:
        expected = f"{name}:0 to {name}:{machine.gpus - 1}"
        raise InputError(f"device '{device}'", found=f"{machine.gpus} NVIDIA GPU(s)", expected=expected)
    if device == "cpu" or (device == "auto" and not machine.accelerated):
        return Plan(((CPU,),), (CPU,))
    if device == "auto" and precision == "int8":
        return Plan((*([(TENSORRT, CUDA, CPU)] if machine.has(TENSORRT) else []), (CPU,)), (TENSORRT, CPU))
    accept = {"auto": (TENSORRT, CUDA), "cuda": (CUDA,), "tensorrt": (TENSORRT,)}[name]
    attempts: list[tuple[str, ...]] = [(CUDA, CPU)] if machine.has(CUDA) else []
    if name != "cuda" and machine.has(TENSORRT):
        # TensorRT hands what it does not know to CUDA; where its libraries are missing the whole session is refused
        attempts.insert(0, (TENSORRT, CUDA, CPU))
    return Plan(tuple(attempts), accept)


def numbered(device: str) -> tuple[str, int]:
    """A GPU's kind of device and its number: `cuda:1` is ("cuda", 1), `cuda` ("cuda", 0)."""
    name, _, number = device.partition(":")
    return (name, int(number)) if name in ("cuda", "tensorrt") and number.isdecimal() else (device, 0)


@frozen
class Facts:
    """What a provider's options depend on: the image size in pixels, the length of a style, the precision, the file,
    the GPU's number."""

    size: int
    style_size: int
    precision: str
    sha256: str
    gpu: int = 0


def options(provider: str, facts: Facts, version: str) -> dict[str, Any]:
    """The provider's options for a graph, once the libraries are loaded. CUDA keeps its defaults, but for the GPU.

    TensorRT wants the range of every dynamic input, or it builds again for each new batch. It takes minutes to build,
    so its engines are kept in the user's cache, apart for each graph, `version` of onnxruntime, version of TensorRT and
    kind of GPU. How long kernels take depends on the last two alone, so that one such record serves every graph.
    """
    chosen = {"device_id": facts.gpu} if facts.gpu and provider != CPU else {}
    if provider != TENSORRT:
        return chosen
    device = f"trt{nvidia.tensorrt_version()}-sm{nvidia.compute_capability(facts.gpu)}"
    engines = _own_folder(f"{facts.sha256[:16]}-{version}-{device}")
    shapes = {
        bound: f"{INPUT}:{n}x{facts.size}x{facts.size}x3"
        + (f",{STYLE}:{n}x{facts.style_size}" * bool(facts.style_size))
        for bound, n in (("min", 1), ("opt", TYPICAL_BATCH), ("max", MAX_BATCH))
    }
    return {
        **chosen,
        "trt_engine_cache_enable": True,
        "trt_engine_cache_path": engines,
        "trt_timing_cache_enable": True,
        "trt_timing_cache_path": _own_folder(f"timing-{device}"),
        "trt_fp16_enable": facts.precision == "fp16",
        "trt_int8_enable": facts.precision == "int8",
        **{f"trt_profile_{bound}_shapes": shape for bound, shape in shapes.items()},
    }


def _own_folder(name: str) -> str:
    """A folder of the cache that nobody else may write to: an engine is code."""
    folder = cache_dir() / "tensorrt" / name
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return str(folder)


def first_line(error: BaseException) -> str:
    """What an error of somebody else's says, in one line of at most 200 characters."""
    text = " ".join(str(error).split())
    if failure := re.search(r"\b\w+ failure \d+: [^;]*\w", text):
        return failure[0][:200]  # CUDA's own words, which come after the places in C++ that they passed through
    text = re.sub(r"^\S+\.(cc|h):\d+ [^)]*\) ", "", text)  # without the place in its C++ source
    return (text or type(error).__name__)[:200]
