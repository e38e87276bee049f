"""Makes a starter of a trained bundle: `python -m crosscade.plugins.starters.pack BUNDLE FOLDER LICENCE`.

It keeps what both directions share, in half precision: the translators of all levels but the deepest, the inverters.
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...framework import InputError, Reporter, load
from ...framework.cli import Parser, answered
from ...framework.support import atomic
from ...framework.support.folders import Held, is_new, refuse_overlap

if TYPE_CHECKING:
    from ...framework import Bundle

KEPT = ("format", "domains", "image", "encoder", "components", "versions", "command", "precision", "threads", "device")
"""What a starter's manifest says of how it was trained."""


def pack(bundle: Path, folder: Path, licence: str) -> list[str]:
    """Writes the starter into a new folder; the files of its networks.

    InputError when the bundle's directions have networks of their own, and for a folder that is not new or overlaps it.
    """
    from ...framework.support import tensor_files

    whole = load(bundle)
    with Held(folder, partial(_refuse, folder, [bundle, whole.folder])) as held:
        kept = _kept(whole)
        statistics = {"statistics.safetensors": tensor_files.read(whole.folder / "statistics.safetensors")}

        def fill(made: Path) -> None:
            for name, tensors in {**kept, **statistics}.items():
                (made / name).parent.mkdir(exist_ok=True)
                tensor_files.write(made / name, tensors)
            (made / "recipe.json").write_bytes((whole.folder / "recipe.json").read_bytes())
            manifest = {key: whole.manifest[key] for key in KEPT if key in whole.manifest}
            files = {name: atomic.sha256(made / name) for name in [*kept, *statistics, "recipe.json"]}
            atomic.write_json(made / "bundle.json", {**manifest, "licence": licence, "files": files}, sealed=True)

        held.replace(fill)
    return list(kept)


def _refuse(folder: Path, inputs: list[Path]) -> None:
    refuse_overlap(folder, inputs)
    if not is_new(folder):
        raise InputError(str(folder), found="a folder that is not empty", expected="a new one", cure="Give another.")


def _kept(whole: Bundle) -> dict[str, dict[str, Any]]:
    """The tensors by the files that a starter has of a bundle."""
    import torch

    from ...framework.support import tensor_files

    levels, kept = [stage.level for stage in whole.recipe.translate], {}
    for name in (n.removeprefix("a2b/") for n in whole.manifest["files"] if n.startswith("a2b/")):
        tensors, others = (tensor_files.read(whole.folder / side / name) for side in ("a2b", "b2a"))
        if name in (f"level{levels[0]}.safetensors", f"inverter{levels[-1]}.safetensors"):
            continue  # not translated, and what the refined inverter was before
        if any(not torch.equal(value, others[key]) for key, value in tensors.items()):
            raise InputError(f"{whole.folder}/a2b/{name}", found="other weights than b2a's", expected="shared = true")
        kept[f"a2b/{name}"] = {key: value.half() for key, value in tensors.items()}
    if not kept:
        raise InputError(str(whole.folder), found="no network that others can begin with", expected="several levels")
    return kept


def main() -> int:
    """The command; returns its exit code."""
    form = Parser(prog=f"python -m {__spec__.name}", description=(__doc__ or "").partition("\n\n")[2])
    form.add_argument("bundle", type=Path, help="a run, or its bundle, whose directions share these networks")
    form.add_argument("folder", type=Path, help="a new folder for the starter")
    form.add_argument("licence", help="of the weights: the starter says it")
    arguments = form.parse_args()
    names = pack(arguments.bundle, arguments.folder, arguments.licence)
    size = sum(file.stat().st_size for file in arguments.folder.rglob("*") if file.is_file())
    networks = ", ".join(Path(name).stem for name in names)
    Reporter().say(f"a starter in {arguments.folder}, {size / 1e6:.1f} MB: {networks}")
    return 0


if __name__ == "__main__":
    sys.exit(answered(main))
