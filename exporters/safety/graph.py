"""Looks at an ONNX graph before a runtime does: `check_graph` says what it holds, or why it is not one of ours.

A runtime runs in this process, where a hostile graph ends it: `DepthToSpace` by 2^32 divides by nought, a chain of
functions overflows the stack, `Loop` never returns, and external data reads other files. What is refused here never
reaches it. Refused is what `allowed` does not list; further:

- more than 2 GiB, 20,000 nodes, 1 MiB of texts and metadata, or names of 1,024 bytes;
- tensors that hold another number of bytes than their dimensions say, or a dimension of 0 but for an empty list;
- 64-bit whole numbers, which are shapes and positions, beyond `MAX_DIM` (but for the two that mean "to the end");
- nodes that read what nothing before them made, so that the graph is in order and has no cycle;
- `DIVIDE` on whole numbers, `Resize` by a scale that is not a constant of at most 64, `Split` into another number of
  outputs than it says;

- values without a dimension, or whose size depends on what is in the pictures, and more bytes or operations than a
  run of ours could need (`measure`).

What passes has no way to run code or to reach other files. It may still meet a fault of the runtime, so the runtime
tries it in a process of its own first. The hashes say that a graph is the one that its exporter wrote, not that its
exporter meant well.
"""

from __future__ import annotations

import mmap
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from attrs import define, field, frozen
from numpy.typing import NDArray

from ...framework import InputError
from . import allowlist as allowed
from .measure import BATCHES, Cost, cost
from .protobuf import Reader, WireError
from .shapes import Node
from .tensors import NOTHING, Value, little_endian, read_tensor, read_value

MAX_FILE, MAX_NODES, MAX_TEXT, MAX_NAME = 2**31, 20_000, 2**20, 1024
MAX_VALUES = 400_000
"""Fields and numbers that are read of a file, twenty a node: about a second of work."""
MAX_SCALE = 64

FLOATING = ("float16", "float32", "float64")
_HOLDS = {1: "f", 2: "i", 3: "s", 4: "t", 6: "floats", 7: "ints"}  # by AttributeProto.AttributeType
_OUTPUT_TYPES = {
    "Shape": "int64", "Equal": "bool", "Less": "bool", "Greater": "bool", "QuantizeLinear": "int8",
    "DequantizeLinear": "float32", "ConstantOfShape": "float32",
}  # fmt: skip


@frozen
class Facts:
    """What a graph holds."""

    ir_version: int
    opset: int
    inputs: Mapping[str, Value]
    outputs: Mapping[str, Value]
    operators: Counter[str]
    parameter_bytes: int
    metadata: Mapping[str, str]
    costs: Mapping[int, Cost]
    """Of a run, by the number of pictures."""

    @property
    def nodes(self) -> int:
        """How many nodes there are."""
        return self.operators.total()


def check_graph(path: Path) -> Facts:
    """What the ONNX file at `path` holds. InputError says why it is not such a graph as we export."""
    try:
        size = path.stat().st_size
        if not path.is_file():
            raise WireError("no regular file")
        if not 0 < size < MAX_FILE:
            raise WireError(f"{size} bytes")
        with path.open("rb") as handle:
            whole = memoryview(mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ))
        return _Check(Reader(MAX_VALUES, MAX_TEXT, MAX_NAME)).model(whole)
    except (WireError, OSError) as error:
        raise InputError(
            str(path),
            found=str(error),
            expected="an ONNX graph as `crosscade export` writes them",
            cure="Copy it again if it is yours; do not run it if it is not.",
        ) from None


@define
class _Check:
    """The work on one file; what is wrong is raised as WireError."""

    reader: Reader
    types: dict[str, str] = field(factory=dict)
    """Of every value that inputs, constants and nodes so far have made."""
    constants: dict[str, NDArray[Any]] = field(factory=dict)
    nodes: list[Node] = field(factory=list)
    parameter_bytes: int = 0

    def model(self, data: memoryview) -> Facts:
        if bytes(data[4:8]) == b"ORTM":
            raise WireError("a runtime's own format, not ONNX")
        model = self.reader.read(data, allowed.MODEL, "the model")
        if model.get("ir_version") not in allowed.IR_VERSIONS:
            raise WireError(f"IR version {model.get('ir_version')}")
        imports = [self.reader.read(o, allowed.OPSET, "an opset") for o in model.get("opset_import", ())]
        opsets = [(o.get("domain", ""), o.get("version", 0)) for o in imports]
        if len(opsets) != 1 or opsets[0][0] not in allowed.DOMAINS or opsets[0][1] not in allowed.OPSETS:
            raise WireError(f"operator sets {opsets!r:.120}")
        metadata = self._metadata(model.get("metadata_props", ()))
        graph = self.reader.read(model.get("graph", NOTHING), allowed.GRAPH, "the graph")
        nodes = graph.get("node", ())
        if not 0 < len(nodes) <= MAX_NODES:
            raise WireError(f"{len(nodes)} nodes")
        self._values(graph, "value_info")
        inputs = self._values(graph, "input")
        for name, value in inputs.items():
            self._make(name, value.type)
        for tensor in graph.get("initializer", ()):
            self._make(*self._tensor(tensor))
        operators = Counter(self._node(node) for node in nodes)
        outputs = self._values(graph, "output")
        self._known(outputs, "the outputs")
        walk = partial(cost, self.nodes, self.constants, inputs, outputs, self.types)
        costs = {batch: walk(batch) for batch in BATCHES}
        return Facts(
            model["ir_version"], opsets[0][1], inputs, outputs, operators, self.parameter_bytes, metadata, costs
        )

    def _metadata(self, entries: Iterable[memoryview]) -> dict[str, str]:
        pairs = [self.reader.read(entry, allowed.ENTRY, "the metadata") for entry in entries]
        return {p.get("key", ""): str(p.get("value", [NOTHING])[-1], "utf-8", "replace") for p in pairs}

    def _values(self, graph: Mapping[str, Any], which: str) -> dict[str, Value]:
        values = [read_value(self.reader, info) for info in graph.get(which, ())]
        if len(dict(values)) != len(values):
            raise WireError(f"one {which} twice")
        return dict(values)

    def _make(self, name: str, type_: str, values: NDArray[Any] | None = None) -> None:
        if not name or name in self.types:
            raise WireError(f"a value {name!r:.80} without a name or made twice")
        self.types[name] = type_
        if values is not None:
            self.constants[name] = values

    def _tensor(self, data: memoryview) -> tuple[str, str, NDArray[Any]]:
        name, type_, values = read_tensor(self.reader, data)
        self.parameter_bytes += values.size * np.dtype(type_).itemsize
        return name, type_, values

    def _known(self, names: Iterable[str], what: str) -> None:
        for name in names:
            if name not in self.types:
                raise WireError(f"{what} with {name!r:.80}, which nothing before makes")

    def _attributes(self, node: Mapping[str, Any], what: str) -> dict[str, Any]:
        attributes: dict[str, Any] = {}
        for data in node.get("attribute", ()):
            attribute = self.reader.read(data, allowed.ATTRIBUTE, f"an attribute of {what}")
            name, holds = attribute.pop("name", ""), _HOLDS.get(attribute.pop("type", 0), "")
            attribute.pop("doc_string", None)
            value = attribute.pop(holds, {"ints": [], "floats": b""}.get(holds))
            if attribute or value is None or name in attributes or name not in allowed.ATTRIBUTES.get(holds, ()):
                raise WireError(f"attribute {name!r:.80} of {what}")
            if holds in ("i", "ints"):
                for number in value if holds == "ints" else [value]:
                    if number not in allowed.INTEGERS[name]:
                        raise WireError(f"{name} = {number} of {what}")
            attributes[name] = self._tensor(value)[1:] if holds == "t" else value
        return attributes

    def _node(self, data: memoryview) -> str:
        node = self.reader.read(data, allowed.NODE, "a node")
        domain, operator = node.get("domain", ""), node.get("op_type", "")
        if domain not in allowed.DOMAINS or operator not in allowed.OPERATORS:
            raise WireError(f"operator {domain + '.' * bool(domain) + operator!r:.80}")
        what = f"{operator} {node.get('name', '')!r:.80}"
        takes, makes = node.get("input", []), [name for name in node.get("output", []) if name]
        self._known(filter(None, takes), what)
        attributes = self._attributes(node, what)
        types = [self.types.get(name, "") for name in takes]
        if operator in allowed.DIVIDE and types[:1] and types[0] not in FLOATING:
            raise WireError(f"{what} on {types[0]}, where a division by nought ends the process")
        if operator == "Resize" and len(takes) > 2 and takes[2]:
            self._check_scales(takes[2], what)
        if len(makes) != (attributes.get("num_outputs", len(makes)) if operator == "Split" else 1):
            raise WireError(f"{what} with {len(makes)} outputs")
        type_, values = self._result(operator, types, attributes, what)
        if "value" in attributes or operator == "Constant":
            attributes = {"value": values if operator == "Constant" else attributes["value"][1]}
        self.nodes.append(Node(operator, attributes, takes, makes, what))
        for name in makes:
            self._make(name, type_, values)
        return operator

    def _result(
        self, operator: str, types: list[str], attributes: dict[str, Any], what: str
    ) -> tuple[str, NDArray[Any] | None]:
        """The type that a node makes (of which only "whole" or "floating" is relied upon), and a constant's values."""
        type_ = (types[1:2] if operator == "Where" else types[:1]) or [""]
        match operator:
            case "Constant":
                return _constant(attributes, what)
            case "ConstantOfShape":
                return attributes["value"][0] if "value" in attributes else "float32", None
            case "Cast":
                if not isinstance(attributes.get("to"), int):
                    raise WireError(f"{what} to no type")
                return allowed.TYPES[attributes["to"]][0], None
        return _OUTPUT_TYPES.get(operator, type_[0]), None

    def _check_scales(self, name: str, what: str) -> None:
        scales = self.constants.get(name)
        if scales is None or not ((scales > 0) & (scales <= MAX_SCALE)).all():
            raise WireError(f"{what} by no constant in (0, {MAX_SCALE}]")


def _constant(attributes: Mapping[str, Any], what: str) -> tuple[str, NDArray[Any]]:
    match list(attributes.items()):
        case [("value", tensor)]:
            return tensor
        case [("value_int" | "value_ints", numbers)]:
            return "int64", np.array(numbers, np.int64)
        case [("value_float" | "value_floats", data)]:
            return "float32", np.array(data) if isinstance(data, float) else little_endian(data, "float32")
    raise WireError(f"{what} of {', '.join(attributes) or 'nothing'}")
