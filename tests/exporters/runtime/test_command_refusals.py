"""`crosscade run`: what it refuses, and what it says."""

import time

import pytest
from PIL import Image

from crosscade.exporters.runtime import onnxruntime as onnxruntime_backend
from crosscade.exporters.runtime.providers import Machine
from tests.exporters.tiny_export import write


def test_both_directions_of_an_export_of_one_are_refused(run, tmp_path):
    write(tmp_path / "one.onnx", directions=("a2b",))
    answer = run("in", "--out", "out", "--direction", "both", export="one.onnx")
    assert (answer.code, "direction 'b2a': found no such one in one.onnx" in answer.error) == (2, True)
    assert not (tmp_path / "out").exists()


def test_a_strip_of_an_export_without_taps_is_refused(run):
    answer = run("in", "--out", "out", "--strip")
    assert answer.code == 2
    assert "--taps" in answer.error


def test_golden_pictures_that_differ_stop_it_unless_told_otherwise(run, tmp_path):
    write(tmp_path / "tiny.onnx", golden_error=8)
    for words in (["in", "--out", "out"], ["--check"]):
        answer = run(*words)
        assert answer.code == 1
        assert "golden pictures that come out at 30.1 dB; expected at least 45 dB" in answer.error
    assert not (tmp_path / "out").exists()
    assert run("in", "--out", "out", "--no-check").code == 0


def test_a_gpu_that_is_not_there_is_an_error_unless_the_cpu_will_do(run, monkeypatch):
    monkeypatch.setattr(onnxruntime_backend, "look", lambda ort: Machine())
    answer = run("in", "--out", "out", "--device", "cuda")
    assert answer.code == 1
    assert answer.error.startswith("device 'cuda': found 0 NVIDIA GPU(s)")
    answer = run("in", "--out", "out", "--device", "cuda", "--allow-cpu-fallback")
    assert answer.code == 0
    assert answer.others == ["3 images in out, on CPUExecutionProvider"]


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["in"], "no images or no --out"),
        (["--out", "out"], "no images or no --out"),
        (["in", "--check"], "--check"),
        (["--check", "--no-check"], "--check"),
        (["nowhere", "--out", "out"], "no such file"),
        (["in", "--out", "in"], "overlaps"),
        (["in", "--out", "tiny.onnx/a2b.onnx"], "a file"),
        (["in", "--out", "out", "--batch", "0"], "batch: found 0"),
        (["in", "--out", "out", "--mask"], "--mask: found a model without one"),
        (["in", "--out", "out", "--mask", "--strip"], "--mask: found --strip as well"),
        (["in", "--out", "out", "--mask", "--frames"], "--mask: found --frames as well"),
        (["in", "--out", "out", "--onto-source", "--strip"], "--strip: not allowed with argument --onto-source"),
        (["in", "--out", "out", "--threads", "-2"], "threads: found -2"),
        (["in", "--out", "out", "--device", "tpu"], "tpu"),
        (["in", "--out", "out", "--backend", "openvino", "--device", "cuda"], "found backend 'openvino'"),
    ],
)
def test_what_makes_no_sense_is_refused_with_one_line(run, tmp_path, words, reason):
    answer = run(*words)
    assert answer.code == 2
    assert reason in answer.error
    assert not (tmp_path / "out").exists()


def test_a_folder_that_is_no_export_is_named(crosscade, tmp_path):
    (tmp_path / "empty").mkdir()
    Image.new("RGB", (4, 4)).save(tmp_path / "one.png")
    answer = crosscade("run", "empty", "one.png", "--out", "out")
    assert answer.code == 2
    assert "no manifest.json" in answer.error


def test_only_pictures_that_cannot_be_read_are_an_error(run, tmp_path):
    (tmp_path / "in" / "bad.png").write_bytes(b"")
    answer = run("in/bad.png", "--out", "out")
    assert answer.code == 2
    assert "none that can be read" in answer.error


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda p: p.write_bytes(p.read_bytes()[:-9]), "bytes"),
        (lambda p: p.write_bytes(p.read_bytes()[:-1] + b"!"), "sha256"),
        (lambda p: p.write_bytes(b"PK\x03\x04 not a graph"), "bytes"),
        (lambda p: p.unlink(), "no file"),
    ],
)
def test_a_damaged_file_ends_the_command_at_once_with_code_2(run, tmp_path, damage, reason):
    damage(tmp_path / "tiny.onnx" / "a2b.onnx")
    start = time.process_time()
    answer = run("in", "--out", "out")
    assert time.process_time() - start < 2
    assert answer.code == 2
    assert answer.error.startswith("tiny.onnx/a2b.onnx")
    assert reason in answer.error
    assert not (tmp_path / "out").exists()
