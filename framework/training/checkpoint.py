"""Everything that a stage's training needs to go on as if it had never stopped.

One safetensors file holds every tensor; `checkpoint.json`, renamed into place after it, names it and its SHA-256. A
kill at any moment leaves the last whole checkpoint.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import InputError
from ..support import atomic, tensor_files
from ..support.tensor_files import Tensors


def save(folder: Path, tensors: Mapping[str, Tensor], meta: Mapping[str, Any]) -> None:
    """Writes a checkpoint and forgets the one before it."""
    name = f"checkpoint-{meta['stage']}-{meta['step']}.safetensors"
    tensor_files.write(folder / name, tensors)
    atomic.write_json(folder / "checkpoint.json", {"file": name, "sha256": atomic.sha256(folder / name), **meta})
    _forget(folder, but=name)


def load(folder: Path) -> tuple[Tensors, dict[str, Any]] | None:
    """The last checkpoint's tensors and meta, or None."""
    pointer = folder / "checkpoint.json"
    if not pointer.exists():
        return None
    meta = atomic.read_json(pointer, "what a checkpoint holds")
    path = folder / meta["file"]
    if not path.exists() or atomic.sha256(path) != meta["sha256"]:
        raise InputError(
            str(path),
            found="a checkpoint that is missing or changed",
            expected=f"sha256 {meta['sha256'][:12]}…",
            cure="Delete checkpoint.json to start this stage again.",
        )
    return tensor_files.read(path), meta


def clear(folder: Path) -> None:
    """Forget the checkpoint: its stage is done."""
    (folder / "checkpoint.json").unlink(missing_ok=True)
    _forget(folder)


def _forget(folder: Path, but: str = "") -> None:
    # by pattern: a kill between the two files of a checkpoint leaves tensors that no pointer names
    for path in folder.glob("checkpoint-*.safetensors"):
        if path.name != but:
            path.unlink(missing_ok=True)


def digest(tensors: Mapping[str, Tensor], meta: Mapping[str, Any]) -> str:
    """SHA-256 of a whole training state: every weight, moment and counter. Equal runs have equal digests."""
    hasher = hashlib.sha256(json.dumps(dict(meta), sort_keys=True).encode())
    for name in sorted(tensors):
        value = tensors[name].detach().cpu().contiguous()
        hasher.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        hasher.update(value.flatten().view(torch.uint8).numpy().tobytes())
    return hasher.hexdigest()


def optimiser_tensors(prefix: str, optimiser: torch.optim.Optimizer) -> Tensors:
    """An optimiser's state as flat tensors: `prefix.<parameter index>.<name>`."""
    state = optimiser.state_dict()["state"]
    return {f"{prefix}.{k}.{name}": value for k, values in state.items() for name, value in values.items()}


def restore_optimiser(prefix: str, optimiser: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Puts the state back in each parameter's own memory format.

    Fused Adam walks memory linearly: contiguous moments beside channels-last weights give wrong updates and no error.
    """
    parameters = [p for group in optimiser.param_groups for p in group["params"]]
    for k, parameter in enumerate(parameters):
        start = f"{prefix}.{k}."
        values = {name[len(start) :]: v for name, v in tensors.items() if name.startswith(start)}
        if not values:
            continue
        optimiser.state[parameter] = {
            name: torch.empty_like(parameter, memory_format=torch.preserve_format).copy_(v)
            if v.shape == parameter.shape and v.dim()
            else v.to(parameter.device, copy=True)
            for name, v in values.items()
        }


def module_tensors(prefix: str, module: nn.Module) -> Tensors:
    """A module's parameters and buffers as `prefix.<name>`."""
    return {f"{prefix}.{name}": value for name, value in module.state_dict().items()}


def restore_module(prefix: str, module: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Copies `prefix.<name>` into the module (in place, so memory formats stay)."""
    start = f"{prefix}."
    module.load_state_dict({name[len(start) :]: v for name, v in tensors.items() if name.startswith(start)})
