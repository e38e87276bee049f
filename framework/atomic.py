"""Writes that either happen wholly or not at all, and the hashes that prove it. Torch-free."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .errors import InputError, RunError


def write(path: Path, fill: Callable[[Path], None]) -> None:
    """Let `fill` write a temporary file beside `path`, then rename it into place (fsync file and folder)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.part")
    try:
        fill(temporary)
        with temporary.open("rb+") as handle:
            os.fsync(handle.fileno())
        temporary.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise disk_error(path, error) from error
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_bytes(path: Path, data: bytes) -> None:
    """`path` becomes `data`."""
    write(path, lambda p: _put(p, data))


def write_json(path: Path, value: Any) -> None:
    """`path` becomes `value` as indented JSON."""
    write_bytes(path, (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode())


def _put(path: Path, data: bytes) -> None:
    path.write_bytes(data)


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":
        return  # Windows has no fsync of a folder
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def disk_error(path: Path, error: OSError) -> RunError:
    """An OSError while writing, as a line that says what to do."""
    if error.errno == errno.ENOSPC:
        free = shutil.disk_usage(path.parent if path.parent.exists() else Path.cwd()).free
        return RunError(
            str(path), found=f"disk full ({free / 2**20:.0f} MiB free)", cure="Free some space, then --resume."
        )
    return RunError(str(path), found=f"{error.strerror or error}", cure="Check that the folder can be written.")


def sha256(path: Path) -> str:
    """Hex SHA-256 of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as handle:
        while block := handle.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def empty_folder(folder: Path, *, force: bool, hint: str = "--force overwrites it") -> Path:
    """`folder`, existing and empty; a non-empty one is refused unless `force`, which clears it."""
    if folder.is_file():
        raise InputError(str(folder), found="a file", expected="a folder to write to")
    if folder.exists() and any(folder.iterdir()):
        if not force:
            raise InputError(str(folder), found="a folder that is not empty", expected="an empty or new one", cure=hint)
        shutil.rmtree(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise disk_error(folder, error) from error
    return folder
