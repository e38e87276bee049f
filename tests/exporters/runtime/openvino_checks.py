"""OpenVINO as the backend. Not collected with the rest: test_openvino.py runs this file in a process without torch."""

import numpy as np
import pytest

from crosscade.exporters.runtime.exported import load
from crosscade.framework import InputError, RunError
from tests.exporters.tiny_export import pictures, translated, write


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write(tmp_path_factory.mktemp("tiny") / "tiny.onnx")


@pytest.fixture(scope="module")
def styled(tmp_path_factory):
    return load(write(tmp_path_factory.mktemp("styled") / "styled.onnx", style_size=4))


@pytest.mark.parametrize("precision", ["f32", "auto", "bf16"])
def test_openvino_reads_the_same_file(folder, styled, precision):
    images = pictures(3)
    export = load(folder, backend="openvino", precision=precision, threads=1)
    far = 0 if precision == "f32" else 2
    assert np.abs(export.translate(images, batch=2).astype(int) - translated(images)).max() <= far
    computed = export._graph("a2b").model.get_property("INFERENCE_PRECISION_HINT").to_string()
    assert precision in (computed, "auto")
    assert export.provider() == f"OpenVINO CPU {computed}"
    other = load(styled.folder, backend="openvino")
    assert (other.translate(images) == styled.translate(images)).all()


def test_bf16_has_a_limit_of_its_own(tmp_path):
    near = load(write(tmp_path / "near", golden_error=8), backend="openvino", precision="bf16")
    assert 30 <= near.check().psnr_db < 45
    assert near.check().least_db == 30
    with pytest.raises(RunError, match=r"on OpenVINO CPU bf16: found golden pictures .* at least 30 dB"):
        load(write(tmp_path / "far", golden_error=16), backend="openvino", precision="bf16").check()
    with pytest.raises(RunError, match=r"on OpenVINO CPU f32: found golden pictures .* at least 45 dB"):
        load(tmp_path / "near", backend="openvino").check()


def test_openvino_checks_its_precision_too(folder):
    with pytest.raises(InputError, match="did you mean 'bf16'"):
        load(folder, backend="openvino", precision="bf61").translate(pictures(1))
