"""An export folder is looked at before anything of it runs: `check_folder`. Torch-free, and without the `onnx` package.

Only files that the manifest names are opened. Their sizes are compared before they are hashed, their hashes before they
are read, and each graph is read (`graph`) before a runtime sees it.
"""

from __future__ import annotations

from collections.abc import Iterable
from os.path import realpath
from pathlib import Path, PurePosixPath

from ...framework import DIRECTIONS, InputError
from ...framework.support import atomic
from . import manifest
from .graph import MAX_FILE, Facts, check_graph
from .manifest import INPUT, MASK, OUTPUT, STYLE, Graph, Manifest
from .tensors import Value

MAX_FILES = 256
COPY_AGAIN = "Copy or export it again."


def check_folder(folder: Path) -> Manifest:
    """The manifest of the export in `folder`, when every file is what it says; else InputError says which is not."""
    contents = _manifest(folder)
    where = str(folder / manifest.NAME)
    if not contents.directions or not contents.directions.keys() <= set(DIRECTIONS):
        raise _bad(where, f"directions {sorted(contents.directions)!r:.80}", " or ".join(DIRECTIONS))
    if len(contents.files) > MAX_FILES:
        raise _bad(where, f"{len(contents.files)} files", f"at most {MAX_FILES}")
    for name, file in contents.files.items():
        path, size = _inside(folder, name), min(file.bytes, MAX_FILE)
        if path.stat().st_size != size:
            raise _bad(str(folder / name), f"{path.stat().st_size} bytes", f"{file.bytes}, of less than {MAX_FILE}")
    for name, file in contents.files.items():
        if (digest := atomic.sha256(folder / name)) != file.sha256:
            raise _bad(str(folder / name), f"sha256 {digest[:12]}…", f"{file.sha256[:12]}…, as the manifest says")
    for key, direction in contents.directions.items():
        named = [direction.file, *(name for golden in direction.golden for name in golden.files)]
        missing = [name for name in named if name not in contents.files]
        if missing or not direction.golden or PurePosixPath(direction.file).suffix != ".onnx":
            raise _bad(f"{where}: {key}", f"{(missing or named)!r:.120}", "an .onnx file and pictures named in `files`")
        if OUTPUT not in direction.outputs or not all(isinstance(name, str) for name in direction.outputs):
            raise _bad(f"{where}: {key}", f"outputs {direction.outputs!r:.80}", f"names, {OUTPUT} among them")
        if not all(bool(golden.mask) == (MASK in direction.outputs) for golden in direction.golden):
            raise _bad(f"{where}: {key}", f"outputs {direction.outputs!r:.80}", "a mask, and golden ones, or none")
        _check_interface(folder / direction.file, check_graph(folder / direction.file), contents, direction)
    return contents


def _manifest(folder: Path) -> Manifest:
    if (folder / manifest.NAME).exists():
        _inside(folder, manifest.NAME)
    return manifest.read(folder)


def _inside(folder: Path, name: str) -> Path:
    """A regular file of the folder; a name or link that leaves it is refused."""
    parts = PurePosixPath(name).parts
    plain = len(name) < 256 and name.isprintable() and not {"\\", ":"} & {*name} and not {"/", ".."} & {*parts}
    path = folder / name
    if not plain or not Path(realpath(path)).is_relative_to(realpath(folder)):
        raise _bad(str(folder), f"file {name!r:.80}, which leaves it", "files of its own")
    if not path.is_file():
        raise _bad(str(path), "no file" if not path.exists() else "no regular file", "one, as the manifest names it")
    return path


def _check_interface(path: Path, facts: Facts, of: Manifest, direction: Graph) -> None:
    image, mask = Value("uint8", (None, of.size, of.size, 3)), Value("uint8", (None, of.size, of.size))
    inputs = {INPUT: image}
    if direction.style_size:
        inputs[STYLE] = Value("float32", (None, direction.style_size))
    if facts.opset != of.opset:
        raise _bad(str(path), f"opset {facts.opset}", f"{of.opset}, as the manifest says")
    for title, actual, expected in (
        ("inputs", facts.inputs, inputs),
        ("outputs", facts.outputs, {name: mask if name == MASK else image for name in direction.outputs}),
    ):
        if actual.keys() != expected.keys() or not all(_fits(actual[name], expected[name]) for name in expected):
            raise _bad(f"{path}: {title}", _shown(actual.items()), _shown(expected.items()))


def _fits(found: Value, expected: Value) -> bool:
    """Equal but for the first dimension, which may be any."""
    return found.type == expected.type and len(found.dims) > 0 and found.dims[1:] == expected.dims[1:]


def _shown(values: Iterable[tuple[str, Value]]) -> str:
    return f"{', '.join(f'{n} {v.type}{list(v.dims)}' for n, v in values) or 'none':.200}".replace("None", "N")


def _bad(where: str, found: str, expected: str) -> InputError:
    return InputError(where, found=found, expected=expected, cure=COPY_AGAIN)
