"""A graph in OpenVINO, from the same ONNX file. Torch-free; OpenVINO is an extra.

Its precision is always said: left alone it computes in bfloat16 on processors with AMX, silently. That is its fastest
and cannot repeat float32 (golden pictures of one export: 35 dB), so whoever asks for it gets a limit of its own.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...framework import InputError, RunError, did_you_mean
from .providers import first_line

PRECISIONS = ("f32", "bf16", "auto")
"""`auto` is bf16 where the processor computes with it, else f32."""
LEAST_BF16_DB = 30.0
"""What golden pictures must reach at least in bf16, the limit that int8 files have."""


class OpenVino:
    """The graph in `path`, compiled for the CPU. `run` may be called from several threads.

    `least_db` is all that golden pictures can be asked for in its arithmetic.
    """

    fixed_batch = False

    def __init__(self, path: Path, *, precision: str = "f32", threads: int = 0) -> None:
        try:
            openvino: Any = import_module("openvino")
        except ModuleNotFoundError:
            raise InputError("no package 'openvino'", expected="it", cure="pip install openvino") from None
        if precision not in PRECISIONS:
            cure = did_you_mean(precision, PRECISIONS)
            raise InputError(f"precision '{precision}'", expected=", ".join(PRECISIONS), cure=cure)
        self.path = path
        core = openvino.Core()
        if precision == "auto":
            precision = "bf16" if "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES") else "f32"
        settings: dict[str, Any] = {"INFERENCE_PRECISION_HINT": precision, "PERFORMANCE_HINT": "LATENCY"}
        if threads:
            settings["INFERENCE_NUM_THREADS"] = threads
        try:
            self.model = core.compile_model(core.read_model(path), "CPU", settings)
        except Exception as error:  # whatever a reader of foreign files raises
            raise RunError(str(path), found=first_line(error), expected="a graph that OpenVINO compiles") from error
        self.provider = f"OpenVINO CPU {precision}"
        self.least_db = LEAST_BF16_DB if precision == "bf16" else math.inf

    def run(self, outputs: Sequence[str], feeds: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        """The named outputs for inputs by name."""
        try:
            request = self.model.create_infer_request()
            request.infer(dict(feeds))
            return [np.array(request.get_tensor(name).data) for name in outputs]
        except Exception as error:
            raise RunError(f"{self.path.name} on {self.provider}", found=first_line(error)) from error
