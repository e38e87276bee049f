"""What a graph's values measure and cost is known before a runtime sees it; what has no size or too much is refused."""

import time

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from crosscade.exporters.safety.graph import check_graph
from crosscade.exporters.safety.measure import BATCHES, MAX_BYTES, MAX_OPERATIONS
from crosscade.exporters.safety.shapes import RULES, Given, Node
from tests.exporters.safety.refusals import refused
from tests.exporters.safety.test_graph import RELU, model, node, whole

ONES = ("ones", np.ones(4, np.float32))
KERNEL = ("k", np.ones((4, 4, 3, 3), np.float32))
EMPTY = (node("Slice", ["images", "zero", "zero", "axis"], ["e"]), [("zero", whole(0)), ("axis", whole(2))])


def last(operator, *takes, **attributes):
    return [node(operator, list(takes), ["y"], **attributes)]


HOSTILE = {
    "an empty map that is normalised": (
        [EMPTY[0], *last("InstanceNormalization", "e", "ones", "ones")], [*EMPTY[1], ONES], r"Slice '' on .*4, 0, 8"),
    "a window larger than its map": (last("AveragePool", "images", kernel_shape=[9, 9]), [], "does not fit"),
    "paddings larger than what they cut": (
        last("ConvTranspose", "images", "k", pads=[9, 9, 9, 9]), [KERNEL], "ConvTranspose '' on"),
    "no repetition": (last("Tile", "images", "t"), [("t", whole(1, 1, -1, 1))], "Tile '' on"),
    "an average over spread windows": (
        last("AveragePool", "images", kernel_shape=[2, 2], dilations=[2, 2]), [], "dilations"),
    "paddings that a runtime chooses": (
        last("MaxPool", "images", kernel_shape=[2, 2], auto_pad="SAME_UPPER", ceil_mode=1), [], "auto_pad SAME_UPPER"),
    "paddings larger than their window": (
        last("MaxPool", "images", kernel_shape=[2, 2], pads=[3, 3, 3, 3]), [], "does not fit"),
    "a mirror beyond the picture": (
        last("Pad", "images", "p", mode="reflect"), [("p", whole(0, 0, 8, 0, 0, 0, 0, 0))], "pads"),
    "weights of another map": (last("Conv", "images", "k"), [("k", np.ones((4, 3, 3, 3), np.float32))], "weights"),
    "matrices that do not meet": (last("MatMul", "images", "k"), [("k", np.ones((9, 9), np.float32))], "matrices"),
    "a shape made of pixels": (
        [node("Flatten", ["images"], ["f"]), node("Cast", ["f"], ["s"], to=TensorProto.INT64),
         *last("Reshape", "images", "s")], [], "a shape that depends on the pictures"),
    "a shape of another size": (last("Reshape", "images", "s"), [("s", whole(7, 7))], r"Reshape ''.*\[7, 7\]"),
    "terabytes at once": (
        last("ConstantOfShape", "s"), [("s", whole(10**6, 10**6))], f"more than {4 * 10**12} bytes"),
    "gigabytes one after the other": (
        [node("Resize", ["images", "", "s"], ["r0"]), *(node("Exp", [f"r{k}"], [f"r{k + 1}"]) for k in range(400)),
         *last("Neg", "r400")], [("s", np.float32([1, 1, 32, 32]))], r"more than \d+ bytes"),
    "a giant step": (
        [node("Resize", ["images", "", "s"], ["r"]), *last("Conv", "r", "k")],
        [("s", np.float32([1, 1, 64, 64])), ("k", np.ones((64, 4, 129, 129), np.float32))], r"more than \d+ op"),
    "pixels enlarged again and again": (
        [node("Resize", ["images", "", "s"], ["r0"]), *(node("Resize", [f"r{k}", "", "s"], [f"r{k + 1}"])
         for k in range(6)), *last("Neg", "r6")], [("s", np.float32([1, 1, 64, 64]))], "more than|dimensions"),
}  # fmt: skip


@pytest.mark.parametrize("what", HOSTILE)
def test_what_has_no_size_or_too_much_is_refused(tmp_path, what):
    nodes, constants, reason = HOSTILE[what]
    (tmp_path / "a2b.onnx").write_bytes(model(nodes, constants).SerializeToString())
    refused(tmp_path / "a2b.onnx", reason)


def test_an_output_of_another_size_than_it_says_is_refused(tmp_path):
    made = model([RELU])
    del made.graph.output[:]
    made.graph.output.append(helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 4, 8, 9]))
    onnx.save(made, tmp_path / "a.onnx")
    refused(tmp_path / "a.onnx", r"output 'y' of dimensions \[1, 4, 8, 8\]")


def test_every_value_of_an_export_measures_what_onnx_says(compiled, tmp_path):
    path = tmp_path / "a.onnx"
    onnx.save(compiled, path)
    facts = check_graph(path)
    fixed = onnx.shape_inference.infer_shapes(onnx.load(path), data_prop=True)
    sizes = {1: 4, 2: 1, 6: 4, 7: 8, 9: 1, 10: 2}
    known = {v.name: v.type.tensor_type for v in [*fixed.graph.value_info, *fixed.graph.output]}
    total = dict.fromkeys(BATCHES, 0)
    for each in fixed.graph.node:
        for name in each.output:
            dims = [d.dim_value if d.HasField("dim_value") else None for d in known[name].shape.dim]
            for batch in BATCHES:
                total[batch] += int(np.prod([batch if d is None else d for d in dims])) * sizes[known[name].elem_type]
    assert {batch: cost.bytes for batch, cost in facts.costs.items()} == total


def test_what_our_exports_cost_is_far_below_what_is_allowed(compiled, tmp_path):
    onnx.save(compiled, tmp_path / "a.onnx")
    start = time.process_time()
    facts = check_graph(tmp_path / "a.onnx")
    assert time.process_time() - start < 0.5
    assert 0 < facts.costs[1].bytes < MAX_BYTES / 10
    assert 0 < facts.costs[1].operations < MAX_OPERATIONS / 10
    assert facts.costs[64].operations == pytest.approx(64 * facts.costs[1].operations, rel=0.1)


CASES = [
    ("MaxPool", [(1, 2, 9, 7)], {"kernel_shape": [3, 2], "strides": [2, 2], "ceil_mode": 1, "pads": [1, 0, 1, 1]}),
    ("AveragePool", [(1, 2, 9, 7)], {"kernel_shape": [2, 2], "strides": [2, 2], "ceil_mode": 1}),
    ("Conv", [(1, 4, 9, 9), (6, 2, 3, 3)], {"group": 2, "dilations": [2, 1], "strides": [2, 1], "pads": [1, 2, 0, 1]}),
    ("ConvTranspose", [(1, 4, 5, 5), (4, 3, 4, 4)], {"strides": [2, 2], "pads": [1, 1, 1, 1], "group": 2}),
    ("ConvTranspose", [(1, 4, 5, 5), (4, 3, 3, 3)], {"strides": [2, 2], "output_padding": [1, 1]}),
    ("Gemm", [(3, 5), (7, 3)], {"transA": 1, "transB": 1}),
    ("MatMul", [(2, 1, 3, 5), (4, 5, 6)], {}),
    ("Transpose", [(2, 3, 4)], {}),
    ("Flatten", [(2, 3, 4)], {"axis": 2}),
    ("DepthToSpace", [(1, 8, 3, 3)], {"blocksize": 2}),
    ("SpaceToDepth", [(1, 2, 4, 6)], {"blocksize": 2}),
    ("GlobalAveragePool", [(1, 2, 4, 6)], {}),
    ("Pow", [(2, 1, 4), (3, 1)], {}),
    ("Slice", [(7, 8), [5, -1], [-9, -(2**63) + 1], [0, 1], [-2, -3]], {}),
    ("Split", [(7, 8), [3, 4]], {"axis": 0}),
    ("Squeeze", [(1, 7, 1), [0, -1]], {}),
    ("Unsqueeze", [(7,), [0, -1]], {}),
    ("Gather", [(7, 8), [[1, 2, 3]]], {"axis": 1}),
    ("Expand", [(7, 1), [2, 1, 8]], {}),
    ("Tile", [(7, 2), [2, 3]], {}),
    ("Pad", [(7, 5), [1, 2], "", [1]], {"mode": "edge"}),
    ("Reshape", [(6, 5), [0, -1, 1]], {}),
    ("Resize", [(1, 2, 5, 7), "", np.float32([1, 1, 1.7, 0.6])], {}),
    ("Resize", [(1, 2, 5, 7), "", "", [3, 9]], {"axes": [2, 3]}),
    ("ReduceMean", [(2, 3, 4), [-1]], {"keepdims": 0}),
    ("ReduceSum", [(2, 3, 4)], {}),
]  # fmt: skip


@pytest.mark.parametrize(("operator", "inputs", "attributes"), CASES, ids=[case[0] for case in CASES])
def test_an_operator_makes_what_the_runtime_makes(operator, inputs, attributes):
    """Tuples are maps of that shape, lists whole numbers."""
    import onnxruntime

    arrays = [np.zeros(v, np.float32) if isinstance(v, tuple) else np.int64(v) if isinstance(v, list) else v
              for v in inputs]  # fmt: skip
    given = [None if isinstance(a, str) else Given(a.shape, None if isinstance(v, tuple) else a)
             for a, v in zip(arrays, inputs)]  # fmt: skip
    names = ["" if isinstance(a, str) else f"i{k}" for k, a in enumerate(arrays)]
    outputs = [f"o{k}" for k in range(2 if operator == "Split" else 1)]
    (found, *more) = RULES[operator](Node(operator, attributes, names, outputs, operator), given)
    fixed = [numpy_helper.from_array(a, n) for a, n in zip(arrays, names) if n and n != "i0"]
    graph = helper.make_graph(
        [node(operator, names, outputs, **attributes)],
        "g",
        [helper.make_tensor_value_info("i0", TensorProto.FLOAT, arrays[0].shape)],
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, None) for n in outputs],
        fixed,
    )
    made = helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 21)])
    session = onnxruntime.InferenceSession(made.SerializeToString(), providers=["CPUExecutionProvider"])
    results = session.run(outputs, {"i0": arrays[0]})
    assert [found, *more] == [result.shape for result in results]
