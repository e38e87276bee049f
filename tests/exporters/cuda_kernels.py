"""Operators for which onnxruntime has CUDA kernels, and which of a graph's operators lack one."""

from collections import Counter
from pathlib import Path

import onnx
import onnxruntime
from onnx import ModelProto, TensorProto, shape_inference

FLOATS = "float16 float"
NUMBERS = f"{FLOATS} int8 uint8 int32 int64"
ANY = f"{NUMBERS} bool"

# By operator: the types of its first input and of its outputs. Only what our graphs use, at opsets 18 to 23; read from
# the kernels that onnxruntime-gpu 1.31.1 registers for its CUDA provider, as its docs/OperatorKernels.md lists them.
# onnxruntime runs whole numbers that describe shapes on the CPU on purpose (Shape's result lies there): no pixel moves.
KERNELS = {
    **dict.fromkeys(["AveragePool", "Conv", "ConvTranspose", "InstanceNormalization"], FLOATS),
    **dict.fromkeys(["Gemm", "LeakyRelu", "Log", "MatMul", "Relu", "Round", "Sqrt", "Tanh"], FLOATS),
    **dict.fromkeys(["ReduceL2", "ReduceMean"], FLOATS),
    **dict.fromkeys(["Add", "Div", "Mul", "Sub"], NUMBERS),
    **dict.fromkeys(["Cast", "Concat", "Expand", "Reshape", "Shape", "Slice", "Split", "Squeeze"], ANY),
    **dict.fromkeys(["Transpose", "Unsqueeze"], ANY),
    "Clip": f"{FLOATS} int8 uint8 int64",
    "DequantizeLinear": f"{FLOATS} int8 uint8",
    "Less": f"{FLOATS} int32 int64 bool",
    "MaxPool": f"{FLOATS} int8 uint8",
    "Pad": f"{FLOATS} bool",
    "QuantizeLinear": f"{FLOATS} int8 uint8",
    "ReduceSum": f"{FLOATS} int32 int64",
    "Resize": f"{FLOATS} int32 uint8",
}


def without_kernel(model: ModelProto, folder: Path) -> Counter[str]:
    """Operators of the graph that have no CUDA kernel for their types, and how often; `folder` is for working in."""
    graph = shape_inference.infer_shapes(_inlined(model, folder)).graph
    types = {v.name: v.type.tensor_type.elem_type for v in (*graph.value_info, *graph.input, *graph.output)}
    types |= {tensor.name: tensor.data_type for tensor in graph.initializer}
    lacking: Counter[str] = Counter()
    for node in graph.node:
        used = {TensorProto.DataType.Name(types[name]).lower() for name in (node.input[0], *node.output)}
        if node.domain not in ("", "ai.onnx") or not used <= {*KERNELS.get(node.op_type, "").split()}:
            lacking[" ".join([node.domain, node.op_type, *sorted(used)]).strip()] += 1
    return lacking


def _inlined(model: ModelProto, folder: Path) -> ModelProto:
    """As onnxruntime sees it: operators that are functions of others, such as GroupNormalization, written out."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.optimized_model_filepath = str(folder / "inlined.onnx")
    onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return onnx.load(options.optimized_model_filepath)
