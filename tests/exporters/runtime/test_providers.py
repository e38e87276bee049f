"""Which device is asked for, what a session may come up with, and GPUs that are only pretended."""

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnxruntime
import pytest
from attrs import evolve

from crosscade.exporters.runtime import nvidia
from crosscade.exporters.runtime.exported import in_batches
from crosscade.exporters.runtime.onnxruntime import OnnxRuntime
from crosscade.exporters.runtime.providers import CPU, CUDA, TENSORRT, Facts, Machine, look, options, plan
from crosscade.exporters.safety.manifest import INPUT, OUTPUT
from crosscade.framework import InputError, RunError
from tests.exporters import tiny_export

GPU_WHEEL = (TENSORRT, CUDA, CPU)
FACTS = Facts(size=16, style_size=0, precision="fp32", sha256="ab" * 32)


class PretendedOrt:
    """onnxruntime with a GPU: it computes on the CPU, but names the providers in `up`."""

    __version__, cuda_version = "1.99", "13.0"
    OrtHardwareDeviceType = onnxruntime.OrtHardwareDeviceType
    SessionOptions = onnxruntime.SessionOptions

    def __init__(self, up, failure=None, failing=(TENSORRT, CUDA), compiled=GPU_WHEEL, listed=()):
        self.up, self.compiled = up, compiled
        self.failure, self.failing = failure, failing
        self.listed = [(name, "GPU") for name in listed] + [(CPU, "CPU")]
        self.asked, self.severities, self.batches = [], [], []

    def get_available_providers(self):
        return list(self.compiled)

    def get_ep_devices(self):
        kinds = onnxruntime.OrtHardwareDeviceType
        return [SimpleNamespace(ep_name=n, device=SimpleNamespace(type=getattr(kinds, k))) for n, k in self.listed]

    def preload_dlls(self):
        print("Failed to load libcublasLt.so.13")

    def set_default_logger_severity(self, level):
        self.severities.append(level)

    def InferenceSession(self, path, settings, *, providers, enable_fallback):  # noqa: N802 (onnxruntime's name)
        assert enable_fallback == 0
        names = [name for name, _ in providers]
        self.asked.append(names)
        if self.failure and names[0] in self.failing:
            raise RuntimeError(self.failure)
        real = onnxruntime.InferenceSession(path, settings, providers=[CPU])
        shown = [name for name in names if name in (*self.up, CPU)]

        def run(outputs, feeds):
            self.batches.append(len(feeds[INPUT]))
            return real.run(outputs, feeds)

        return SimpleNamespace(get_providers=lambda: shown, run=run)


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
    for precision in ("fp32", "fp16"):
        found = plan(device, machine, precision)
        assert (found.attempts, found.accept) == (tuple(attempts), accept)


@pytest.mark.parametrize(
    ("device", "machine", "attempts", "accept"),
    [
        ("auto", Machine(GPU_WHEEL, gpus=1), [GPU_WHEEL, (CPU,)], (TENSORRT, CPU)),
        ("auto", Machine((CUDA, CPU), gpus=1), [(CPU,)], (TENSORRT, CPU)),
        ("auto", Machine(GPU_WHEEL), [(CPU,)], (CPU,)),
        ("cuda", Machine(GPU_WHEEL, gpus=1), [(CUDA, CPU)], (CUDA,)),  # asked for, and warned of
        ("tensorrt", Machine(GPU_WHEEL, gpus=1), [GPU_WHEEL, (CUDA, CPU)], (TENSORRT,)),
    ],
)
def test_int8_goes_to_cuda_only_when_it_is_asked_for(device, machine, attempts, accept):
    found = plan(device, machine, "int8")
    assert (found.attempts, found.accept) == (tuple(attempts), accept)


def test_int8_on_a_gpu_without_tensorrts_libraries_runs_on_the_cpu(graph):
    ort = PretendedOrt(up=(CUDA,))
    session = OnnxRuntime(graph, facts=evolve(FACTS, precision="int8"), ort=ort, machine=Machine(GPU_WHEEL, gpus=1))
    assert session.provider == CPU
    assert ort.asked == [[TENSORRT, CUDA, CPU], [CPU]]


def test_an_unknown_device_is_named_with_a_near_miss():
    with pytest.raises(InputError, match="did you mean 'cuda'"):
        plan("cude", Machine(), "fp32")


def test_one_of_several_gpus_is_chosen_by_its_number(monkeypatch, tmp_path):
    monkeypatch.setenv("CROSSCADE_CACHE", str(tmp_path))
    machine, second = Machine(GPU_WHEEL, gpus=2), evolve(FACTS, gpu=1)
    assert plan("cuda:1", machine, "fp32") == plan("cuda", machine, "fp32")
    for provider in (CUDA, TENSORRT):
        assert options(provider, second, "1")["device_id"] == 1
        assert "device_id" not in options(provider, FACTS, "1")
    assert options(CPU, second, "1") == {}
    with pytest.raises(InputError, match=r"device 'cuda:2': found 2 NVIDIA GPU\(s\); expected cuda:0 to cuda:1"):
        plan("cuda:2", machine, "fp32")
    with pytest.raises(InputError, match="device 'cpu:1'"):
        plan("cpu:1", machine, "fp32")


def test_devices_are_listed_by_what_they_are(monkeypatch):
    monkeypatch.setattr(nvidia, "gpus", lambda: 2)
    machine = look(PretendedOrt(up=(), listed=(CUDA, CUDA)))
    assert machine == Machine(GPU_WHEEL, (CUDA,), 2)
    assert not machine.has("ROCMExecutionProvider")


def test_tensorrt_is_told_the_range_of_every_dynamic_input(monkeypatch, tmp_path):
    monkeypatch.setenv("CROSSCADE_CACHE", str(tmp_path))
    found = options(TENSORRT, Facts(224, 8, "fp16", "cd" * 32), "1.32.0")
    assert found["trt_profile_min_shapes"] == "images:1x224x224x3,style:1x8"
    assert found["trt_profile_max_shapes"] == "images:64x224x224x3,style:64x8"
    assert (found["trt_fp16_enable"], found["trt_int8_enable"]) == (True, False)
    plain = options(TENSORRT, FACTS, "1.32.0")
    assert plain["trt_profile_opt_shapes"] == "images:16x16x16x3"
    assert plain["trt_fp16_enable"] is False
    assert options(CUDA, FACTS, "1") == options(CPU, FACTS, "1") == {}


def test_tensorrts_engines_are_kept_apart_by_all_that_they_depend_on(monkeypatch, tmp_path):
    monkeypatch.setenv("CROSSCADE_CACHE", str(tmp_path))

    def folders(sha="cd", ort="1.32.0", tensorrt=101601, capability="90"):
        monkeypatch.setattr(nvidia, "tensorrt_version", lambda: tensorrt)
        monkeypatch.setattr(nvidia, "compute_capability", lambda gpu: capability)
        found = options(TENSORRT, Facts(16, 0, "fp32", sha * 32), ort)
        assert found["trt_engine_cache_enable"] is found["trt_timing_cache_enable"] is True
        return found["trt_engine_cache_path"], found["trt_timing_cache_path"]

    engines, timing = folders()
    assert engines == str(tmp_path / "tensorrt" / f"{'cd' * 8}-1.32.0-trt101601-sm90")
    assert timing == str(tmp_path / "tensorrt" / "timing-trt101601-sm90")
    for folder in (engines, timing):
        assert Path(folder).is_dir()
        assert Path(folder).stat().st_mode & 0o077 == 0  # an engine is code: nobody else may put one there
    others = [folders(sha="ab"), folders(ort="1.33.0"), folders(tensorrt=101500), folders(capability="89")]
    assert len({engines, *(other for other, _ in others)}) == 5
    assert [other == timing for _, other in others] == [True, True, False, False]


@pytest.mark.parametrize(
    ("device", "ort", "gpus", "found"),
    [
        ("cuda", PretendedOrt(up=()), 1, r"fell back to CPUExecutionProvider \(Failed to load libcublasLt.so.13\)"),
        ("auto", PretendedOrt(up=()), 1, "fell back to CPUExecutionProvider"),
        ("tensorrt", PretendedOrt(up=(CUDA,)), 1, "fell back to CUDAExecutionProvider"),
        ("cuda", PretendedOrt(up=(), failure="libcudnn.so.9 is\nmissing"), 1, "libcudnn.so.9 is missing"),
        (
            "cuda",
            PretendedOrt(
                up=(),
                failure="FAIL : /src/cuda_call.cc:154 std::conditional_t<T> CudaCall(ERRTYPE) [with bool THRW = true] "
                "CUDA failure 35: CUDA driver version is insufficient for CUDA runtime version ; GPU=-1 ; line=355",
            ),
            1,
            "found CUDA failure 35: CUDA driver version is insufficient for CUDA runtime version; expected",
        ),
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
    install = r"pip install 'onnxruntime-gpu\[cuda,cudnn\]'"
    with pytest.raises(RunError, match=f"found Please install TensorRT.*{install} tensorrt-cu13-libs==10.16.1.11$"):
        OnnxRuntime(graph, device="tensorrt", **given)
    with pytest.raises(RunError, match=f"device 'cuda'.*{install}$"):
        OnnxRuntime(graph, device="cuda", **(given | {"ort": PretendedOrt(up=())}))
    assert OnnxRuntime(graph, device="tensorrt", allow_fallback=True, **given).provider == CUDA


def test_on_a_gpu_a_last_short_batch_is_filled(graph):
    ort = PretendedOrt(up=(CUDA,))
    session = OnnxRuntime(graph, device="cuda", facts=FACTS, ort=ort, machine=Machine(GPU_WHEEL, gpus=1))
    images = tiny_export.pictures(7)
    final, tap = in_batches(session, [OUTPUT, "level3"], {INPUT: images}, 3)
    assert (final == tiny_export.translated(images)).all()
    assert (tap == tiny_export.tapped(images)).all()
    alone = in_batches(session, [OUTPUT], {INPUT: images[:1]}, 3)[0]
    assert (alone == tiny_export.translated(images[:1])).all()
    assert ort.batches == [3, 3, 3, 1]  # one picture is not computed three times


def test_results_are_the_callers_own_in_several_threads(graph):
    session = OnnxRuntime(graph, device="cpu", facts=FACTS)
    batches = [tiny_export.pictures(4, seed=seed) for seed in range(16)]
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda images: session.run([OUTPUT], {INPUT: images})[0], batches))
    for images, result in zip(batches, results):  # looked at when all have run: none is another's memory
        assert (result == tiny_export.translated(images)).all()
    assert not any(np.shares_memory(one, other) for one, other in pairwise(results))


def test_a_device_that_fails_while_running_is_named(graph):
    session = OnnxRuntime(graph, device="cpu", facts=FACTS)
    with pytest.raises(RunError, match=r"a2b.onnx on CPUExecutionProvider: found .*smaller batch"):
        session.run([OUTPUT], {INPUT: np.zeros((1, 4, 4, 3), np.uint8)})


def test_a_file_that_onnxruntime_cannot_read_is_named(tmp_path):
    (tmp_path / "a2b.onnx").write_bytes(b"no graph")
    with pytest.raises(RunError, match=r"a2b.onnx: found .*expected a graph"):
        OnnxRuntime(tmp_path / "a2b.onnx", device="cpu", facts=FACTS)
