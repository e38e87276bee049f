"""What a graph's values measure and what it costs to compute them, before a runtime sees it. Torch-free.

All dimensions but the batch are known: those of the inputs and weights stand in the file, every other follows from the
operators (`shapes`), and the numbers that shapes are made of are computed here. So the whole graph is walked for some
sizes of a batch: no value may lack a dimension or depend in its size on what is in the pictures, and all of them
together may take no more bytes and operations than a stated number for each number that goes in.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial, reduce
from typing import Any

import numpy as np
from attrs import frozen

from .allowlist import MAX_DIM, MAX_RANK, TYPES
from .protobuf import WireError
from .shapes import RULES, Dims, Given, Inputs, Node, Numbers
from .tensors import Value

MAX_BYTES, BYTES_EACH = 2**28, 2**14
MAX_OPERATIONS, OPERATIONS_EACH = 2**32, 2**22
"""What a run may take, and more for each number that goes in: seven and eleven times what our largest method needs."""
BATCHES = (1, 2, 64)
"""What a graph is walked for: one picture, more, and as many as a runtime is given at once."""
ITEM_BYTES = {name: np.dtype(name or "float64").itemsize for name in ("", *(kind for kind, _ in TYPES.values()))}
MAX_KNOWN = 4096
"""Numbers of a value that are computed here: shapes and positions are few."""


@frozen
class Cost:
    """Of one run."""

    bytes: int
    """Of all values that are made, whether they live at the same time or not."""
    operations: int
    """Multiplications and the like, roughly: those of a plain computation."""


def cost(
    nodes: Sequence[Node],
    constants: Mapping[str, Numbers],
    inputs: Mapping[str, Value],
    outputs: Mapping[str, Value],
    types: Mapping[str, str],
    batch: int,
) -> Cost:
    """Of a run with so many pictures. WireError for a node that cannot work, and for more than is allowed."""
    values = {name: Given(array.shape, array) for name, array in constants.items()}
    values |= {name: Given(_declared(value, batch)) for name, value in inputs.items()}
    count, total, work = sum(values[name].count for name in inputs), 0, 0
    weights = sum(array.size * ITEM_BYTES[types[name]] for name, array in constants.items())
    for node in nodes:
        given = [values[name] if name else None for name in node.takes]
        results = measured(node, given)
        values |= zip(node.makes, results)
        total += sum(value.count * ITEM_BYTES[types[name]] for name, value in zip(node.makes, results))
        work += operations(node, given, results)
        if total > MAX_BYTES + 8 * weights + count * BYTES_EACH:
            raise WireError(f"more than {total} bytes up to {node.what}, for {batch} pictures")
        if work > MAX_OPERATIONS + count * OPERATIONS_EACH:
            raise WireError(f"more than {work} operations up to {node.what}, for {batch} pictures")
    for name, value in outputs.items():
        if value.dims and (found := values[name].dims) != _declared(value, batch):
            raise WireError(f"output '{name}' of dimensions {list(found)} for {batch} pictures")
    return Cost(total, work)


def _declared(value: Value, batch: int) -> Dims:
    return tuple(n if isinstance(n, int) else batch for n in value.dims)


def measured(node: Node, inputs: Inputs) -> list[Given]:
    """What the node makes. WireError for what it cannot make of such inputs."""
    try:
        results = RULES[node.operator](node, inputs)
        if any(not all(0 < n <= MAX_DIM**2 for n in dims) or len(dims) > MAX_RANK for dims in results):
            raise WireError(f"a value of dimensions {list(results)}")
        return [Given(dims, _values(node, inputs, dims)) for dims in results]
    except (ValueError, IndexError, TypeError, AttributeError, OverflowError, WireError) as error:
        dims = ", ".join(str(list(value.dims)) for value in inputs if value)
        raise WireError(f"{node.what} on {dims:.120} ({error!s:.120})") from None


def operations(node: Node, inputs: Inputs, results: Sequence[Given]) -> int:
    """Multiplications and the like, roughly: what a plain computation of the node needs."""
    made = sum(result.count for result in results)
    first, second = [*inputs, None, None][:2]
    match node.operator:
        case "Conv" if second:
            return made * math.prod(second.dims[1:])
        case "ConvTranspose" if first and second:
            return first.count * math.prod(second.dims[1:])
        case "MatMul" | "Gemm" if first:
            return made * first.dims[-2 if node.attributes.get("transA") else -1]
        case "MaxPool" | "AveragePool":
            return made * math.prod(node.attributes["kernel_shape"])
        case "Resize" if first:
            return 64 * (made + first.count)
    return made + sum(value.count for value in inputs if value)


def _values(node: Node, inputs: Inputs, dims: Dims) -> Numbers | None:
    """The numbers that a node makes of known ones, where there are few."""
    if math.prod(dims) > MAX_KNOWN:
        return None
    if node.operator == "Shape" and inputs[0]:
        first, last = node.attributes.get("start", 0), node.attributes.get("end")
        return np.array(inputs[0].dims[first:last], np.int64)
    known = [value.values for value in inputs if value and value.values is not None]
    if node.operator in COMPUTED and len(known) == len([value for value in inputs if value]):
        return np.asarray(COMPUTED[node.operator](node, known)).reshape(dims)
    return None


def _sliced(node: Node, known: list[Numbers]) -> Numbers:
    values, first, last = known[:3]
    axes = known[3].reshape(-1) if len(known) > 3 else range(len(first))
    steps = known[4].reshape(-1) if len(known) > 4 else [1] * len(first)
    cut = [slice(None)] * values.ndim
    for axis, start, end, step in zip(axes, first, last, steps, strict=True):
        cut[int(axis)] = slice(int(start), int(end), int(step))
    return values[tuple(cut)]


def _folded(use: Callable[[Any, Any], Any], _: Node, known: list[Numbers]) -> Any:
    return reduce(use, known)


COMPUTED: dict[str, Callable[[Node, list[Numbers]], Any]] = {
    "Constant": lambda node, _: node.attributes["value"],
    "ConstantOfShape": lambda node, known: np.broadcast_to(
        node.attributes.get("value", np.zeros(1, np.float32)), tuple(known[0].reshape(-1))
    ),
    "Cast": lambda node, known: known[0].astype(TYPES[node.attributes["to"]][0]),
    "Concat": lambda node, known: np.concatenate(known, node.attributes["axis"]),
    "Gather": lambda node, known: np.take(known[0], known[1].astype(np.int64), node.attributes.get("axis", 0)),
    "Slice": _sliced,
    "Expand": lambda _, known: known[0] * np.ones([int(n) for n in known[1]], known[0].dtype),
    **dict.fromkeys(("Identity", "Reshape", "Flatten", "Squeeze", "Unsqueeze"), lambda _, known: known[0]),
    **{
        name: partial(_folded, use)
        for name, use in {"Add": np.add, "Sub": np.subtract, "Mul": np.multiply, "Min": np.minimum,
                          "Max": np.maximum, "Equal": np.equal, "Less": np.less, "Greater": np.greater}.items()
    },
    "Where": lambda _, known: np.where(*known),
}  # fmt: skip
"""By operator: what it makes of numbers, for those that shapes are computed with."""
