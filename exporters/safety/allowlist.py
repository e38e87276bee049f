"""What an exported graph may hold: the fields of onnx.proto, operators, and attributes with their bounds. Torch-free.

All are lists of what is allowed, never of what is not, so that what a later ONNX adds is refused until someone has
looked at it. Field and type numbers are those of onnx.proto; a test holds them against the `onnx` package.
"""

from __future__ import annotations

from collections.abc import Container, Mapping

from .protobuf import Kind, Schema

MAX_DIM = 2**24
"""Of one dimension: 3 x 2048 x 2048 values, flattened, are fewer."""
MAX_RANK = 8

DOMAINS = ("", "ai.onnx")
OPSETS = range(18, 26)
IR_VERSIONS = range(8, 14)


def _fields(kinds: Mapping[Kind, Mapping[int, str]]) -> Schema:
    return {number: (name, kind) for kind, names in kinds.items() for number, name in names.items()}


MODEL = _fields(
    {
        Kind.NUMBER: {1: "ir_version", 5: "model_version"},
        Kind.TEXT: {2: "producer_name", 3: "producer_version", 4: "domain", 6: "doc_string"},
        Kind.BYTES: {7: "graph"},
        Kind.MESSAGES: {8: "opset_import", 14: "metadata_props"},
        Kind.NEVER: {20: "training_info", 25: "functions", 26: "configuration"},
    }
)
OPSET = _fields({Kind.NAME: {1: "domain"}, Kind.NUMBER: {2: "version"}})
ENTRY = _fields({Kind.NAME: {1: "key"}, Kind.TEXT: {2: "value"}})
GRAPH = _fields(
    {
        Kind.MESSAGES: {1: "node", 5: "initializer", 11: "input", 12: "output", 13: "value_info"},
        Kind.NAME: {2: "name"},
        Kind.TEXT: {10: "doc_string"},
        Kind.NEVER: {14: "quantization_annotation", 15: "sparse_initializer", 16: "metadata_props"},
    }
)
NODE = _fields(
    {
        Kind.NAMES: {1: "input", 2: "output"},
        Kind.NAME: {3: "name", 4: "op_type", 7: "domain"},
        Kind.MESSAGES: {5: "attribute"},
        Kind.TEXT: {6: "doc_string"},
        Kind.NEVER: {8: "overload", 9: "metadata_props", 10: "device_configurations"},
    }
)
ATTRIBUTE = _fields(
    {
        Kind.NAME: {1: "name", 4: "s"},
        Kind.FLOAT: {2: "f"},
        Kind.NUMBER: {3: "i", 20: "type"},
        Kind.BYTES: {5: "t"},
        Kind.FLOATS: {7: "floats"},
        Kind.NUMBERS: {8: "ints"},
        Kind.TEXT: {13: "doc_string"},
        Kind.NEVER: {
            6: "g",
            9: "strings",
            10: "tensors",
            11: "graphs",
            14: "tp",
            15: "type_protos",
            21: "ref_attr_name",
            22: "sparse_tensor",
            23: "sparse_tensors",
        },
    }
)
TENSOR = _fields(
    {
        Kind.NUMBERS: {1: "dims", 5: "int32_data", 7: "int64_data"},
        Kind.NUMBER: {2: "data_type", 14: "data_location"},
        Kind.FLOATS: {4: "float_data"},
        Kind.DOUBLES: {10: "double_data"},
        Kind.NAME: {8: "name"},
        Kind.BYTES: {9: "raw_data"},
        Kind.TEXT: {12: "doc_string"},
        Kind.NEVER: {3: "segment", 6: "string_data", 11: "uint64_data", 13: "external_data", 16: "metadata_props"},
    }
)
VALUE_INFO = _fields(
    {Kind.NAME: {1: "name"}, Kind.BYTES: {2: "type"}, Kind.TEXT: {3: "doc_string"}, Kind.NEVER: {4: "metadata_props"}}
)
TYPE = _fields(
    {
        Kind.BYTES: {1: "tensor_type"},
        Kind.TEXT: {6: "denotation"},
        Kind.NEVER: {4: "sequence_type", 5: "map_type", 7: "opaque_type", 8: "sparse_tensor_type", 9: "optional_type"},
    }
)
TENSOR_TYPE = _fields({Kind.NUMBER: {1: "elem_type"}, Kind.BYTES: {2: "shape"}})
SHAPE = _fields({Kind.MESSAGES: {1: "dim"}})
DIMENSION = _fields({Kind.NUMBER: {1: "dim_value"}, Kind.NAME: {2: "dim_param"}, Kind.TEXT: {3: "denotation"}})

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

_BOUNDS: tuple[tuple[Container[int], str], ...] = (
    (range(1), "block_size storage_order training_mode"),
    (range(2), "allowzero antialias ceil_mode count_include_pad exclude_outside keepdims noop_with_empty_axes"),
    (range(2), "saturate transA transB"),
    (range(1, 2), "stash_type"),
    (range(2, 9), "blocksize"),
    (range(-MAX_RANK, MAX_RANK + 1), "axes axis end start"),
    (range(MAX_RANK), "perm"),
    (range(1, 1025), "dilations kernel_shape num_outputs strides"),
    (range(1024), "output_padding pads"),
    (range(1, MAX_DIM), "group num_groups"),
    (range(-MAX_DIM, MAX_DIM + 1), "value_int value_ints"),
    (TYPES, "to"),
)
INTEGERS = {name: bound for bound, names in _BOUNDS for name in names.split()}
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
