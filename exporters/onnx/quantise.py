"""Smaller graphs from a float32 one: float16, and int8 calibrated on the domain's own pictures."""

# N images, H W space

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from attrs import frozen
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process
from onnxruntime.transformers.float16 import convert_float_to_float16
from onnxruntime.transformers.onnx_model import OnnxModel

from ...framework import Images
from ...framework.data.styles import Styles
from ..runtime.exported import feeds, pieces
from .graph import LAST, cleaned

KEPT_IN_FLOAT = ("InstanceNormalization", "GroupNormalization", "Tanh", "ReduceMean", "Log")
"""Sums over a whole map, and tanh and its inverse near 1, lose too much in float16."""
QUANTISED = ("Conv", "ConvTranspose")
"""The linear layers are small, and onnxruntime does not take signed activations there."""


@frozen
class Plan:
    """Which parts of the cascade stay in float; tried in order, the first that passes the gate ships."""

    title: str
    float_parts: frozenset[str]


PLANS = (
    Plan("all in int8", frozenset()),
    Plan("encoder in float", frozenset({"encoder"})),
    Plan("encoder and last layers in float", frozenset({"encoder", LAST})),
)


def to_float16(model: onnx.ModelProto) -> onnx.ModelProto:
    """Weights and arithmetic in float16; pixels, norms and the skip's logarithm as they are."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    converted = convert_float_to_float16(copy, keep_io_types=True, op_block_list=list(KEPT_IN_FLOAT))
    # Some versions of the converter write the cast of a constant once for each node that reads it, under one name.
    first = {node.output[0]: k for k, node in reversed(list(enumerate(converted.graph.node)))}
    nodes = [node for k, node in enumerate(converted.graph.node) if first[node.output[0]] == k]
    del converted.graph.node[:]
    converted.graph.node.extend(nodes)
    whole = OnnxModel(converted)
    whole.topological_sort()  # the casts are at the end
    return cleaned(whole.model, model.opset_import[0].version)


class _Pictures(CalibrationDataReader):
    def __init__(self, images: Images, styles: Styles | None, batch: int = 8) -> None:
        self._feeds = pieces(feeds(images, styles), batch)

    def get_next(self) -> dict[str, Any] | None:
        """The next batch, None at the end."""
        return next(self._feeds, None)


def to_int8(
    model: onnx.ModelProto, images: Images, styles: Styles | None, parts: Mapping[str, str], plan: Plan
) -> onnx.ModelProto:
    """Static quantisation, per channel, of all convolutions and products but those of `plan.float_parts`.

    `images` uint8 (N, H, W, 3) of the source domain calibrate the activations' ranges; `parts` says which part of the
    cascade each node belongs to (see `graph.scopes`).
    """
    spared = [node.name for node in model.graph.node if parts.get(node.name) in plan.float_parts]
    with tempfile.TemporaryDirectory() as folder:
        original, prepared, quantised = (Path(folder) / f"{name}.onnx" for name in ("float32", "prepared", "int8"))
        onnx.save(model, str(original))
        quant_pre_process(str(original), str(prepared), skip_symbolic_shape=True, skip_optimization=True)
        quantize_static(
            str(prepared),
            str(quantised),
            _Pictures(images, styles),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=list(QUANTISED),
            per_channel=True,
            activation_type=QuantType.QInt8,  # TensorRT takes no other, and OpenVINO is quicker with zero points of 0
            weight_type=QuantType.QInt8,
            extra_options={"ActivationSymmetric": True},
            nodes_to_exclude=_present(prepared, spared),
        )
        return cleaned(onnx.load(str(quantised)), model.opset_import[0].version)


def _present(path: Path, names: Iterable[str]) -> list[str]:
    present = {node.name for node in onnx.load(str(path), load_external_data=False).graph.node}
    return sorted(present & set(names))


def random_pictures(count: int, size: int) -> Images:
    """Noise (count, size, size, 3): what no picture of the domain is, to see a graph that only fits pictures."""
    return np.random.default_rng(0).integers(0, 256, (count, size, size, 3), dtype=np.uint8)
