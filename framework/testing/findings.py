"""What a `FakeGpu` finds, and where."""

from __future__ import annotations

import linecache
import os
import sys
from pathlib import Path
from typing import Any

import torch
from attrs import frozen

TOOL = ("backward", "fake_gpu", "findings")
"""The modules whose own lines are none."""
UNREPEATABLE = {
    f"aten::{name}"
    for name in (
        *(f"reflection_pad{n}d_backward" for n in (1, 2, 3)),
        *(f"upsample_{kind}_backward" for kind in ("linear1d", "bilinear2d", "bicubic2d", "trilinear3d")),
        *(f"_upsample_{kind}2d_aa_backward" for kind in ("bilinear", "bicubic")),
        *(f"_adaptive_avg_pool{n}d_backward" for n in (2, 3)),
        *(f"adaptive_max_pool{n}d_backward" for n in (2, 3)),
        *(f"fractional_max_pool{n}d_backward" for n in (2, 3)),
        *(f"grid_sampler_{n}d_backward" for n in (2, 3)),
        *("avg_pool3d_backward", "max_unpool2d", "max_unpool3d", "nll_loss2d_forward", "_ctc_loss_backward"),
        *("histc", "put_", "kthvalue"),
    )
}
"""What has no deterministic kernel on a GPU (see `torch.use_deterministic_algorithms`)."""


@frozen
class Wait:
    """A place where a program waits for the GPU."""

    why: str
    where: str
    """`file:line`."""
    line: str

    def __str__(self) -> str:
        return f"{self.where}: `{self.line}` waits for the GPU: {self.why}"


class FakeGpuError(RuntimeError):
    """What a GPU refuses, with the line."""

    def __init__(self, reason: str) -> None:
        where, line = place()
        super().__init__(f"{where}: `{line}`: {reason}")


def place() -> tuple[str, str]:
    """The innermost line that is neither PyTorch's nor of this tool: its `file:line` and its text."""
    inside = (str(Path(torch.__file__).parent), *(str(Path(__file__).with_name(f"{name}.py")) for name in TOOL))
    frame: Any = sys._getframe(1)
    while frame.f_back and frame.f_code.co_filename.startswith((*inside, "<")):
        frame = frame.f_back
    file, number = frame.f_code.co_filename, frame.f_lineno
    near = os.path.relpath(file) if Path(file).is_relative_to(Path.cwd()) else file
    return f"{near}:{number}", linecache.getline(file, number).strip()
