"""An export is a folder that vouches for itself, the same bytes each time, and loads where there is no torch."""

import json

import numpy as np
import onnx
import pytest
from PIL import Image

from crosscade.exporters.onnx import exporter as onnx_exporter
from crosscade.exporters.onnx import parity as gate
from crosscade.exporters.onnx.exporter import OnnxExporter, OnnxOptions
from crosscade.exporters.runtime.exported import load
from crosscade.exporters.safety import manifest
from crosscade.framework import InputError, RunError, Translation


def test_the_manifest_names_and_vouches_for_every_file(exported):
    found = manifest.read(exported)
    there = {p.relative_to(exported).as_posix() for p in exported.rglob("*") if p.is_file()}
    assert set(found.files) == there - {"manifest.json"}
    assert all(manifest.file(exported / name) == entry for name, entry in found.files.items())
    assert (found.method, found.size, found.precision, found.levels) == ("tiny", 64, "fp32", (5, 4))
    assert {key: (d.source, d.target) for key, d in found.directions.items()} == {
        "a2b": ("zebra", "giraffe"),
        "b2a": ("giraffe", "zebra"),
    }


def test_parity_is_on_record_at_every_batch_size(exported):
    for direction in manifest.read(exported).directions.values():
        assert list(direction.parity) == [f"translated, batch {n}" for n in (1, 3, 16)]
        assert all(v["equal_share"] >= 0.999 and v["largest"] <= 2 for v in direction.parity.values())


@pytest.mark.parametrize("direction", ["a2b", "b2a"])
def test_the_runtime_translates_as_the_bundle_does(exported, trained, dataset, direction):
    source = dataset.domains.a if direction == "a2b" else dataset.domains.b
    pictures = [source.test.load(k, 80) for k in range(3)]
    found = load(exported, device="cpu").translate(pictures, direction)
    expected = Translation(trained, direction).images(pictures)
    assert np.abs(found.astype(int) - expected).max() <= 2


def test_golden_pictures_are_real_ones_and_their_translations(exported, trained):
    golden = manifest.read(exported).directions["a2b"].golden[0]
    source, translated = (np.array(Image.open(exported / name)) for name in (golden.source, golden.translated))
    assert np.abs(Translation(trained, "a2b").images([source])[0].astype(int) - translated).max() <= 1


def test_the_same_bundle_exports_to_the_same_bytes(exported, trained, dataset, tmp_path):
    OnnxExporter(OnnxOptions(direction="a2b")).export(trained, tmp_path, dataset, lambda text: None)
    again, before = (json.loads((folder / "manifest.json").read_text()) for folder in (tmp_path, exported))
    assert again["files"]["a2b.onnx"] == before["files"]["a2b.onnx"]
    assert again["directions"]["a2b"] == before["directions"]["a2b"]


@pytest.fixture
def export(trained, dataset, compiled, tmp_path, monkeypatch):
    """Exports one direction with other options; the graph, which does not depend on these, is compiled once."""

    def copied(*_):
        model = onnx.ModelProto()
        model.CopyFrom(compiled)
        return model

    monkeypatch.setattr(onnx_exporter, "compile_graph", copied)

    def run(say=lambda text: None, **options):
        made = OnnxExporter(OnnxOptions(direction="a2b", **options))
        made.export(trained, tmp_path, dataset, say)
        return manifest.read(tmp_path)

    return run


def test_half_precision_halves_the_file_and_stays_close(export, exported, dataset, tmp_path):
    found = export(precision="fp16")
    assert found.files["a2b.onnx"].bytes < 0.55 * manifest.read(exported).files["a2b.onnx"].bytes
    record = found.directions["a2b"].parity
    assert record["variants"][record["shipped"]]["psnr_db"] >= 40
    assert load(tmp_path, device="cpu").translate(dataset.domains.a.test.load(0, 80)).shape == (64, 64, 3)


def test_int8_ships_what_is_close_enough_and_keeps_what_was_tried(export, exported, dataset, tmp_path):
    said = []
    found = export(said.append, precision="int8")
    assert "For CUDA take --precision fp16" in said[0]
    assert any("not judged: a set of 4 images is too small" in line for line in said)
    record = found.directions["a2b"].parity
    assert found.files["a2b.onnx"].bytes < 0.8 * manifest.read(exported).files["a2b.onnx"].bytes
    assert record["variants"][record["shipped"]]["psnr_db"] >= 30
    for title, row in record["variants"].items():
        assert ("refused" in row) == (title not in ("float32", record["shipped"]))
    assert load(tmp_path, device="cpu").translate(dataset.domains.a.test.load(0, 80)).shape == (64, 64, 3)


def test_a_precision_that_loses_too_much_says_so_and_ships_nothing(export, tmp_path, monkeypatch):
    monkeypatch.setitem(gate.LEAST_PSNR_DB, "fp16", 99.0)
    with pytest.raises(RunError, match=r"export in fp16: found .* dB against eager float32.*Nothing was shipped"):
        export(precision="fp16")
    with pytest.raises(InputError, match="no manifest"):
        manifest.read(tmp_path)
