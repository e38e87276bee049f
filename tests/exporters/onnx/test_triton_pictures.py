"""The model before a graph: settings of Triton's own schema, pictures seen as everywhere, large requests in pieces."""

import importlib.util
import io
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from google.protobuf import json_format, text_format
from PIL import Image

from crosscade.exporters.onnx import triton_pictures
from crosscade.exporters.onnx.triton import TritonOptions, write_repository
from crosscade.exporters.runtime import load
from crosscade.framework import InputError
from crosscade.framework.data.pictures import fit
from tests.exporters import tiny_export

SIZE = tiny_export.SIZE
NAME = "day-to-night-pictures"


def encoded(pixels, form="PNG", **how):
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, form, **how)
    return stream.getvalue()


def own(name, path):
    """A module of a file that belongs to no package."""
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def schema():
    found = importlib.util.find_spec("tritonclient")
    if found is None:
        pytest.skip("tritonclient, which has Triton's schema, is not installed")
    return own("model_config_pb2", Path(found.submodule_search_locations[0]) / "grpc" / "model_config_pb2.py")


@pytest.fixture
def repository(tmp_path):
    exported = tiny_export.write(tmp_path / "export", taps=True, mask=True, style_size=3)
    write_repository(exported, tmp_path / "models", TritonOptions(pictures=True))
    return tmp_path / "models"


class Triton(SimpleNamespace):
    """The part of Triton's module that the model uses; its graphs are the repository's, which refuse large batches."""

    TRITONSERVER_MEMORY_CPU = 0

    def __init__(self, repository):
        batches = self.batches = []

        class Tensor(SimpleNamespace):
            def __init__(self, name, values):
                super().__init__(name=name, as_numpy=lambda: values)

        class InferenceRequest:
            def __init__(self, *, model_name, requested_output_names, inputs, preferred_memory):
                self.model, self.names, self.inputs = model_name, requested_output_names, inputs

            def exec(self):
                given = {tensor.name: tensor.as_numpy() for tensor in self.inputs}
                batches.append(len(given["images"]))
                assert batches[-1] <= 16
                graph = load(repository / self.model / "1", device="cpu", check=False, trust=True)._graph("a2b")
                return Triton.answer([Tensor(n, v) for n, v in zip(self.names, graph.run(self.names, given))])

        super().__init__(
            Tensor=Tensor,
            InferenceRequest=InferenceRequest,
            InferenceResponse=lambda tensors, error=None: Triton.answer(tensors, error),
            TritonError=str,
            PreferredMemory=lambda *_: None,
            get_input_tensor_by_name=lambda request, name: request.get(name),
            get_output_tensor_by_name=lambda answer, name: {t.name: t for t in answer.tensors}[name],
        )

    @staticmethod
    def answer(tensors, error=None):
        return SimpleNamespace(tensors=tensors, error=lambda: error, has_error=lambda: error is not None)


@pytest.fixture
def model(repository, schema, monkeypatch):
    """The model as Triton starts it, and what stands for Triton."""
    triton = Triton(repository)
    monkeypatch.setitem(sys.modules, "triton_python_backend_utils", triton)
    settings = text_format.Parse((repository / NAME / "config.pbtxt").read_text(), schema.ModelConfig())
    made = own("model", repository / NAME / "1" / "model.py").TritonPythonModel()
    config = json_format.MessageToDict(settings, preserving_proto_field_name=True)
    made.initialize({"model_config": json.dumps(config)})
    return made, triton


def test_all_settings_are_of_tritons_own_schema(repository, schema):
    for folder in repository.iterdir():
        settings = text_format.Parse((folder / "config.pbtxt").read_text(encoding="utf-8"), schema.ModelConfig())
        assert settings.name == folder.name
    front = text_format.Parse((repository / NAME / "config.pbtxt").read_text(), schema.ModelConfig())
    assert (front.backend, front.max_batch_size) == ("python", 0)
    assert [(v.name, schema.DataType.Name(v.data_type), list(v.dims)) for v in front.input] == [
        ("pictures", "TYPE_STRING", [-1]), ("style", "TYPE_FP32", [-1, 3])
    ]  # fmt: skip
    assert {v.name: list(v.dims) for v in front.output} == {
        "translated": [-1, SIZE, SIZE, 3], "mask": [-1, SIZE, SIZE],
        "level3": [-1, SIZE, SIZE, 3], "level2": [-1, SIZE, SIZE, 3],
    }  # fmt: skip


def test_a_request_of_forty_pictures_becomes_batches_that_the_graph_takes(model):
    made, triton = model
    pixels = tiny_export.pictures(40, size=24)
    styles = np.zeros((40, 3), np.float32)
    styles[:, 0] = np.arange(40) / 40
    request = {
        "pictures": triton.Tensor("pictures", np.array([encoded(v) for v in pixels], dtype=object)),
        "style": triton.Tensor("style", styles),
    }
    (answer,) = made.execute([request])
    translated, mask = (triton.get_output_tensor_by_name(answer, n).as_numpy() for n in ("translated", "mask"))
    fitted = np.stack([fit(v, SIZE) for v in pixels])
    np.testing.assert_array_equal(translated, tiny_export.translated(fitted, "a2b", styles))
    np.testing.assert_array_equal(mask, tiny_export.masks(fitted))
    assert triton.batches == [16, 16, 8]


def test_a_bad_picture_costs_its_own_request_alone(model):
    made, triton = model
    good, style = encoded(tiny_export.pictures(1)[0]), triton.Tensor("style", np.zeros((2, 3), np.float32))
    files = ([good, good], [good, b"no picture"])
    requests = [{"pictures": triton.Tensor("pictures", np.array(v, dtype=object)), "style": style} for v in files]
    first, second = made.execute(requests)
    assert not first.has_error()
    assert second.error().startswith("picture 1: cannot identify image file")


@pytest.mark.parametrize("shape", [(16, 16), (24, 40), (40, 23), (9, 200), (200, 11), (7, 5)])
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P", "LA"])
def test_pictures_are_seen_as_everywhere(tmp_path, shape, mode):
    values = np.random.default_rng(0).integers(0, 256, (*shape, 4), dtype=np.uint8)
    path = tmp_path / "picture.png"
    Image.fromarray(values).convert(mode).save(path)
    np.testing.assert_array_equal(triton_pictures.picture(path.read_bytes(), SIZE), fit(path, SIZE))


def test_a_camera_that_was_turned_is_seen_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / "picture.jpg"
    path.write_bytes(encoded(tiny_export.pictures(1, size=40)[0][:24], "JPEG", exif=exif))
    np.testing.assert_array_equal(triton_pictures.picture(path.read_bytes(), SIZE), fit(path, SIZE))


def test_settings_of_another_are_not_overwritten(tmp_path):
    exported = tiny_export.write(tmp_path / "export")
    (tmp_path / "models" / NAME).mkdir(parents=True)
    (tmp_path / "models" / NAME / "config.pbtxt").write_text("mine")
    with pytest.raises(InputError, match="settings not written here"):
        write_repository(exported, tmp_path / "models", TritonOptions(pictures=True))
    assert not (tmp_path / "models" / "day-to-night").exists()
