"""What NVIDIA's driver and TensorRT's libraries say of themselves, asked through their C interfaces. Torch-free.

TensorRT is no part of onnxruntime-gpu, whose provider wants version 10 of it; `pip install tensorrt-cu13-libs` alone
brings a newer one. Not run on a GPU.
"""

from __future__ import annotations

import ctypes
import importlib.util
import sys
from pathlib import Path

WINDOWS = sys.platform == "win32"
DRIVER = "nvcuda.dll" if WINDOWS else "libcuda.so.1"
TENSORRT_LIBRARIES = tuple(
    f"{name}_10.dll" if WINDOWS else f"lib{name}.so.10" for name in ("nvinfer", "nvinfer_plugin", "nvonnxparser")
)
"""In the order in which they need each other."""
TENSORRT_WHEEL = "tensorrt-cu{}-libs==10.16.1.11"
"""The last release of version 10, of which there is a wheel for each major version of CUDA."""
_MAJOR, _MINOR = 75, 76  # CUdevice_attribute: the compute capability's numbers


def _driver() -> ctypes.CDLL | None:
    try:
        driver = ctypes.CDLL(DRIVER)
    except OSError:
        return None
    return driver if driver.cuInit(0) == 0 else None


def gpus() -> int:
    """How many GPUs the driver lends to this process; 0 without a driver."""
    driver, count = _driver(), ctypes.c_int(0)
    if driver is None or driver.cuDeviceGetCount(ctypes.byref(count)) != 0:
        return 0
    return count.value


def compute_capability(gpu: int = 0) -> str:
    """Of the GPU of that number: `90` for 9.0; `0` without one."""
    driver, device = _driver(), ctypes.c_int(0)
    if driver is None or driver.cuDeviceGet(ctypes.byref(device), gpu) != 0:
        return "0"
    numbers = [ctypes.c_int(0), ctypes.c_int(0)]
    for number, attribute in zip(numbers, (_MAJOR, _MINOR)):
        driver.cuDeviceGetAttribute(ctypes.byref(number), attribute, device)
    return "".join(str(number.value) for number in numbers)


def tensorrt_version() -> int:
    """As the library that is loaded, or that the system would load, gives it: 101601 for 10.16.1; 0 without one."""
    try:
        return int(ctypes.CDLL(TENSORRT_LIBRARIES[0]).getInferLibVersion())
    except OSError:
        return 0


def tensorrt_wheel(cuda_version: str) -> str:
    """What to install for an onnxruntime that was built with `cuda_version`, such as 13.0 (empty: not known)."""
    return TENSORRT_WHEEL.format(cuda_version.partition(".")[0] or "13")


def preload_tensorrt() -> None:
    """Loads the libraries of pip's TensorRT package, where no search path leads, so that onnxruntime finds them.

    Without the package nothing is done; what does not load is onnxruntime's to report, when it asks for it.
    """
    package = importlib.util.find_spec("tensorrt_libs")
    for folder in (package.submodule_search_locations or ()) if package else ():
        for name in TENSORRT_LIBRARIES:
            path = Path(folder) / name
            if path.is_file():
                _load(path)


def _load(path: Path) -> None:
    try:
        ctypes.CDLL(str(path))
    except OSError as error:
        print(f"Failed to load {path}: {error}")  # noqa: T201 (caught: onnxruntime's own preloading says it
