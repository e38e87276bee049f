"""Graphs are whole: pixels in and out, any batch, native operators, and nothing about the machine that made them."""

import numpy as np
import onnx
import pytest
import torch
from attrs import evolve

from crosscade.exporters.onnx.exporter import OnnxExporter, OnnxOptions, eager
from crosscade.exporters.onnx.graph import Deployed, compile_graph
from crosscade.exporters.onnx.parity import parity, run_graph, session_of
from crosscade.exporters.onnx.quantise import random_pictures
from crosscade.exporters.runtime.exported import load
from crosscade.exporters.safety import manifest
from crosscade.framework import Bundle, InputError, RunError, Translation, read_rgb, write_png


@pytest.fixture(scope="module")
def model(exported):
    return onnx.load(exported / "a2b.onnx")


def dims(value):
    return [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim]


def test_pixels_go_in_and_come_out_in_batches_of_any_size(model):
    (given,) = model.graph.input
    assert (given.name, dims(given), given.type.tensor_type.elem_type) == (
        "images", ["batch", 64, 64, 3], onnx.TensorProto.UINT8
    )  # fmt: skip
    (made,) = model.graph.output
    assert (made.name, dims(made), made.type.tensor_type.elem_type) == (
        "translated", ["batch", 64, 64, 3], onnx.TensorProto.UINT8
    )  # fmt: skip


def test_taps_give_the_image_that_each_deeper_level_decided(trained):
    cascade = trained.cascade("a2b")
    cascade.previews["5"] = torch.nn.Sequential(torch.nn.ConvTranspose2d(112, 3, 16, 16), torch.nn.Tanh())
    module, images = Deployed(cascade, previews=True), random_pictures(3, 64)
    assert module.outputs == ("translated", "level5")
    found = run_graph(session_of(compile_graph(module, 64).SerializeToString()), images)
    for name, expected in eager(module, images, None).outputs.items():
        assert parity(found[name], expected).largest <= 2
    assert not np.array_equal(found["translated"], found["level5"])


@pytest.fixture
def masked(trained):
    """A cascade that also gives a foreground map and what its deepest level decided, by untrained inverters."""
    catalogue = trained.catalogue
    stage = trained.recipe.invert[-1]
    use = evolve(stage.inverter, options=evolve(stage.inverter.options, mask=True))
    cascade = trained.cascade("a2b")
    facts = {"level": trained.encoder.pyramid[stage.level], "image": trained.image}
    torch.manual_seed(0)
    cascade.inverter = catalogue.build("inverter", use, **facts).eval()
    cascade.previews["5"] = torch.nn.Sequential(torch.nn.ConvTranspose2d(112, 3, 16, 16), torch.nn.Tanh())
    return cascade


def test_a_foreground_map_is_an_output_and_its_features_are_computed_once(masked, model):
    module, images = Deployed(masked, previews=True), random_pictures(3, 64)
    graph = compile_graph(module, 64)
    assert [(v.name, dims(v)) for v in graph.graph.output] == [
        ("translated", ["batch", 64, 64, 3]), ("mask", ["batch", 64, 64]), ("level5", ["batch", 64, 64, 3]),
    ]  # fmt: skip
    convolutions = [sum(node.op_type == "Conv" for node in v.graph.node) for v in (graph, model)]
    assert convolutions[0] == convolutions[1] + 1
    found = run_graph(session_of(graph.SerializeToString()), images)
    for name, expected in eager(module, images, None).outputs.items():
        assert parity(found[name], expected).largest <= 2
    assert len(np.unique(found["mask"])) > 2


def test_an_export_of_it_repeats_its_golden_masks(masked, trained, dataset, tmp_path, monkeypatch):
    monkeypatch.setattr(Bundle, "cascade", lambda bundle, direction: masked)
    OnnxExporter(OnnxOptions(direction="a2b")).export(trained, tmp_path / "x.onnx", dataset, lambda text: None)
    exported, pictures = load(tmp_path / "x.onnx", device="cpu"), [dataset.domains.a.test.load(k, 80) for k in range(3)]
    assert exported.check("a2b").psnr_db > 45
    translated, mask = exported.with_mask(pictures)
    expected = Translation(trained).with_mask(pictures)
    assert mask.shape == (3, 64, 64)
    assert np.abs(mask.astype(int) - expected[1]).max() <= 2
    assert np.abs(translated.astype(int) - expected[0]).max() <= 2
    golden = tmp_path / "x.onnx" / "golden" / "a2b-0-mask.png"
    write_png(golden, 255 - read_rgb(golden)[:, :, 0])
    spoilt = load_unchecked(tmp_path / "x.onnx")
    with pytest.raises(RunError, match="golden pictures that come out at"):
        spoilt.check("a2b")


def load_unchecked(folder):
    """An export whose golden picture was changed, and vouched for."""
    contents = manifest.read(folder)
    files = {name: manifest.file(folder / name) for name in contents.files}
    manifest.write(folder, evolve(contents, files=files))
    return load(folder, device="cpu")


def test_group_norm_is_one_operator_and_no_operator_is_foreign(model):
    operators = {node.op_type for node in model.graph.node}
    assert {"GroupNormalization", "InstanceNormalization"} <= operators
    assert not operators & {"Loop", "If", "Scan"}
    assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", 21)]
    assert not model.functions


def test_the_file_says_what_it_is_and_not_who_made_it_where(model, exported):
    facts = {entry.key.removeprefix("crosscade."): entry.value for entry in model.metadata_props}
    assert facts["method"] == "tiny"
    assert (facts["source"], facts["target"]) == ("zebra", "giraffe")
    assert facts["levels"] == "[5, 4]"
    assert {"encoder", "encoder_sha256", "bundle_sha256", "versions", "licence"} <= facts.keys()
    data = (exported / "a2b.onnx").read_bytes()
    for trace in (b".py", b"site-packages", b"forward", b"/tmp", b"stack_trace"):
        assert trace not in data


def test_an_opset_that_cannot_be_written_is_refused(trained):
    with pytest.raises(InputError, match="opset 11"):
        compile_graph(Deployed(trained.cascade("a2b")), 64, opset=11)


def test_what_cannot_become_a_graph_is_named(trained):
    class Branching(torch.nn.Module):
        def forward(self, features, deeper=None):
            return features if features.mean() > 0 else -features  # depends on values: no graph has that

    cascade = trained.cascade("a2b")
    cascade.translators["5"] = Branching()
    with pytest.raises(RunError, match="cannot become a graph"):
        compile_graph(Deployed(cascade), 64)
