"""The client's page is right: its lines give what our runtime gives, its tool fixes a batch."""

import subprocess
import sys

import numpy as np
import onnxruntime
import pytest
from PIL import Image

from crosscade.exporters.runtime import load
from tests.docs_tools import DOCS, fenced, lines_of
from tests.exporters import tiny_export

PAGE = DOCS / "plain-onnxruntime.md"


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tiny_export.write(tmp_path / "exports" / "zebra-giraffe")


@pytest.mark.parametrize("shape", [(16, 16), (31, 50), (50, 24)])
def test_its_lines_give_what_our_runtime_gives(place, tmp_path, shape):
    pixels = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "zebra.jpg", quality=95)
    (block,) = fenced(PAGE.read_text(), "python")
    exec(compile(block, str(PAGE), "exec"), {})
    ours = load(place, device="cpu").translate(tmp_path / "zebra.jpg", "a2b")
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "giraffe.png")), ours)


def test_its_tool_fixes_a_batch(place, tmp_path):
    (words,) = [words for words in lines_of(PAGE) if words[0] == "python"]
    done = subprocess.run([sys.executable, *words[1:]], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    session = onnxruntime.InferenceSession("a2b-1.onnx", providers=["CPUExecutionProvider"])
    assert session.get_inputs()[0].shape == [1, 16, 16, 3]
    images = tiny_export.pictures(1)
    np.testing.assert_array_equal(session.run(None, {"images": images})[0], tiny_export.translated(images))
