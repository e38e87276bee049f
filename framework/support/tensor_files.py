"""Tensors in safetensors files: no pickle, written wholly or not at all."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from ..errors import InputError
from . import atomic

Tensors = dict[str, Tensor]


def write(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """A safetensors file, atomically."""
    whole = {k: v.detach().cpu().contiguous() for k, v in tensors.items()}

    def fill(part: Path) -> None:
        part.touch()
        mode = part.stat().st_mode  # the user's; safetensors lets nobody else read its files
        try:
            save_file(whole, part)
            part.chmod(mode)
        except SafetensorError as error:  # holds the system's code in its text only
            code = re.search(r"os error (\d+)", str(error))
            if code is None:
                raise
            raise OSError(int(code[1]), os.strerror(int(code[1])), str(path)) from error

    atomic.write(path, fill)


def refuse_non_finite(tensors: Mapping[str, Tensor], where: str) -> None:
    """InputError when a number is none: networks would make black pictures of it, without a word."""
    for name, value in tensors.items():
        if value.is_floating_point() and not bool(torch.isfinite(value).all()):
            raise InputError(where, found=f"'{name}' with values that are not finite", expected="finite weights")


def shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """The shapes of a safetensors file's tensors, which are not read; InputError when it is not one."""
    try:
        with safe_open(path, framework="pt") as file:
            return {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
    except Exception as error:
        raise InputError(str(path), found=f"not a readable safetensors file ({error})") from None


def read(path: Path) -> Tensors:
    """All tensors of a safetensors file; InputError when it is not one."""
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    except Exception as error:
        raise InputError(str(path), found=f"not a readable safetensors file ({error})") from None
