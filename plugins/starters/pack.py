"""Makes a starter of a trained bundle: `python -m crosscade.plugins.starters.pack BUNDLE FOLDER LICENCE`.

It keeps one direction's networks but for the deepest level's, in half precision: those that both directions share.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from ...framework import InputError, load
from ...framework.support import atomic, tensor_files


def pack(bundle: Path, folder: Path, licence: str) -> None:
    """Writes the starter. InputError when the bundle's directions have networks of their own."""
    whole = load(bundle)
    deepest = whole.recipe.translate[0].level
    kept = {}
    for name in (n.removeprefix("a2b/") for n in whole.manifest["files"] if n.startswith("a2b/")):
        tensors, others = (tensor_files.read(whole.folder / side / name) for side in ("a2b", "b2a"))
        if name == f"level{deepest}.safetensors":
            continue
        if any(not torch.equal(value, others[key]) for key, value in tensors.items()):
            raise InputError(f"{whole.folder}/a2b/{name}", found="other weights than b2a's", expected="shared = true")
        kept[f"a2b/{name}"] = {key: value.half() for key, value in tensors.items()}
    kept["statistics.safetensors"] = tensor_files.read(whole.folder / "statistics.safetensors")
    for name, tensors in kept.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        tensor_files.write(folder / name, tensors)
    (folder / "recipe.json").write_bytes((whole.folder / "recipe.json").read_bytes())
    names = [*kept, "recipe.json"]
    manifest = {**whole.manifest, "licence": licence, "files": {name: atomic.sha256(folder / name) for name in names}}
    atomic.write_json(folder / "bundle.json", manifest)


if __name__ == "__main__":
    pack(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
