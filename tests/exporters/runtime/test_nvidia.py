"""What is asked of NVIDIA's libraries, answered by pretended ones."""

import ctypes
import sys
from types import SimpleNamespace

import pytest

from crosscade.exporters.runtime import nvidia


class PretendedDriver:
    """As much of the CUDA driver as is asked: `count` GPUs of a compute capability."""

    def __init__(self, count=1, capability=(9, 0), broken=False):
        self.count, self.numbers, self.broken = count, dict(zip((75, 76), capability)), broken

    def cuInit(self, flags):  # noqa: N802 (the driver's name)
        return 100 if self.broken else 0

    def cuDeviceGetCount(self, count):  # noqa: N802
        count._obj.value = self.count
        return 0

    def cuDeviceGet(self, device, index):  # noqa: N802
        return 0 if index < self.count else 101

    def cuDeviceGetAttribute(self, number, attribute, device):  # noqa: N802
        number._obj.value = self.numbers[attribute]
        return 0


@pytest.fixture
def libraries(monkeypatch):
    """Libraries by name, in place of the system's; those that were loaded, in order."""
    there, loaded = {}, []

    def load(name):
        if name not in there:
            raise OSError(f"{name}: cannot open shared object file")
        loaded.append(name)
        return there[name]

    monkeypatch.setattr(ctypes, "CDLL", load)
    return SimpleNamespace(there=there, loaded=loaded)


@pytest.mark.parametrize(
    ("driver", "gpus", "capability"),
    [
        (None, 0, "0"),
        (PretendedDriver(broken=True), 0, "0"),
        (PretendedDriver(count=0), 0, "0"),
        (PretendedDriver(count=2, capability=(8, 9)), 2, "89"),
        (PretendedDriver(capability=(12, 0)), 1, "120"),
    ],
)
def test_the_driver_says_how_many_gpus_and_of_what_kind(libraries, driver, gpus, capability):
    if driver:
        libraries.there[nvidia.DRIVER] = driver
    assert (nvidia.gpus(), nvidia.compute_capability()) == (gpus, capability)


def test_tensorrts_version_is_its_librarys(libraries):
    assert nvidia.tensorrt_version() == 0
    libraries.there[nvidia.TENSORRT_LIBRARIES[0]] = SimpleNamespace(getInferLibVersion=lambda: 101601)
    assert nvidia.tensorrt_version() == 101601


def test_the_libraries_of_pips_package_are_loaded_in_the_order_of_their_needs(libraries, monkeypatch, tmp_path, capsys):
    nvidia.preload_tensorrt()  # no such package: nothing happens
    assert (libraries.loaded, capsys.readouterr().out) == ([], "")
    package = tmp_path / "tensorrt_libs"
    package.mkdir()
    (package / "__init__.py").write_text("raise SystemExit('what a package does when it is imported is its own')")
    for name in nvidia.TENSORRT_LIBRARIES[::2]:
        (package / name).touch()
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    first, last = (str(package / name) for name in nvidia.TENSORRT_LIBRARIES[::2])
    libraries.there[first] = SimpleNamespace()
    nvidia.preload_tensorrt()
    assert libraries.loaded == [first]
    assert capsys.readouterr().out == f"Failed to load {last}: {last}: cannot open shared object file\n"


@pytest.mark.parametrize(("cuda", "major"), [("13.0", 13), ("12.8", 12), ("", 13)])
def test_the_wheel_is_of_version_10_for_the_cuda_that_onnxruntime_was_built_with(cuda, major):
    assert nvidia.tensorrt_wheel(cuda) == f"tensorrt-cu{major}-libs==10.16.1.11"
