"""What Triton is given: settings of its documented schema, whole versions beside each other, and exports that check."""

import attrs
import numpy as np
import onnxruntime
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format

from crosscade.exporters.onnx import exporter as onnx_exporter
from crosscade.exporters.onnx import triton
from crosscade.exporters.onnx.triton import TritonOptions, config, versions_of, write_repository
from crosscade.exporters.runtime import exported as runtime
from crosscade.exporters.safety import manifest
from crosscade.exporters.safety.manifest import Graph, Manifest
from crosscade.framework import Catalogue, InputError, RunError
from tests.exporters import tiny_export

A2B, B2A = "day-to-night", "night-to-day"
DATA_TYPE = {"TYPE_UINT8": 2, "TYPE_FP32": 11}
SCHEMA = {
    # the part of model_config.proto that is used: field: (number, type, or the name of a message or enum); * repeated
    "ModelConfig": {
        "name": (1, "string"), "backend": (17, "string"), "version_policy": (3, "ModelVersionPolicy"),
        "max_batch_size": (4, "int32"), "input": (5, "ModelInput*"), "output": (6, "ModelOutput*"),
        "dynamic_batching": (11, "ModelDynamicBatching"), "instance_group": (7, "ModelInstanceGroup*"),
        "parameters": (14, "ParametersEntry*"), "model_warmup": (16, "ModelWarmup*"),
    },
    "ModelInput": {
        "name": (1, "string"), "data_type": (2, "DataType"), "format": (3, "Format"), "dims": (4, "int64*"),
    },
    "ModelOutput": {"name": (1, "string"), "data_type": (2, "DataType"), "dims": (3, "int64*")},
    "ModelDynamicBatching": {"max_queue_delay_microseconds": (2, "uint64")},
    "ModelInstanceGroup": {"kind": (4, "Kind"), "count": (2, "int32")},
    "ModelVersionPolicy": {"latest": (1, "Latest")},
    "Latest": {"num_versions": (1, "uint32")},
    "ModelWarmup": {"name": (1, "string"), "batch_size": (2, "uint32"), "inputs": (3, "InputsEntry*")},
    "WarmupInput": {"data_type": (1, "DataType"), "dims": (2, "int64*"), "random_data": (4, "bool")},
    "InputsEntry": {"key": (1, "string"), "value": (2, "WarmupInput")},
    "ParametersEntry": {"key": (1, "string"), "value": (2, "ModelParameter")},
    "ModelParameter": {"string_value": (1, "string")},
}  # fmt: skip
ENUMS = {
    "DataType": {"TYPE_INVALID": 0, **DATA_TYPE},
    "Format": {"FORMAT_NONE": 0, "FORMAT_NHWC": 1},
    "Kind": {"KIND_AUTO": 0},
}


def documented_schema():
    """`ModelConfig` of SCHEMA as a protobuf class, which refuses what is not in the table."""
    file = descriptor_pb2.FileDescriptorProto(name="model_config.proto", package="inference", syntax="proto3")
    kinds = descriptor_pb2.FieldDescriptorProto
    for name, values in ENUMS.items():
        enum = file.enum_type.add(name=name)
        for key, number in values.items():
            enum.value.add(name=key, number=number)
    for name, fields in SCHEMA.items():
        message = file.message_type.add(name=name)
        for key, (number, of) in fields.items():
            plain = of.removesuffix("*")
            field = message.field.add(name=key, number=number, label=kinds.LABEL_OPTIONAL)
            if of.endswith("*"):
                field.label = kinds.LABEL_REPEATED
            if plain in SCHEMA or plain in ENUMS:
                field.type = kinds.TYPE_MESSAGE if plain in SCHEMA else kinds.TYPE_ENUM
                field.type_name = f".inference.{plain}"
            else:
                field.type = getattr(kinds, f"TYPE_{plain.upper()}")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("inference.ModelConfig"))


def parsed(folder):
    """A model's settings."""
    return text_format.Parse((folder / "config.pbtxt").read_text(encoding="utf-8"), documented_schema()())


def a_manifest(source: str = "day", target: str = "night", licence: str = "Apache-2.0") -> Manifest:
    """One that no folder holds."""
    ways = {"a2b": (source, target), "b2a": (target, source)}
    return Manifest(
        method="tiny", size=16, resize="bicubic", precision="fp32", opset=21, encoder={}, levels=(1,),
        bundle_sha256="0" * 64, versions={}, licence=licence, files={},
        directions={k: Graph(f"{k}.onnx", a, b, ("translated",), (), 45) for k, (a, b) in ways.items()},
    )  # fmt: skip


@pytest.mark.parametrize(("taps", "style_size"), [(False, 0), (True, 3)])
def test_settings_are_of_the_documented_schema_and_say_what_the_graph_takes_and_gives(tmp_path, taps, style_size):
    exported = tiny_export.write(tmp_path / "export", taps=taps, style_size=style_size, mask=taps)
    write_repository(exported, tmp_path / "models")
    for name in (A2B, B2A):
        settings = parsed(tmp_path / "models" / name)
        graph = onnxruntime.InferenceSession(tmp_path / "models" / name / "1" / "model.onnx")
        assert settings.name == name
        assert settings.backend == "onnxruntime"
        types = {"tensor(uint8)": DATA_TYPE["TYPE_UINT8"], "tensor(float)": DATA_TYPE["TYPE_FP32"]}
        for stated, real in ((settings.input, graph.get_inputs()), (settings.output, graph.get_outputs())):
            assert [(v.name, v.data_type, list(v.dims)) for v in stated] == [
                (v.name, types[v.type], v.shape[1:]) for v in real
            ]
        assert settings.max_batch_size == TritonOptions().max_batch_size
        for sample in settings.model_warmup:
            assert sample.batch_size <= settings.max_batch_size
            given = {entry.key: (entry.value.data_type, list(entry.value.dims)) for entry in sample.inputs}
            assert given == {v.name: (v.data_type, list(v.dims)) for v in settings.input}
            assert all(entry.value.random_data for entry in sample.inputs)


def test_options_reach_the_settings(tmp_path):
    options = TritonOptions(max_batch_size=4, queue_delay_us=77, instances=3, versions=2)
    write_repository(tiny_export.write(tmp_path / "export"), tmp_path / "models", options)
    settings = parsed(tmp_path / "models" / A2B)
    assert settings.max_batch_size == 4
    assert settings.dynamic_batching.max_queue_delay_microseconds == 77
    assert (settings.instance_group[0].count, settings.instance_group[0].kind) == (3, 0)
    assert settings.version_policy.latest.num_versions == 2
    assert [sample.batch_size for sample in settings.model_warmup] == [1, 4]


def test_the_schema_of_this_test_refuses_what_is_misspelt():
    for text in ("max_batchsize: 1", "input { data_type: UINT8 }", 'parameters { key: "k" value: "v" }'):
        with pytest.raises(text_format.ParseError):
            text_format.Parse(text, documented_schema()())


def test_strings_of_any_kind_survive():
    licence = 'ours "alone"\\\n\x07 ©'
    found = a_manifest(licence=licence)
    text = config("m", found, found.directions["a2b"], TritonOptions())
    settings = text_format.Parse(text, documented_schema()())
    assert {e.key: e.value.string_value for e in settings.parameters}["crosscade.licence"] == licence


def test_a_version_is_an_export_that_checks_itself(tmp_path):
    write_repository(tiny_export.write(tmp_path / "export", taps=True), tmp_path / "models")
    images = tiny_export.pictures(3)
    for name, direction in ((A2B, "a2b"), (B2A, "b2a")):
        exported = runtime.load(tmp_path / "models" / name / "1", device="cpu", threads=1)
        assert exported.directions == (direction,)
        np.testing.assert_array_equal(exported.translate(images, direction), tiny_export.translated(images, direction))


def test_the_next_export_is_the_next_version_of_both_models(tmp_path):
    models = tmp_path / "models"
    first = tiny_export.write(tmp_path / "first", directions=("a2b",))
    assert write_repository(first, models) == [models / A2B / "1"]
    before = (models / A2B / "1" / "model.onnx").stat().st_mtime_ns
    (models / A2B / "configs").mkdir()  # Triton's place for people's own settings
    second = tiny_export.write(tmp_path / "second", taps=True)
    assert write_repository(second, models, TritonOptions(versions=2)) == [models / A2B / "2", models / B2A / "2"]
    assert versions_of(models / A2B) == [1, 2]
    assert (models / A2B / "1" / "model.onnx").stat().st_mtime_ns == before
    assert parsed(models / A2B).version_policy.latest.num_versions == 2
    assert {p.name for p in (models / A2B).iterdir()} == {"1", "2", "config.pbtxt", "configs"}


def test_a_version_that_was_cut_short_is_none(tmp_path, monkeypatch):
    exported, models = tiny_export.write(tmp_path / "export"), tmp_path / "models"
    write_repository(exported, models)
    settings = (models / A2B / "config.pbtxt").read_bytes()

    def fails(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(manifest, "write", fails)
        with pytest.raises(RunError, match="disk full"):
            write_repository(exported, models, TritonOptions(max_batch_size=2))
    assert versions_of(models / A2B) == [1]
    assert (models / A2B / "config.pbtxt").read_bytes() == settings
    assert [p.name for p in write_repository(exported, models)] == ["2", "2"]
    assert sorted(p.name for p in (models / A2B).iterdir()) == ["1", "2", "config.pbtxt"]


@pytest.mark.parametrize(
    ("first", "second"),
    [({}, {"style_size": 3}), ({"taps": True}, {}), ({"style_size": 3}, {"style_size": 2})],
)
def test_a_version_that_would_break_the_models_clients_is_refused(tmp_path, first, second):
    models = tmp_path / "models"
    write_repository(tiny_export.write(tmp_path / "first", **first), models)
    with pytest.raises(InputError, match=r"day-to-night.*version 1.*clients"):
        write_repository(tiny_export.write(tmp_path / "second", **second), models)
    assert versions_of(models / A2B) == [1]


def test_somebody_elses_model_is_left_alone(tmp_path):
    theirs = tmp_path / "models" / A2B / "1"
    theirs.mkdir(parents=True)
    (theirs / "model.plan").write_bytes(b"")
    with pytest.raises(InputError, match=r"day-to-night.*manifest"):
        write_repository(tiny_export.write(tmp_path / "export"), tmp_path / "models")
    assert [p.name for p in (tmp_path / "models").rglob("*") if p.is_file()] == ["model.plan"]


def test_an_edited_export_is_refused(tmp_path):
    exported = tiny_export.write(tmp_path / "export")
    (exported / "b2a.onnx").write_bytes((exported / "a2b.onnx").read_bytes())
    with pytest.raises(InputError, match=r"b2a\.onnx"):
        write_repository(exported, tmp_path / "models")
    assert not (tmp_path / "models").exists()


@pytest.mark.parametrize(
    ("source", "target", "name"),
    [
        ("zebra", "giraffe", "zebra-to-giraffe"),
        ("Große Katzen/1", "x..y", "groe-katzen-1-to-x-y"),
        ("猫", "犬", "a-to-b"),
        ("cat 1", "cat-1", "a-to-b"),
    ],
)
def test_names_are_fit_for_folders_and_addresses(source, target, name):
    found = a_manifest(source, target)
    assert triton.model_name(found.directions["a2b"], "a2b", found) == name
    assert triton.model_name(found.directions["b2a"], "b2a", found) == "-to-".join(reversed(name.split("-to-")))


def test_the_exporter_offers_the_graphs_options_and_tritons(tmp_path, monkeypatch):
    offer = Catalogue.of(triton).get("exporter", "triton")
    names = {a.name for a in attrs.fields(offer.options)}
    assert names > {a.name for a in attrs.fields(onnx_exporter.OnnxOptions)}
    seen = {}

    def export(self, bundle, out, dataset, say):
        seen.update(options=self.options, bundle=bundle, dataset=dataset)
        tiny_export.write(out)

    monkeypatch.setattr(triton.OnnxExporter, "export", export)
    said = []
    exporter = offer.build(offer.options(precision="fp16", instances=2))
    for _ in range(2):
        exporter.export("bundle", tmp_path / "models", "dataset", said.append)
    assert (seen["options"].precision, seen["bundle"], seen["dataset"]) == ("fp16", "bundle", "dataset")
    assert said == [f"{name}: version {k}" for k in (1, 2) for name in (A2B, B2A)]
    assert parsed(tmp_path / "models" / A2B).instance_group[0].count == 2
