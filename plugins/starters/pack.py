"""Makes a starter of a trained bundle: `python -m crosscade.plugins.starters.pack BUNDLE FOLDER LICENCE`.

It keeps what both directions share, in half precision: the translators of all levels but the deepest, the inverters.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from ...framework import InputError, load
from ...framework.support import atomic, tensor_files

KEPT = ("format", "domains", "image", "encoder", "components", "versions", "command", "precision", "threads", "device")
"""What a starter's manifest says of how it was trained."""


def pack(bundle: Path, folder: Path, licence: str) -> None:
    """Writes the starter. InputError when the bundle's directions have networks of their own."""
    whole = load(bundle)
    deepest, *_, shallowest = (stage.level for stage in whole.recipe.translate)
    kept = {}
    for name in (n.removeprefix("a2b/") for n in whole.manifest["files"] if n.startswith("a2b/")):
        tensors, others = (tensor_files.read(whole.folder / side / name) for side in ("a2b", "b2a"))
        if name in (f"level{deepest}.safetensors", f"inverter{shallowest}.safetensors"):
            continue  # not translated, and what the refined inverter was before
        if any(not torch.equal(value, others[key]) for key, value in tensors.items()):
            raise InputError(f"{whole.folder}/a2b/{name}", found="other weights than b2a's", expected="shared = true")
        kept[f"a2b/{name}"] = {key: value.half() for key, value in tensors.items()}
    kept["statistics.safetensors"] = tensor_files.read(whole.folder / "statistics.safetensors")
    for name, tensors in kept.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        tensor_files.write(folder / name, tensors)
    (folder / "recipe.json").write_bytes((whole.folder / "recipe.json").read_bytes())
    names = [*kept, "recipe.json"]
    manifest = {key: whole.manifest[key] for key in KEPT if key in whole.manifest}
    files = {name: atomic.sha256(folder / name) for name in names}
    atomic.write_json(folder / "bundle.json", {**manifest, "licence": licence, "files": files}, sealed=True)


if __name__ == "__main__":
    pack(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
