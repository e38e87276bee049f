"""Everything that a stage's training needs to go on as if it had never stopped.

One safetensors file holds every tensor; `checkpoint.json`, renamed into place after it, names it and its SHA-256, holds
the counters and is sealed itself. A kill at any moment leaves the last whole checkpoint, and `checkpoint-before.json`
the one before it, for a disk that does not keep what it was given.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import InputError
from ..support import atomic, tensor_files
from ..support.tensor_files import Tensors

POINTERS = ("checkpoint.json", "checkpoint-before.json")
COUNTERS = ("stage", "step", "critic_step")


def save(folder: Path, tensors: Mapping[str, Tensor], meta: Mapping[str, Any]) -> None:
    """Writes a checkpoint, keeps the one before it and forgets older ones."""
    name = _name(meta)
    newest, before = (folder / pointer for pointer in POINTERS)
    if newest.exists() and not (folder / name).exists():  # else it is the same once more
        atomic.write_bytes(before, newest.read_bytes())
    tensor_files.write(folder / name, tensors)
    atomic.write_json(newest, {"file": name, "sha256": atomic.sha256(folder / name), **meta}, sealed=True)
    _forget(folder)


def newest(folder: Path, warn: Callable[[str], object]) -> dict[str, Any] | None:
    """The meta of the newest checkpoint that is whole, None where there is none; one that is damaged is forgotten.

    `warn` is told of that. Raises InputError when all there are are damaged.
    """
    damaged: list[InputError] = []
    for pointer in (folder / name for name in POINTERS):
        try:
            if meta := _checked(pointer):
                if damaged:
                    warn(f"{damaged[0]}. The checkpoint before it, of step {meta['step']}, is taken.")
                    (folder / POINTERS[0]).unlink(missing_ok=True)
                return meta
        except InputError as error:
            damaged.append(error)
    if damaged:
        cure = f"Delete {' and '.join(POINTERS)} in this folder to start the stage again."
        raise damaged[0].at(damaged[0].where, cure)
    return None


def glance(folder: Path) -> tuple[Tensors, dict[str, Any]] | None:
    """As `load`, of a run that may be at work: nothing is removed, what it replaces meanwhile is looked for again."""
    for pointer in POINTERS * 2:
        with suppress(InputError, OSError):
            if meta := _checked(folder / pointer):
                return tensor_files.read(folder / meta["file"]), meta
    return None


def load(folder: Path, warn: Callable[[str], object] = print) -> tuple[Tensors, dict[str, Any]] | None:
    """The newest whole checkpoint's tensors and meta, or None."""
    meta = newest(folder, warn)
    return None if meta is None else (tensor_files.read(folder / meta["file"]), meta)


def clear(folder: Path) -> None:
    """Forget the checkpoints: their stage is done."""
    for name in POINTERS:
        (folder / name).unlink(missing_ok=True)
    _forget(folder)


def _name(meta: Mapping[str, Any]) -> str:
    return f"checkpoint-{meta['stage']}-{meta['step']}.safetensors"


def _checked(pointer: Path) -> dict[str, Any] | None:
    """The meta in a pointer, None where there is no such file. InputError when it or its tensors were changed."""
    if not pointer.exists():
        return None
    meta = atomic.read_json(pointer, "what a checkpoint holds")
    if not all(isinstance(meta.get(key), int) for key in COUNTERS) or meta.get("file") != _name(meta):
        raise InputError(str(pointer), found=f"{meta!r:.100}", expected="what a checkpoint holds")
    path = pointer.with_name(meta["file"])
    if not path.exists() or atomic.sha256(path) != meta.get("sha256"):
        found, expected = "a checkpoint that is missing or changed", f"sha256 {meta.get('sha256')!s:.12}…"
        raise InputError(str(path), found=found, expected=expected)
    return meta


def _forget(folder: Path) -> None:
    # by pattern: a kill between the two files of a checkpoint leaves tensors that no pointer names
    named = set()
    for pointer in POINTERS:
        with suppress(InputError):
            named.add(atomic.read_json(folder / pointer, "what a checkpoint holds").get("file"))
    for path in folder.glob("checkpoint-*.safetensors"):
        if path.name not in named:
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
    try:
        module.load_state_dict({name[len(start) :]: v for name, v in tensors.items() if name.startswith(start)})
    except RuntimeError as error:
        raise InputError(
            f"the checkpoint's '{prefix}'",
            found="tensors of another module",
            expected=type(module).__name__,
            cure=f"Go on with the version that wrote it, or begin again ({str(error).splitlines()[-1].strip():.80}).",
        ) from None
