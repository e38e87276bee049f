"""Reading files of pre-trained weights: the file must be there and be the one that is meant."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import cast

import torch
from torch import Tensor

from ..errors import InputError
from . import atomic

SUFFIXES, MOST_BYTES = (".pth", ".pt", ".bin", ".h5", ".safetensors"), 8 << 30


def checked(path: Path, where: str, *, sha256: str = "", cure: str = "") -> Path:
    """`path` when it exists and its SHA-256 begins with `sha256` (empty: not checked); else `InputError`.

    A loader that only looks at the name would train on a truncated or swapped file without a word.
    """
    if not path.is_file():
        raise InputError(where, found=f"no file at {path}", expected="a file of weights", cure=cure)
    if path.suffix not in SUFFIXES or path.stat().st_size > MOST_BYTES:
        # a bundle may name any file of this machine, which must not even be read
        expected = f"{', '.join(SUFFIXES)} of at most {MOST_BYTES >> 30} GiB"
        raise InputError(where, found=f"{path}, no file of weights", expected=expected, cure=cure)
    if sha256 and not (digest := atomic.sha256(path)).startswith(sha256):
        raise InputError(
            f"{where} ({path})",
            found=f"SHA-256 {digest[:16]}…",
            expected=f"one that begins with {sha256[:16]}",
            cure="The file is damaged or another one: fetch it again, or set verify = false if it is meant.",
        )
    return path


def load_state(path: Path, where: str) -> Mapping[str, Tensor]:
    """The tensors of a `.pth` file, read without running any code that the file holds."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise InputError(
            f"{where} ({path})",
            found=f"a file that cannot be read as weights ({type(error).__name__})",
            expected="a PyTorch state dict",
        ) from error
    if not isinstance(state, Mapping) or not all(isinstance(v, Tensor) for v in state.values()):
        raise InputError(f"{where} ({path})", found=type(state).__name__, expected="a PyTorch state dict of tensors")
    return cast(Mapping[str, Tensor], state)


def load_h5(path: Path, where: str) -> Mapping[str, Tensor]:
    """All arrays of an HDF5 file, by their full names."""
    try:
        import h5py
    except ImportError as error:
        raise InputError(
            where,
            found="no package h5py",
            expected="it, to read the file of weights",
            cure="pip install 'crosscade[hed]'.",
        ) from error
    state: dict[str, Tensor] = {}

    def keep(name: str, item: object) -> None:
        if isinstance(item, h5py.Dataset):
            state[name] = torch.from_numpy(item[()])

    try:
        with h5py.File(path, "r") as file:
            file.visititems(keep)
    except OSError as error:
        raise InputError(f"{where} ({path})", found="a file that is not HDF5", expected="Keras weights") from error
    return state


def taken(state: Mapping[str, Tensor], name: str, shape: tuple[int, ...], where: str) -> Tensor:
    """`state[name]` when it is there with exactly that shape; else `InputError`."""
    tensor = state.get(name)
    if tensor is None or tuple(tensor.shape) != shape:
        raise InputError(
            f"{where}, tensor {name}",
            found="none" if tensor is None else f"shape {tuple(tensor.shape)}",
            expected=f"shape {shape}",
            cure="These are the weights of another network.",
        )
    return tensor.float()
