"""The tables of what a graph may hold, against the `onnx` package: a wrong number would let things through."""

import numpy as np
import onnx
from onnx import helper

from crosscade.exporters.safety import allowlist as allowed


def test_the_fields_are_those_of_onnx():
    messages = {
        "MODEL": onnx.ModelProto, "OPSET": onnx.OperatorSetIdProto, "ENTRY": onnx.StringStringEntryProto,
        "GRAPH": onnx.GraphProto, "NODE": onnx.NodeProto, "ATTRIBUTE": onnx.AttributeProto,
        "TENSOR": onnx.TensorProto, "VALUE_INFO": onnx.ValueInfoProto, "TYPE": onnx.TypeProto,
        "TENSOR_TYPE": onnx.TypeProto.Tensor, "SHAPE": onnx.TensorShapeProto,
        "DIMENSION": onnx.TensorShapeProto.Dimension,
    }  # fmt: skip
    for name, message in messages.items():
        ours = {number: field for number, (field, _) in getattr(allowed, name).items()}
        assert ours == {field.number: field.name for field in message.DESCRIPTOR.fields}, name


def test_the_types_and_operators_are_those_of_onnx():
    for number, (name, listed) in allowed.TYPES.items():
        assert helper.tensor_dtype_to_np_dtype(number) == np.dtype(name)
        assert helper.tensor_dtype_to_field(number) == listed
    for operator in allowed.OPERATORS:
        assert onnx.defs.get_schema(operator, allowed.OPSETS[-1]).domain == ""
    known = {name for operator in allowed.OPERATORS for name in onnx.defs.get_schema(operator).attributes}
    assert {name for names in allowed.ATTRIBUTES.values() for name in names} <= known
