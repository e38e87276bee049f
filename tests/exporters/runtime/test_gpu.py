"""Exports on a real GPU: the golden pictures come out again, and no pixel visits the CPU on the way."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import onnxruntime
import pytest

from crosscade.exporters.onnx.quantise import random_pictures, to_float16
from crosscade.exporters.runtime import load, nvidia
from crosscade.exporters.runtime.providers import CPU, CUDA, TENSORRT, look

pytestmark = pytest.mark.gpu
SHAPES = {"Concat", "Div", "Gather", "Mul", "Shape", "Slice", "Squeeze", "Unsqueeze"}
"""What onnxruntime does on the CPU on purpose: the few whole numbers that describe a shape."""


@pytest.fixture(autouse=True, scope="module")
def _gpu():
    machine = look(onnxruntime)
    if not machine.has(CUDA):
        pytest.skip(f"{machine.gpus} NVIDIA GPU(s), and an onnxruntime for {', '.join(machine.compiled)}")
    onnxruntime.preload_dlls()


@pytest.mark.parametrize("device", ["cuda", "tensorrt"])
def test_the_golden_pictures_come_out_again(exported, device, monkeypatch, tmp_path):
    monkeypatch.setenv("CROSSCADE_CACHE", str(tmp_path))
    nvidia.preload_tensorrt()
    if device == "tensorrt" and not nvidia.tensorrt_version():
        pytest.skip(f"no TensorRT 10: pip install {nvidia.tensorrt_wheel(onnxruntime.cuda_version)}")
    export = load(exported, device=device)
    for direction in export.directions:
        checked = export.check(direction)
        assert checked.provider == {"cuda": CUDA, "tensorrt": TENSORRT}[device]
        assert checked.psnr_db >= checked.least_db
    kept = {path.suffix for path in (tmp_path / "tensorrt").glob("*/*")} if device == "tensorrt" else set()
    assert {".engine", ".timing"} <= kept or device == "cuda"


def test_every_batch_and_thread_gets_what_the_cpu_makes(exported):
    images = random_pictures(24, 64)
    expected = load(exported, device="cpu").translate(images).astype(int)
    export = load(exported, device="cuda")
    for batch in (1, 5, 24):
        assert np.abs(export.translate(images, batch=batch) - expected).max() <= 4
    with ThreadPoolExecutor(4) as pool:
        parts = list(pool.map(lambda k: export.translate(images[k : k + 6], batch=6), range(0, 24, 6)))
    assert np.abs(np.concatenate(parts) - expected).max() <= 4


@pytest.mark.parametrize("reduced", [lambda model: model, to_float16], ids=["fp32", "fp16"])
def test_only_the_arithmetic_of_shapes_is_on_the_cpu(compiled, reduced):
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    session = onnxruntime.InferenceSession(
        reduced(compiled).SerializeToString(), options, providers=[CUDA, CPU], enable_fallback=0
    )
    assert session.get_providers()[0] == CUDA
    parts = session.get_provider_graph_assignment_info()
    on_cpu = {node.op_type for part in parts if part.ep_name == CPU for node in part.get_nodes()}
    assert on_cpu <= SHAPES
