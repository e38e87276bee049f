"""Graphs that a runtime must never see, each refused with its reason in under two seconds."""

import os
import pickle
import time
import zipfile
from itertools import pairwise

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from crosscade.exporters.safety.graph import check_graph
from crosscade.exporters.safety.tensors import Value
from crosscade.framework import InputError
from tests.exporters import tiny_export
from tests.exporters.safety.refusals import refused

IMAGES = helper.make_tensor_value_info("images", TensorProto.FLOAT, ["batch", 4, 8, 8])
RESULT = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
RELU = helper.make_node("Relu", ["images"], ["y"])
node = helper.make_node


def model(nodes=(RELU,), constants=(), tensors=(), inputs=(IMAGES,), opsets=(("", 21),), **more):
    """A graph of float32 maps; `constants` are (name, array)."""
    made = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants]
    graph = helper.make_graph(list(nodes), "g", list(inputs), [RESULT], [*made, *tensors])
    imports = [helper.make_opsetid(*entry) for entry in opsets]
    return helper.make_model(graph, opset_imports=imports, **{"ir_version": 10, **more})


def test_an_export_is_accepted(tmp_path):
    folder = tiny_export.write(tmp_path / "x.onnx", taps=True, style_size=3)
    facts = check_graph(folder / "a2b.onnx")
    assert facts.inputs == {"images": Value("uint8", ("batch", 16, 16, 3)), "style": Value("float32", ("batch", 3))}
    assert list(facts.outputs) == ["translated", "level3", "level2"]
    assert (facts.ir_version, facts.opset, facts.nodes) == (10, 21, sum(facts.operators.values()))
    assert facts.operators["Mul"] == 3
    assert facts.parameter_bytes == 5 * 4 + 3 * 4 + 4 * 8


def test_metadata_is_read(tmp_path):
    made = model()
    made.metadata_props.add(key="crosscade.method", value="tiny")
    onnx.save(made, tmp_path / "a.onnx")
    assert check_graph(tmp_path / "a.onnx").metadata == {"crosscade.method": "tiny"}


def branch(name="b"):
    return helper.make_graph([node("Identity", ["images"], [name])], "branch", [], [RESULT])


def loop():
    return node("Loop", ["", "forever"], ["y"], body=branch())


def external(**more):
    tensor = TensorProto(name="w", data_type=1, dims=[1], **more)
    tensor.external_data.add(key="location", value="../../etc/passwd")
    return tensor


def with_function():
    made = model([node("Twice", ["images"], ["y"], domain="own")])
    made.functions.append(
        helper.make_function("own", "Twice", ["x"], ["y"], [node("Relu", ["x"], ["y"])], [helper.make_opsetid("", 21)])
    )
    return made


def with_training():
    made = model()
    made.training_info.add()
    return made


def with_sparse_weights():
    made = model()
    made.graph.sparse_initializer.add().dims.append(2**40)
    return made


def with_text(size):
    made = model()
    made.metadata_props.add(key="a", value="x" * size)
    return made


def whole(*numbers):
    return np.array(numbers, np.int64)


SHAPE = node("Shape", ["images"], ["s"])
HOSTILE = {
    "Loop": (model([loop()], [("forever", True)]), "'Loop'"),
    "If": (model([node("If", ["c"], ["y"], then_branch=branch(), else_branch=branch())], [("c", True)]), "'If'"),
    "Scan": (model([node("Scan", ["images"], ["y"], body=branch(), num_scan_inputs=1)]), "'Scan'"),
    "a graph in an allowed operator": (model([node("Relu", ["images"], ["y"], body=branch())]), "g in an attribute"),
    "functions": (with_function(), "functions in the model"),
    "a stranger's operator": (model([node("Run", ["images"], ["y"], domain="evil")]), "'evil.Run'"),
    "a stranger's Relu": (model([node("Relu", ["images"], ["y"], domain="com.microsoft")]), "'com.microsoft.Relu'"),
    "a stranger's operator set": (model(opsets=[("", 21), ("evil", 1)]), "operator sets .*evil"),
    "an old operator set": (model(opsets=[("", 9)]), "operator sets"),
    "no operator set": (model(opsets=[]), "operator sets"),
    "a later file version": (model(ir_version=99), "IR version 99"),
    "training": (with_training(), "training_info"),
    "sparse weights": (with_sparse_weights(), "sparse_initializer"),
    "external data": (model(tensors=[external()]), "external_data"),
    "external data without a place": (model(tensors=[TensorProto(name="w", data_location=1)]), "external data"),
    "external data in a node": (model([node("Constant", [], ["y"], value=external())]), "external_data"),
    "texts": (model([node("Constant", [], ["y"], value_string="x")]), "attribute 'value_string'"),
    "complex numbers": (model(constants=[("c", np.ones(2, np.complex64))]), "of type 14"),
    "a random operator": (model([node("RandomNormal", [], ["y"], shape=[4])]), "'RandomNormal'"),
    "DepthToSpace by 2^32": (model([node("DepthToSpace", ["images"], ["y"], blocksize=2**32)]), "blocksize"),
    "SpaceToDepth by 0": (model([node("SpaceToDepth", ["images"], ["y"], blocksize=0)]), "blocksize = 0"),
    "no groups": (model([node("Conv", ["images", "w"], ["y"], group=0)], [("w", np.ones((4, 4, 1, 1)))]), "group = 0"),
    "no stride": (model([node("MaxPool", ["images"], ["y"], kernel_shape=[2, 2], strides=[0, 1])]), "strides = 0"),
    "giant padding": (model([node("MaxPool", ["images"], ["y"], kernel_shape=[2, 2], pads=[2**30] * 4)]), "pads"),
    "whole numbers by zero": (model([SHAPE, node("Sub", ["s", "s"], ["z"]), node("Div", ["s", "z"], ["y"])]), "Div"),
    "indices by zero": (
        model([node("MaxPool", ["images"], ["m", "i"], kernel_shape=[2, 2]), node("Div", ["i", "i"], ["y"])]),
        "MaxPool '' with 2 outputs",
    ),
    "Split with fewer outputs than there are": (
        model([node("Split", ["images"], ["x", "y"], num_outputs=1)]),
        "Split '' with 2 outputs",
    ),
    "a giant shape": (model([node("Expand", ["images", "s"], ["y"])], [("s", whole(2**40))]), "tensor 's'.*10995"),
    "a giant scale": (
        model([node("Resize", ["images", "", "s"], ["y"])], [("s", np.float32([1, 1, 1e9, 1e9]))]),
        "Resize '' by no constant",
    ),
    "a computed scale": (
        model([SHAPE, node("Cast", ["s"], ["f"], to=1), node("Resize", ["images", "", "f"], ["y"])]),
        "Resize '' by no constant",
    ),
    "a cast to texts": (model([node("Cast", ["images"], ["y"], to=8)]), "to = 8"),
    "giant dimensions": (model(tensors=[TensorProto(name="w", data_type=1, dims=[2**40] * 3)]), "tensor 'w'"),
    "negative dimensions": (model(tensors=[TensorProto(name="w", data_type=1, dims=[-1, -1])]), "tensor 'w'"),
    "too few weights": (model(tensors=[TensorProto(name="w", data_type=1, dims=[9], raw_data=b"1234")]), "1 values"),
    "half a weight": (model(tensors=[TensorProto(name="w", data_type=1, dims=[1], raw_data=b"123")]), "3 bytes"),
    "weights twice": (
        model(tensors=[TensorProto(name="w", data_type=1, dims=[1], raw_data=b"1234", float_data=[1])]),
        "tensor 'w'",
    ),
    "a cycle": (model([node("Relu", ["y"], ["x"]), node("Relu", ["x"], ["y"])]), "nothing before makes"),
    "a value made twice": (model([RELU, RELU]), "'y' without a name or made twice"),
    "a sequence": (
        model(inputs=[IMAGES, helper.make_tensor_sequence_value_info("q", TensorProto.FLOAT, None)]),
        "sequence_type",
    ),
    "no nodes": (model([]), "0 nodes"),
    "too many nodes": (model([node("Relu", [f"{'' if k else 'images'}"], [f"r{k}"]) for k in range(20_001)]), "20001"),
    "a long name": (model([node("Relu", ["images"], ["y" * 2000])]), "output of 2000 bytes"),
    "megabytes of text": (with_text(2**21), "too much text"),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_graphs_are_refused(tmp_path, what):
    made, reason = HOSTILE[what]
    path = tmp_path / "a2b.onnx"
    path.write_bytes(made.SerializeToString())
    refused(path, reason)


def test_what_is_hostile_is_only_that(tmp_path):
    """The graph that the others vary is accepted, and so are their harmless relatives."""
    for nodes, constants in (
        ([RELU], ()),
        ([node("DepthToSpace", ["images"], ["y"], blocksize=2)], ()),
        ([node("Expand", ["images", "s"], ["y"])], [("s", whole(1, 4, 8, 8))]),
        (
            [node("Slice", ["images", "a", "b", "c"], ["y"])],
            [("a", whole(0)), ("b", whole(2**63 - 1)), ("c", whole(1))],
        ),
        ([node("Resize", ["images", "r", "s"], ["y"])], [("r", np.float32([])), ("s", np.float32([1, 1, 2, 2]))]),
        ([node("Constant", [], ["c"], value_floats=[1.0]), node("Div", ["images", "c"], ["y"])], ()),
    ):
        onnx.save(model(nodes, constants), tmp_path / "a.onnx")
        assert check_graph(tmp_path / "a.onnx").nodes == len(nodes)


def test_files_that_are_not_onnx(tmp_path):
    path = tmp_path / "a2b.onnx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("data.pkl", pickle.dumps({"a": 1}))
    refused(path, "found")
    for content in (b"", b"<html>not found</html>", pickle.dumps({"a": [1.0] * 99}), bytes(4096), os.urandom(4096)):
        path.write_bytes(content)
        refused(path, "found")
    path.write_bytes(model().SerializeToString()[:4] + b"ORTM")
    refused(path, "runtime's own format")
    path.unlink()
    path.mkdir()
    refused(path, "no regular file")
    refused(tmp_path / "absent.onnx", "No such file")


def test_a_giant_file_is_refused_unread(tmp_path):
    path = tmp_path / "a2b.onnx"
    path.touch()
    os.truncate(path, 2**31)
    refused(path, "2147483648 bytes")
    os.truncate(path, 2**31 - 1)  # zeros
    refused(path, "unknown field 0")


def test_as_many_nodes_as_are_allowed_are_checked_in_time(tmp_path):
    names = ["images", *(f"r{k}" for k in range(19_999)), "y"]
    path = tmp_path / "a.onnx"
    small = helper.make_tensor_value_info("images", TensorProto.FLOAT, ["batch", 4, 2, 2])
    nodes = [node("LeakyRelu", [a], [b], f"n{a}", alpha=0.2) for a, b in pairwise(names)]
    onnx.save(model(nodes, inputs=[small]), path)
    start = time.process_time()
    assert check_graph(path).nodes == 20_000
    assert time.process_time() - start < 2


def test_damage_raises_nothing_else_and_what_passes_is_what_onnx_reads(tmp_path):
    """Flipped bits, cut ends, lost and doubled pieces: refused, or read as the runtime's own reader does."""
    whole = tiny_export.graph("a2b", taps=True, style_size=3).SerializeToString()
    path, random, passed = tmp_path / "a.onnx", np.random.default_rng(0), 0
    start = time.perf_counter()
    for turn in range(600):
        data, at, length = bytearray(whole), *random.integers(0, len(whole), 2)
        match turn % 4:
            case 0:
                data[at] ^= 1 << int(random.integers(8))
            case 1:
                del data[at:]
            case 2:
                del data[at : at + length % 16]
            case _:
                data[at:at] = data[at - length % 64 : at]
        path.write_bytes(data)
        try:
            facts = check_graph(path)
        except InputError:
            continue
        passed += 1
        read = onnx.load_from_string(bytes(data))
        assert sum(facts.operators.values()) == len(read.graph.node)
        assert set(facts.operators) == {n.op_type for n in read.graph.node}
        assert [i.name for i in read.graph.input] == list(facts.inputs)
        assert not read.functions
    assert 5 < passed < 200
    assert time.perf_counter() - start < 10
