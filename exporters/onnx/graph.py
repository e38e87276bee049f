"""A cascade as a deployer wants it: pixels in, pixels out, everything else inside; and that module as an ONNX graph."""

# N images, H W space; i level

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import onnx
import torch
from torch import Tensor, nn

from ...framework import Cascade, InputError, RunError
from ...framework.support.tensors import as_grey, as_pixels, from_pixels
from ..safety.manifest import INPUT, MASK, OUTPUT, STYLE

LOWEST_OPSET, HIGHEST_OPSET, OPSET = 18, 23, 21
"""From opset 21 group normalisation is one operator of its own."""


class Deployed(nn.Module):
    """uint8 images (N, H, W, 3) -> a tuple: the translation, its mask (N, H, W) where the cascade has one, and, with
    previews, what each level decided."""

    def __init__(self, cascade: Cascade, *, previews: bool = False) -> None:
        super().__init__()
        self.cascade, self.previews = cascade, previews

    @property
    def outputs(self) -> tuple[str, ...]:
        """What the results are called: `translated`, `mask`, then `level<i>`, deep to shallow."""
        levels = [f"level{i}" for i in self.cascade.previewed] if self.previews else []
        return (OUTPUT, *([MASK] if self.cascade.masked else []), *levels)

    def forward(self, images: Tensor, style: Tensor | None = None) -> tuple[Tensor, ...]:
        """`images` and, where the cascade takes one, `style` float32 (N, style_size)."""
        x = from_pixels(images)
        inputs = (x,) if style is None else (x, style)
        levels = self.cascade.strip(*inputs)[:-1] if self.previews else []  # the graph computes what both share once
        if not self.cascade.masked:
            return tuple(map(as_pixels, (self.cascade(*inputs), *levels)))
        final, mask = self.cascade.with_mask(*inputs)
        return (as_pixels(final), as_grey(mask), *map(as_pixels, levels))


def compile_graph(module: Deployed, size: int, opset: int = OPSET) -> onnx.ModelProto:
    """The ONNX graph of `module` for square images of `size` pixels and any number of them.

    Raises InputError for an opset that cannot be written, RunError where a part of the cascade cannot be exported.
    """
    if not LOWEST_OPSET <= opset <= HIGHEST_OPSET:
        raise InputError(f"opset {opset}", expected=f"{LOWEST_OPSET} to {HIGHEST_OPSET}", cure=f"Use {OPSET}.")
    style_size = module.cascade.style_size
    example: tuple[Tensor, ...] = (torch.randint(0, 256, (2, size, size, 3), dtype=torch.uint8),)
    if style_size:
        example += (torch.zeros(2, style_size),)
    names = [INPUT, STYLE][: len(example)]
    batch = torch.export.Dim("batch")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the exporter's own deprecations
            program: Any = torch.onnx.export(
                module.eval(),
                example,
                dynamo=True,
                external_data=False,  # one file; weights beside the graph would be the default
                verbose=False,
                opset_version=opset,
                input_names=names,
                output_names=list(module.outputs),
                dynamic_shapes={name: {0: batch} for name in names},
                custom_translation_table={torch.ops.aten.atanh.default: _atanh},
            )
    except Exception as error:  # whatever a stranger's component raises while it is traced
        reason = (str(error).strip().splitlines() or [""])[0]
        raise RunError(
            "export",
            found=f"a cascade that cannot become a graph ({type(error).__name__}: {reason})",
            cure="Check each component with crosscade.framework.testing; --debug shows the whole reason.",
        ) from error
    return cleaned(program.model_proto, opset)


def _atanh(x: Any) -> Any:
    """By operators that have CUDA kernels in onnxruntime. Atanh has none: every image would go to the CPU and back.

    In float32 it differs from Atanh by at most 1.2e-7 between -0.96 and 0.96.
    """
    from onnxscript import opset18  # half a second that only an export should cost

    return opset18.Mul(opset18.Log(opset18.Div(opset18.Add(1.0, x), opset18.Sub(1.0, x))), 0.5)


def cleaned(model: onnx.ModelProto, opset: int) -> onnx.ModelProto:
    """Without source paths, stack traces and unused opsets, which a file given away should not hold."""
    version = next(entry.version for entry in model.opset_import if not entry.domain)
    if version != opset or model.functions:
        raise RunError(
            "export", found=f"opset {version} and {len(model.functions)} functions", expected=f"opset {opset} and none"
        )
    del model.opset_import[:]
    model.opset_import.add(domain="", version=opset)
    graph = model.graph
    graph.name = "crosscade"
    model.producer_name, model.producer_version, model.doc_string, graph.doc_string = "crosscade", "", "", ""
    for holder in (model, graph, *graph.node, *graph.initializer, *graph.input, *graph.output, *graph.value_info):
        del holder.metadata_props[:]
        holder.doc_string = ""
    return model


LAST = "last layers"
LAST_LAYERS = 3


def scopes(model: onnx.ModelProto) -> dict[str, str]:
    """Which part of the cascade each node came from, by the node's name: `encoder`, `translators`, `inverter`, ….

    The convolutions that end at pixels, `LAST_LAYERS` before each output, are a part of their own, `LAST`.
    """
    producers = {output: node for node in model.graph.node for output in node.output}
    parts = {node.name: next((part for name in node.input if (part := _part(name))), "") for node in model.graph.node}
    for output in model.graph.output:
        node, left = producers.get(output.name), LAST_LAYERS
        while node is not None and left:
            if "Conv" in node.op_type:
                parts[node.name], left = LAST, left - 1
            node = next((producers[name] for name in node.input if name in producers), None)
    return parts


def _part(initialiser: str) -> str:
    names = initialiser.split(".")
    return names[1] if names[0] == "cascade" and len(names) > 2 else ""


def finish(model: onnx.ModelProto, facts: Mapping[str, str]) -> bytes:
    """The file: `facts` as its metadata, sorted, and no inferred types, which only conversions need."""
    del model.metadata_props[:]
    for key in sorted(facts):
        model.metadata_props.add(key=key, value=facts[key])
    del model.graph.value_info[:]
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString(deterministic=True)
