"""Which device is asked for, what a session may come up with, and GPUs that are only pretended."""

from types import SimpleNamespace

import numpy as np
import onnxruntime
import pytest

from crosscade.exporters.runtime import providers
from crosscade.exporters.runtime.exported import in_batches
from crosscade.exporters.runtime.onnxruntime import Bound, OnnxRuntime
from crosscade.exporters.runtime.providers import CPU, CUDA, TENSORRT, Facts, Machine, look, options, plan
from crosscade.exporters.safety.manifest import INPUT, OUTPUT
from crosscade.framework import InputError, RunError
from tests.exporters import tiny_export

GPU_WHEEL = (TENSORRT, CUDA, CPU)
FACTS = Facts(size=16, style_size=0, precision="fp32", sha256="ab" * 32)


class PretendedOrt:
    """onnxruntime with a GPU: it computes on the CPU, but names the providers in `up` and wants memory on `cuda`."""

    __version__ = "1.99"
    OrtHardwareDeviceType = onnxruntime.OrtHardwareDeviceType
    SessionOptions = onnxruntime.SessionOptions

    def __init__(self, up, failure=None, failing=(TENSORRT, CUDA), compiled=GPU_WHEEL, listed=()):
        self.up, self.compiled = up, compiled
        self.failure, self.failing = failure, failing
        self.listed = [(name, "GPU") for name in listed] + [(CPU, "CPU")]
        self.asked, self.severities, self.made = [], [], []
        self.OrtValue = SimpleNamespace(ortvalue_from_shape_and_type=self.value)

    def get_available_providers(self):
        return list(self.compiled)

    def get_ep_devices(self):
        kinds = onnxruntime.OrtHardwareDeviceType
        return [SimpleNamespace(ep_name=n, device=SimpleNamespace(type=getattr(kinds, k))) for n, k in self.listed]

    def preload_dlls(self):
        print("Failed to load libcublasLt.so.13")

    def set_default_logger_severity(self, level):
        self.severities.append(level)

    def value(self, shape, dtype, device, index):
        assert (device, index) == ("cuda", 0)
        self.made.append(tuple(shape))
        return onnxruntime.OrtValue.ortvalue_from_shape_and_type(shape, dtype, "cpu", 0)

    def InferenceSession(self, path, settings, *, providers, enable_fallback):  # noqa: N802 (onnxruntime's name)
        assert enable_fallback == 0
        names = [name for name, _ in providers]
        self.asked.append(names)
        if self.failure and names[0] in self.failing:
            raise RuntimeError(self.failure)
        real = onnxruntime.InferenceSession(path, settings, providers=[CPU])
        shown = [name for name in names if name in (*self.up, CPU)]
        return SimpleNamespace(
            get_providers=lambda: shown, run=None if shown[0] != CPU else real.run, io_binding=real.io_binding,
            run_with_iobinding=real.run_with_iobinding,
        )  # fmt: skip


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("CROSSCADE_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def graph(tmp_path):
    path = tmp_path / "a2b.onnx"
    path.write_bytes(tiny_export.graph("a2b", taps=True).SerializeToString())
    return path


def test_this_machine_has_at_least_a_cpu():
    machine = look(onnxruntime)
    assert CPU in machine.compiled
    assert CPU not in machine.listed


@pytest.mark.parametrize(
    ("device", "machine", "attempts", "accept"),
    [
        ("auto", Machine(GPU_WHEEL), [(CPU,)], (CPU,)),  # the wheel names CUDA, the driver knows no GPU
        ("auto", Machine(GPU_WHEEL, gpus=1), [GPU_WHEEL, (CUDA, CPU)], (TENSORRT, CUDA)),
        ("auto", Machine((CUDA, CPU), listed=(CUDA,)), [(CUDA, CPU)], (TENSORRT, CUDA)),
        ("auto", Machine((CPU,), gpus=1), [], (TENSORRT, CUDA)),  # a GPU, and an onnxruntime that cannot use it
        ("cpu", Machine(GPU_WHEEL, gpus=1), [(CPU,)], (CPU,)),
        ("cuda", Machine(GPU_WHEEL, gpus=1), [(CUDA, CPU)], (CUDA,)),
        ("tensorrt", Machine(GPU_WHEEL, gpus=1), [GPU_WHEEL, (CUDA, CPU)], (TENSORRT,)),
        ("tensorrt", Machine((CUDA, CPU), gpus=1), [(CUDA, CPU)], (TENSORRT,)),
        ("cuda", Machine(GPU_WHEEL), [], (CUDA,)),
    ],
)
def test_the_order_is_tensorrt_cuda_cpu_by_what_is_really_there(device, machine, attempts, accept):
    found = plan(device, machine)
    assert (found.attempts, found.accept) == (tuple(attempts), accept)


def test_an_unknown_device_is_named_with_a_near_miss():
    with pytest.raises(InputError, match="did you mean 'cuda'"):
        plan("cude", Machine())


def test_devices_are_listed_by_what_they_are(monkeypatch):
    monkeypatch.setattr(providers, "nvidia_gpus", lambda: 2)
    machine = look(PretendedOrt(up=(), listed=(CUDA, CUDA)))
    assert machine == Machine(GPU_WHEEL, (CUDA,), 2)
    assert not machine.has("ROCMExecutionProvider")


def test_tensorrt_is_told_the_range_of_every_dynamic_input(monkeypatch, tmp_path):
    monkeypatch.setenv("CROSSCADE_CACHE", str(tmp_path))
    found = options(TENSORRT, Facts(224, 8, "fp16", "cd" * 32), "1.32.0")
    assert found["trt_profile_min_shapes"] == "images:1x224x224x3,style:1x8"
    assert found["trt_profile_max_shapes"] == "images:64x224x224x3,style:64x8"
    assert (found["trt_fp16_enable"], found["trt_int8_enable"]) == (True, False)
    cache = tmp_path / "tensorrt" / f"{'cd' * 8}-1.32.0"
    assert found["trt_engine_cache_path"] == str(cache)
    assert cache.is_dir()
    assert cache.stat().st_mode & 0o077 == 0  # an engine is code: nobody else may put one there
    plain = options(TENSORRT, FACTS, "1.32.0")
    assert plain["trt_profile_opt_shapes"] == "images:16x16x16x3"
    assert plain["trt_fp16_enable"] is False
    assert options(CUDA, FACTS, "1") == options(CPU, FACTS, "1") == {}


@pytest.mark.parametrize(
    ("device", "ort", "gpus", "found"),
    [
        ("cuda", PretendedOrt(up=()), 1, r"fell back to CPUExecutionProvider \(Failed to load libcublasLt.so.13\)"),
        ("auto", PretendedOrt(up=()), 1, "fell back to CPUExecutionProvider"),
        ("tensorrt", PretendedOrt(up=(CUDA,)), 1, "fell back to CUDAExecutionProvider"),
        ("cuda", PretendedOrt(up=(), failure="libcudnn.so.9 is\nmissing"), 1, "libcudnn.so.9 is missing"),
        ("cuda", PretendedOrt(up=()), 0, "0 NVIDIA GPU"),
        ("auto", PretendedOrt(up=(), compiled=(CPU,)), 1, "an onnxruntime for CPUExecutionProvider"),
    ],
)
def test_falling_back_to_the_cpu_is_an_error_unless_allowed(graph, device, ort, gpus, found):
    machine = Machine(ort.compiled, gpus=gpus)
    given = {"device": device, "facts": FACTS, "ort": ort, "machine": machine}
    with pytest.raises(RunError, match=f"device '{device}'.*{found}"):
        OnnxRuntime(graph, **given)
    allowed = OnnxRuntime(graph, allow_fallback=True, **given)
    assert allowed.provider == (CUDA if CUDA in ort.up else CPU)
    images = tiny_export.pictures(3)
    assert (allowed.run([OUTPUT], {INPUT: images})[0] == tiny_export.translated(images)).all()


def test_what_came_up_is_what_is_said(graph, capfd):
    ort = PretendedOrt(up=(CUDA,))
    session = OnnxRuntime(graph, facts=FACTS, ort=ort, machine=Machine(GPU_WHEEL, gpus=1))
    assert session.provider == CUDA
    assert ort.asked == [[TENSORRT, CUDA, CPU]]
    assert ort.severities == [4, 2]  # quiet while asking, as before afterwards
    assert capfd.readouterr() == ("", "")


def test_without_tensorrts_libraries_a_gpu_still_has_cuda(graph):
    ort = PretendedOrt(
        up=(CUDA,),
        failure="/src/ort_state.cc:729 void Register(Options&, const Options&) Please install TensorRT libraries",
        failing=(TENSORRT,),
    )
    given = {"facts": FACTS, "ort": ort, "machine": Machine(GPU_WHEEL, gpus=1)}
    assert OnnxRuntime(graph, **given).provider == CUDA
    assert ort.asked == [[TENSORRT, CUDA, CPU], [CUDA, CPU]]
    with pytest.raises(RunError, match="device 'tensorrt': found Please install TensorRT"):
        OnnxRuntime(graph, device="tensorrt", **given)
    assert OnnxRuntime(graph, device="tensorrt", allow_fallback=True, **given).provider == CUDA


def test_on_a_gpu_the_buffers_stay_and_a_last_short_batch_is_filled(graph):
    ort = PretendedOrt(up=(CUDA,))
    session = OnnxRuntime(graph, device="cuda", facts=FACTS, ort=ort, machine=Machine(GPU_WHEEL, gpus=1))
    images = tiny_export.pictures(7)
    final, tap = in_batches(session, [OUTPUT, "level3"], {INPUT: images}, 3)
    assert (final == tiny_export.translated(images)).all()
    assert (tap == tiny_export.tapped(images)).all()
    assert ort.made == [(3, 16, 16, 3)] * 3  # one input, two outputs, once
    alone = in_batches(session, [OUTPUT], {INPUT: images[:1]}, 3)[0]
    assert (alone == tiny_export.translated(images[:1])).all()
    assert ort.made[3:] == [(1, 16, 16, 3)] * 2  # one picture is not computed three times


def test_bound_results_are_the_callers_own(graph):
    real = onnxruntime.InferenceSession(str(graph), providers=[CPU])
    bound = Bound(onnxruntime, real, "cpu")
    images = tiny_export.pictures(4)
    first = bound.run([OUTPUT], {INPUT: images[:2]})[0]
    kept = first.copy()
    second = bound.run([OUTPUT], {INPUT: images[2:]})[0]
    assert (first == kept).all()
    assert (second == real.run([OUTPUT], {INPUT: images[2:]})[0]).all()


def test_a_device_that_fails_while_running_is_named(graph):
    session = OnnxRuntime(graph, device="cpu", facts=FACTS)
    with pytest.raises(RunError, match=r"a2b.onnx on CPUExecutionProvider: found .*smaller batch"):
        session.run([OUTPUT], {INPUT: np.zeros((1, 4, 4, 3), np.uint8)})


def test_a_file_that_onnxruntime_cannot_read_is_named(tmp_path):
    (tmp_path / "a2b.onnx").write_bytes(b"no graph")
    with pytest.raises(RunError, match=r"a2b.onnx: found .*expected a graph"):
        OnnxRuntime(tmp_path / "a2b.onnx", device="cpu", facts=FACTS)
