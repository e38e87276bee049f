"""The ways from pictures to translated pictures, all with uint8 arrays (N, S, S, 3) at both ends."""

import copy
import shutil
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray

from crosscade.exporters.onnx import parity as gate
from crosscade.exporters.onnx import quantise as precision
from crosscade.exporters.onnx.graph import Deployed, compile_graph, scopes
from crosscade.exporters.runtime.openvino import OpenVino
from crosscade.exporters.safety.manifest import INPUT, OUTPUT
from crosscade.framework import to_images, to_tensor
from tests.benchmarks.subject import Subject

Images = NDArray[np.uint8]
Run = Callable[[Images], Images]
EAGER = "eager float32"


class MissingError(Exception):
    """This machine cannot take a route; says why."""


class Workshop:
    """Makes each graph and each route of a subject once, with `threads` threads."""

    def __init__(self, subject: Subject, folder: Path, threads: int) -> None:
        self.subject, self.folder, self.threads = subject, folder, threads
        if threads:
            torch.set_num_threads(threads)
        self.graph, self.run = cache(self._graph), cache(self._run)

    def _graph(self, name: str) -> Path:
        """The file of `fp32`, `fp16` or an int8 plan."""
        path = self.folder / f"{name}.onnx"
        if name == "fp32":
            model = compile_graph(Deployed(self.subject.cascade), self.subject.size)
        else:
            whole = onnx.load(self.graph("fp32"))
            plan = next((plan for plan in precision.PLANS if plan.title == name), None)
            model = (
                precision.to_int8(whole, self.subject.calibration, None, scopes(whole), plan)
                if plan
                else precision.to_float16(whole)
            )
        onnx.save(model, path)
        return path

    def _run(self, route: str) -> Run:
        return ROUTES[route](self)


def eager(shop: Workshop, *, channels_last: bool = False, bfloat16: bool = False, compiled: bool = False) -> Run:
    """Torch. The images are channels-last in memory always; `channels_last` says it of the weights."""
    cascade = copy.deepcopy(shop.subject.cascade)
    if channels_last:
        cascade = cascade.to(memory_format=torch.channels_last)
    if compiled:
        if not (shutil.which("g++") or shutil.which("clang++")):
            raise MissingError("torch.compile needs a C++ compiler")
        cascade = torch.compile(cascade)

    @torch.inference_mode()
    def run(images: Images) -> Images:
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bfloat16):
            return to_images(cascade(to_tensor(images)))

    return run


def onnxruntime(shop: Workshop, *, graph: str) -> Run:
    """onnxruntime's CPU provider."""
    session = gate.session_of(shop.graph(graph).read_bytes(), shop.threads)
    return lambda images: session.run([OUTPUT], {INPUT: images})[0]


def openvino(shop: Workshop, *, graph: str, arithmetic: str) -> Run:
    """OpenVINO; `arithmetic` is that of what the file leaves in float."""
    try:
        import openvino as found
    except ModuleNotFoundError:
        raise MissingError("no package openvino") from None
    if arithmetic == "bf16" and "BF16" not in found.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        raise MissingError("a processor without bfloat16")
    model = OpenVino(shop.graph(graph), precision=arithmetic, threads=shop.threads)
    return lambda images: model.run([OUTPUT], {INPUT: images})[0]


ROUTES: dict[str, Callable[[Workshop], Run]] = {
    EAGER: eager,
    "eager float32, weights channels-last": partial(eager, channels_last=True),
    "eager bfloat16": partial(eager, channels_last=True, bfloat16=True),
    "torch.compile bfloat16": partial(eager, channels_last=True, bfloat16=True, compiled=True),
    "onnxruntime fp32": partial(onnxruntime, graph="fp32"),
    "onnxruntime fp16": partial(onnxruntime, graph="fp16"),
    **{f"onnxruntime int8, {plan.title}": partial(onnxruntime, graph=plan.title) for plan in precision.PLANS},
    "OpenVINO f32": partial(openvino, graph="fp32", arithmetic="f32"),
    "OpenVINO bf16": partial(openvino, graph="fp32", arithmetic="bf16"),
    **{
        f"OpenVINO int8 and bf16, {plan.title}": partial(openvino, graph=plan.title, arithmetic="bf16")
        for plan in precision.PLANS
    },
}
