"""What an exported graph may hold: the fields of onnx.proto, operators, and attributes with their bounds. Torch-free.

All are lists of what is allowed, never of what is not, so that what a later ONNX adds is refused until someone has
looked at it. Field and type numbers are those of onnx.proto; a test holds them against the `onnx` package.
"""

from __future__ import annotations

from collections.abc import Container

from .protobuf import Kind, Schema

MAX_DIM = 2**24
"""Of one dimension: 3 x 2048 x 2048 values, flattened, are fewer."""
MAX_RANK = 8

DOMAINS = ("", "ai.onnx")
OPSETS = range(18, 26)
IR_VERSIONS = range(8, 14)

MODEL: Schema = {
    1: ("ir_version", Kind.NUMBER),
    2: ("producer_name", Kind.TEXT),
    3: ("producer_version", Kind.TEXT),
    4: ("domain", Kind.TEXT),
    5: ("model_version", Kind.NUMBER),
    6: ("doc_string", Kind.TEXT),
    7: ("graph", Kind.BYTES),
    8: ("opset_import", Kind.MESSAGES),
    14: ("metadata_props", Kind.MESSAGES),
    20: ("training_info", Kind.NEVER),
    25: ("functions", Kind.NEVER),
    26: ("configuration", Kind.NEVER),
}
OPSET: Schema = {1: ("domain", Kind.NAME), 2: ("version", Kind.NUMBER)}
ENTRY: Schema = {1: ("key", Kind.NAME), 2: ("value", Kind.TEXT)}
GRAPH: Schema = {
    1: ("node", Kind.MESSAGES),
    2: ("name", Kind.NAME),
    5: ("initializer", Kind.MESSAGES),
    10: ("doc_string", Kind.TEXT),
    11: ("input", Kind.MESSAGES),
    12: ("output", Kind.MESSAGES),
    13: ("value_info", Kind.MESSAGES),
    14: ("quantization_annotation", Kind.NEVER),
    15: ("sparse_initializer", Kind.NEVER),
    16: ("metadata_props", Kind.NEVER),
}
NODE: Schema = {
    1: ("input", Kind.NAMES),
    2: ("output", Kind.NAMES),
    3: ("name", Kind.NAME),
    4: ("op_type", Kind.NAME),
    5: ("attribute", Kind.MESSAGES),
    6: ("doc_string", Kind.TEXT),
    7: ("domain", Kind.NAME),
    8: ("overload", Kind.NEVER),
    9: ("metadata_props", Kind.NEVER),
    10: ("device_configurations", Kind.NEVER),
}
ATTRIBUTE: Schema = {
    1: ("name", Kind.NAME),
    2: ("f", Kind.FLOAT),
    3: ("i", Kind.NUMBER),
    4: ("s", Kind.NAME),
    5: ("t", Kind.BYTES),
    6: ("g", Kind.NEVER),
    7: ("floats", Kind.FLOATS),
    8: ("ints", Kind.NUMBERS),
    9: ("strings", Kind.NEVER),
    10: ("tensors", Kind.NEVER),
    11: ("graphs", Kind.NEVER),
    13: ("doc_string", Kind.TEXT),
    14: ("tp", Kind.NEVER),
    15: ("type_protos", Kind.NEVER),
    20: ("type", Kind.NUMBER),
    21: ("ref_attr_name", Kind.NEVER),
    22: ("sparse_tensor", Kind.NEVER),
    23: ("sparse_tensors", Kind.NEVER),
}
TENSOR: Schema = {
    1: ("dims", Kind.NUMBERS),
    2: ("data_type", Kind.NUMBER),
    3: ("segment", Kind.NEVER),
    4: ("float_data", Kind.FLOATS),
    5: ("int32_data", Kind.NUMBERS),
    6: ("string_data", Kind.NEVER),
    7: ("int64_data", Kind.NUMBERS),
    8: ("name", Kind.NAME),
    9: ("raw_data", Kind.BYTES),
    10: ("double_data", Kind.DOUBLES),
    11: ("uint64_data", Kind.NEVER),
    12: ("doc_string", Kind.TEXT),
    13: ("external_data", Kind.NEVER),
    14: ("data_location", Kind.NUMBER),
    16: ("metadata_props", Kind.NEVER),
}
VALUE_INFO: Schema = {
    1: ("name", Kind.NAME),
    2: ("type", Kind.BYTES),
    3: ("doc_string", Kind.TEXT),
    4: ("metadata_props", Kind.NEVER),
}
TYPE: Schema = {
    1: ("tensor_type", Kind.BYTES),
    4: ("sequence_type", Kind.NEVER),
    5: ("map_type", Kind.NEVER),
    6: ("denotation", Kind.TEXT),
    7: ("opaque_type", Kind.NEVER),
    8: ("sparse_tensor_type", Kind.NEVER),
    9: ("optional_type", Kind.NEVER),
}
TENSOR_TYPE: Schema = {1: ("elem_type", Kind.NUMBER), 2: ("shape", Kind.BYTES)}
SHAPE: Schema = {1: ("dim", Kind.MESSAGES)}
DIMENSION: Schema = {1: ("dim_value", Kind.NUMBER), 2: ("dim_param", Kind.NAME), 3: ("denotation", Kind.TEXT)}

TYPES = {
    1: ("float32", "float_data"),
    2: ("uint8", "int32_data"),
    3: ("int8", "int32_data"),
    6: ("int32", "int32_data"),
    7: ("int64", "int64_data"),
    9: ("bool", "int32_data"),
    10: ("float16", "int32_data"),
    11: ("float64", "double_data"),
}
"""TensorProto.DataType: numpy's name, and the field that holds values which do not lie raw."""

OPERATORS = frozenset(
    """
    Conv ConvTranspose MatMul Gemm
    Relu LeakyRelu PRelu Elu Clip Tanh Sigmoid HardSigmoid HardSwish Gelu Softplus Softmax Erf
    Exp Log Sqrt Reciprocal Pow Abs Neg Atanh Floor Round
    Add Sub Mul Div Min Max Sum Mean Where Equal Less Greater
    ReduceMean ReduceSum ReduceMax ReduceMin ReduceL2
    MaxPool AveragePool GlobalAveragePool
    BatchNormalization InstanceNormalization GroupNormalization LayerNormalization
    Reshape Flatten Transpose Concat Split Slice Squeeze Unsqueeze Gather Expand Tile Pad
    Resize DepthToSpace SpaceToDepth
    Shape Cast Constant ConstantOfShape Identity
    QuantizeLinear DequantizeLinear
    """.split()  # noqa: SIM905 (read as one table)
)
"""Those of convolutional image models and their 8-bit forms, all of the default domain.

None runs a graph of its own, makes strings, sequences or random numbers, or reads a file.
"""

DIVIDE = frozenset({"Div", "Mean", "ReduceMean", "AveragePool", "GlobalAveragePool"})
"""Refused on integers: there a division by nought ends the process with a signal."""

_FLAG, _AXES, _WINDOW, _PADDING = range(2), range(-MAX_RANK, MAX_RANK + 1), range(1, 1025), range(1024)
INTEGERS: dict[str, Container[int]] = {
    "allowzero": _FLAG,
    "antialias": _FLAG,
    "axes": _AXES,
    "axis": _AXES,
    "block_size": range(1),
    "blocksize": range(2, 9),
    "ceil_mode": _FLAG,
    "count_include_pad": _FLAG,
    "dilations": _WINDOW,
    "end": _AXES,
    "exclude_outside": _FLAG,
    "group": range(1, MAX_DIM),
    "keepdims": _FLAG,
    "kernel_shape": _WINDOW,
    "noop_with_empty_axes": _FLAG,
    "num_groups": range(1, MAX_DIM),
    "num_outputs": _WINDOW,
    "output_padding": _PADDING,
    "pads": _PADDING,
    "perm": range(MAX_RANK),
    "saturate": _FLAG,
    "start": _AXES,
    "stash_type": range(1, 2),
    "storage_order": range(1),
    "strides": _WINDOW,
    "to": TYPES,
    "training_mode": range(1),
    "transA": _FLAG,
    "transB": _FLAG,
    "value_int": range(-MAX_DIM, MAX_DIM + 1),
    "value_ints": range(-MAX_DIM, MAX_DIM + 1),
}
"""Attributes that are whole numbers and what each may be. A name means the same in every operator that has it.

Runtimes divide by `blocksize`, `group`, `num_groups`, `num_outputs` and `strides`, some after cutting them to 32 bits.
"""
_FLOATS = {"alpha", "beta", "cubic_coeff_a", "epsilon", "extrapolation_value", "momentum", "value_float"}
_STRINGS = {
    "approximate", "auto_pad", "coordinate_transformation_mode", "keep_aspect_ratio_policy", "mode", "nearest_mode",
}  # fmt: skip
ATTRIBUTES: dict[str, Container[str]] = {
    "i": INTEGERS,
    "ints": INTEGERS,
    "f": _FLOATS,
    "floats": {"value_floats"},
    "s": _STRINGS,
    "t": {"value"},
}
"""The names of attributes, by the field of AttributeProto that holds their value."""
