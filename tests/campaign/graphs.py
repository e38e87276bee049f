"""Hostile graphs, and graphs of allowed operators at random, each vouched for by the export that it lies in."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from onnx import ModelProto, TensorProto, helper, numpy_helper

from crosscade.exporters.safety import manifest
from crosscade.exporters.safety.allowlist import OPERATORS
from crosscade.framework.support import atomic
from tests.exporters import tiny_export
from tests.exporters.safety import test_graph, test_measure

from .contain import contained
from .ledger import Outcome, judged
from .subjects import Workshop, call, made

NAMED: dict[str, ModelProto] = {name: hostile for name, (hostile, _) in test_graph.HOSTILE.items()}
NAMED |= {name: test_graph.model(nodes, constants) for name, (nodes, constants, _) in test_measure.HOSTILE.items()}
"""Those of the tests: each is refused."""
LONGEST = 8
"""Operators of a random graph."""
WHOLE = [-(2**63), -(2**24), -5, -2, -1, 0, 1, 2, 3, 4, 7, 16, 17, 64, 1000, 2**24, 2**31 - 1, 2**63 - 1]
FLOATS = [0.0, -1.0, 0.3, 0.5, 1.0, 1.5, 2.0, 8.0, 64.0, 1e30, float("inf"), float("nan")]
ATTRIBUTES = {
    "i": "axis keepdims ceil_mode count_include_pad group num_groups blocksize num_outputs transA transB allowzero to "
    "start end antialias exclude_outside noop_with_empty_axes storage_order",
    "ints": "kernel_shape strides pads dilations output_padding perm axes",
    "f": "alpha beta epsilon extrapolation_value",
    "s": "mode auto_pad coordinate_transformation_mode nearest_mode keep_aspect_ratio_policy",
}
TEXTS = (
    "constant reflect edge wrap linear nearest cubic NOTSET VALID SAME_UPPER SAME_LOWER half_pixel asymmetric "
    "align_corners tf_crop_and_resize floor ceil stretch not_larger not_smaller DCR CRD"
)
OF = {
    "Conv": "kernel_shape strides pads dilations group auto_pad",
    "ConvTranspose": "kernel_shape strides pads dilations group output_padding auto_pad",
    "MaxPool": "kernel_shape strides pads dilations ceil_mode auto_pad",
    "AveragePool": "kernel_shape strides pads dilations ceil_mode count_include_pad auto_pad", "Gemm": "transA transB",
    "Reshape": "allowzero", "Flatten": "axis", "Transpose": "perm", "Concat": "axis", "Split": "axis num_outputs",
    "Gather": "axis", "Pad": "mode", "Resize": "mode coordinate_transformation_mode nearest_mode axes antialias "
    "keep_aspect_ratio_policy exclude_outside", "DepthToSpace": "blocksize mode", "SpaceToDepth": "blocksize",
    "Cast": "to", "Shape": "start end", "Softmax": "axis", "GroupNormalization": "num_groups epsilon",
    "LayerNormalization": "axis epsilon", "InstanceNormalization": "epsilon", "BatchNormalization": "epsilon",
    **dict.fromkeys(("ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceL2"), "keepdims noop_with_empty_axes"),
}  # fmt: skip
"""The attributes that an operator knows."""
FORCED = ("kernel_shape", "blocksize", "axis", "to", "num_outputs")
"""Those without which an operator is none."""
SHAPED = {"Reshape", "Expand", "Tile", "Slice", "Pad", "Squeeze", "Unsqueeze", "ConstantOfShape", "Gather"}
"""What takes whole numbers after its first input."""
KERNELS = {"Conv", "ConvTranspose", "MatMul", "Gemm"}
PLAIN = sorted(OPERATORS - {"Constant"})


class Maker:
    """A random graph that computes something from the pictures and adds nothing of it to the result."""

    def __init__(self, chance: random.Random) -> None:
        self.chance, self.tensors, self.nodes = chance, list[Any](), list[Any]()
        self.values = ["maps"]

    def constant(self, array: np.ndarray) -> str:
        """A tensor of the file."""
        name = f"c{len(self.tensors)}"
        self.tensors.append(numpy_helper.from_array(array, name))
        return name

    def whole(self, count: int) -> str:
        """Whole numbers: small ones mostly."""
        small = self.chance.random() < 0.8
        numbers = [self.chance.choice((0, 1, 1, 2, 3, -1, 16) if small else WHOLE) for _ in range(count)]
        return self.constant(np.array(numbers, np.int64))

    def floats(self, *dims: int) -> str:
        """Weights."""
        return self.constant(np.full(dims, self.chance.choice(FLOATS), np.float32))

    def attribute(self, name: str) -> Any:
        """A value: of a likely kind mostly."""
        if name in ATTRIBUTES["s"].split():
            return self.chance.choice(TEXTS.split())
        if name in ATTRIBUTES["f"].split():
            return self.chance.choice(FLOATS)
        likely: tuple[int, ...] = (1, 1, 2, 2, 3)
        if name not in ATTRIBUTES["ints"] and name not in ("axis", "group", "num_groups", "blocksize", "num_outputs"):
            likely = (1, 6, 7, 10, 11, 9, 2) if name == "to" else (0, 1)
        pick = lambda: self.chance.choice(likely if self.chance.random() < 0.9 else WHOLE)  # noqa: E731
        if name == "perm":
            return self.chance.sample(range(4), 4)
        return [pick() for _ in range({"pads": 4}.get(name, 2))] if name in ATTRIBUTES["ints"].split() else pick()

    def node(self) -> None:
        """One more operator on what there is."""
        operator, pick = self.chance.choice(PLAIN), lambda: self.chance.choice(self.values)
        takes = [pick()]
        match operator:
            case _ if operator in KERNELS:
                k = self.chance.choice((1, 2, 3, 3, 17))
                dims = (3, 3, k, k) if operator.startswith("Conv") else (16, 16)
                takes.append(self.floats(*dims))
            case "Slice":
                count = self.chance.choice((1, 1, 2))
                takes += [self.whole(count) for _ in range(self.chance.choice((2, 3, 4)))]
            case "ConstantOfShape":
                takes = [self.whole(self.chance.choice((1, 2, 4)))]
            case "Pad":
                takes.append(self.whole(8))
            case "Resize":
                scales = self.constant(np.array([1, 1, *(self.chance.choice(FLOATS) for _ in "hw")], np.float32))
                takes += ["", scales] if self.chance.random() < 0.7 else ["", "", self.whole(4)]
            case _ if operator in SHAPED:
                takes.append(self.whole(self.chance.choice((1, 2, 4, 4))))
            case "Where":
                takes = [pick(), pick(), pick()]
            case _ if operator.endswith("Normalization"):
                takes += [self.floats(3) for _ in range(4 if operator == "BatchNormalization" else 2)]
            case _ if operator in ("Concat", "Add", "Sub", "Mul", "Div", "Min", "Max", "Sum", "Mean", "Pow", "Equal"):
                takes.append(pick())
            case _ if "izeLinear" in operator:
                takes += [self.floats(), self.constant(np.uint8(3))]
        known = OF.get(operator, "alpha" if operator in ("LeakyRelu", "Elu") else "").split()
        chosen = [a for a in known if self.chance.random() < 0.7 or a in FORCED]
        parts = 2 if operator == "Split" else 1
        outputs = [f"v{len(self.nodes)}_{k}" for k in range(parts)]
        attributes = {name: self.attribute(name) for name in chosen}
        self.nodes.append(helper.make_node(operator, takes, outputs, f"n{len(self.nodes)}", **attributes))
        self.values += outputs

    def model(self) -> ModelProto:
        """The tiny export with this in it: what comes last is turned into a nought that is added to the result."""
        for _ in range(self.chance.randint(1, LONGEST)):
            self.node()
        made = tiny_export.graph("a2b")
        names = [each.name for each in made.graph.node]
        nought = [
            helper.make_node("Transpose", ["scaled"], ["maps"], perm=[0, 3, 1, 2]),
            *self.nodes,
            helper.make_node("Cast", [self.values[-1]], ["last"], to=TensorProto.FLOAT),
            helper.make_node("ReduceMax", ["last"], ["most"], keepdims=0),
            helper.make_node("Clip", ["most", "none", "none"], ["nought"]),
            helper.make_node("Add", ["plain", "nought"], ["sum"]),
        ]
        at = names.index("same")
        made.graph.node[at].input[0] = "sum"
        for each in reversed(nought):
            made.graph.node.insert(at, each)
        made.graph.initializer.extend([*self.tensors, numpy_helper.from_array(np.float32(0), "none")])
        return made


class Graphs:
    """The part `graphs`."""

    def __init__(self, workshop: Workshop, seed: int) -> None:
        self.workshop, self.seed, self.named = workshop, seed, list(NAMED)

    def attempt(self, number: int) -> Outcome:
        """The graph of that number: the named ones first."""
        chance = random.Random(f"graphs {self.seed} {number}")
        kind, how = "random graphs", f"number {number}"
        if number < len(self.named):
            kind, how = "hostile graphs", self.named[number]
            data = NAMED[how].SerializeToString()
        else:
            data = Maker(chance).model().SerializeToString()
        scratch, one = self.workshop.folder, self.workshop.pictures / "a" / "0.png"
        copy, out = scratch / "graph", scratch / "out"
        for old in (copy, out):
            shutil.rmtree(old, ignore_errors=True)
        forged(tiny_export.write(copy, directions=("a2b",)), data)
        words = ("run", copy, one, "--out", out, "--device", "cpu", "--threads", 1)
        ended = contained(lambda: call(*words), scratch)
        outcome, said = judged(ended, made(out), None, own=True)
        return Outcome(number, kind, how, outcome, ended.seconds, said[:300])


def forged(folder: Path, data: bytes) -> None:
    """The export's graph becomes this one, and its manifest vouches for it."""
    (folder / "a2b.onnx").write_bytes(data)
    table, file = atomic.read_json(folder / manifest.NAME, "its own"), manifest.file(folder / "a2b.onnx")
    table["files"]["a2b.onnx"] = {"sha256": file.sha256, "bytes": file.bytes}
    (folder / manifest.NAME).write_text(json.dumps(table))
