"""Tensors and the types of values in an ONNX file: what they are, or a WireError with the reason. Torch-free."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from .allowlist import DIMENSION, MAX_DIM, MAX_RANK, SHAPE, TENSOR, TENSOR_TYPE, TYPE, TYPES, VALUE_INFO
from .protobuf import Reader, WireError

MAX_WHOLE = 65_536
"""Numbers of a 64-bit constant."""
TO_THE_END = (2**63 - 1, -(2**63))
"""What a slice that goes to the end is written with."""
NOTHING = memoryview(b"")


@frozen
class Value:
    """What goes in or out: its type's name and its dimensions; a text or None where a dimension is not fixed."""

    type: str
    dims: tuple[int | str | None, ...]


def read_value(reader: Reader, data: memoryview) -> tuple[str, Value]:
    """The name of a ValueInfoProto, and what it says of the value."""
    info = reader.read(data, VALUE_INFO, "a value")
    type_ = reader.read(info.get("type", NOTHING), TYPE, "a value's type")
    tensor = reader.read(type_.get("tensor_type", NOTHING), TENSOR_TYPE, "a value's type")
    shape = reader.read(tensor.get("shape", NOTHING), SHAPE, "a value's shape")
    number = tensor.get("elem_type")
    if number not in TYPES:
        raise WireError(f"a value of type {number}")
    dims = [reader.read(d, DIMENSION, "a dimension") for d in shape.get("dim", ())]
    if len(dims) > MAX_RANK or not all(0 <= d.get("dim_value", 0) < 2**31 for d in dims):
        raise WireError(f"a value of dimensions {[d.get('dim_value') for d in dims]!r:.80}")
    return info.get("name", ""), Value(TYPES[number][0], tuple(d.get("dim_value", d.get("dim_param")) for d in dims))


def read_tensor(reader: Reader, data: memoryview) -> tuple[str, str, NDArray[Any]]:
    """The name of a TensorProto, its type and its values, in its dimensions; those that lie raw are not copied.

    Values of 8 and 16 bits that do not lie raw come as the numbers that they are written with.
    """
    tensor = reader.read(data, TENSOR, "a tensor")
    name, number, dims = tensor.get("name", ""), tensor.get("data_type"), tensor.get("dims", [])
    what = f"tensor {name!r:.80}"
    if tensor.get("data_location", 0):
        raise WireError(f"external data in {what}")
    if number not in TYPES:
        raise WireError(f"{what} of type {number}")
    if dims != [0] and (len(dims) > MAX_RANK or not all(0 < d <= MAX_DIM for d in dims)):
        raise WireError(f"{what} of dimensions {dims!r:.80}")
    type_, listed = TYPES[number]
    held = {k: v for k, v in tensor.items() if k.endswith("_data") and len(v)}
    values = np.zeros(0)
    for stored in held.values():
        values = np.array(stored) if isinstance(stored, list) else little_endian(stored, type_)
    if len(held) > 1 or not held.keys() <= {"raw_data", listed} or len(values) != math.prod(dims):
        raise WireError(f"{what} of dimensions {dims!r:.80} and {len(values)} values")
    if type_ == "int64":
        far = (values < -MAX_DIM) | (values > MAX_DIM)
        if len(values) > MAX_WHOLE or not np.isin(values[far], TO_THE_END).all():
            raise WireError(f"{what} of {len(values)} whole numbers as far as {values[far][:1]}")
    return name, type_, values.reshape(dims)


def little_endian(data: memoryview, type_: str) -> NDArray[Any]:
    """The values in `data`, which is not copied."""
    kind = np.dtype(type_).newbyteorder("<")
    if len(data) % kind.itemsize:
        raise WireError(f"{len(data)} bytes of {type_} values")
    return np.frombuffer(data, kind) if len(data) else np.zeros(0)
