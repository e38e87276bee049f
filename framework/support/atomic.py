"""Writes that either happen wholly or not at all, and the hashes that prove it. Torch-free."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..errors import InputError, RunError

SEAL = "seal"
"""The key of a JSON file's own hash."""
MOST_TEXT = 64 << 20
"""Bytes of a text file that is read whole."""
LONGEST_NAME = 40
"""Characters of a file's name that its temporary file has."""
DEEPEST = 50
"""Brackets in each other, more than any file of ours has."""


def write(path: Path, fill: Callable[[Path], object], *, sync: bool = True) -> None:
    """Let `fill` write a temporary file beside `path`, then rename it into place; RunError when the disk refuses.

    `sync` waits until file and folder are on the disk: without it, a power cut may lose them.
    """
    part = path.with_name(f".{path.name[:LONGEST_NAME]}.{secrets.token_hex(4)}.part")  # two processes never meet in one
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fill(part)
        if sync:
            with part.open("rb+") as handle:
                os.fsync(handle.fileno())
        part.replace(path)
        if sync:
            sync_folder(path.parent)
    except OSError as error:
        raise disk_error(path, error) from error
    finally:
        with suppress(OSError):  # its own failure must not hide the first
            part.unlink(missing_ok=True)


def write_bytes(path: Path, data: bytes, *, sync: bool = True) -> None:
    """`path` becomes `data`."""
    write(path, lambda part: part.write_bytes(data), sync=sync)


def write_json(path: Path, value: Any, *, sealed: bool = False) -> None:
    """`path` becomes `value` as indented JSON; `sealed` with its own hash beside it, which `read_json` checks."""
    whole = {**value, SEAL: _seal(value)} if sealed else value
    text = json.dumps(whole, indent=2, ensure_ascii=False) + "\n"
    # a file's name may be bytes that are no text: JSON reads what stands for them back as they were
    write_bytes(path, text.encode("utf-8", "backslashreplace"))


def _seal(value: Mapping[str, Any]) -> str:
    read_again = json.loads(json.dumps(value))  # in which every key is a text
    return hashlib.sha256(json.dumps(read_again, sort_keys=True).encode()).hexdigest()


def sync_folder(folder: Path) -> None:
    """The folder's names are on the disk."""
    if os.name == "nt":
        return  # Windows has no fsync of a folder
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


FULL = frozenset({errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)})
"""The codes of a full disk and of a used-up quota."""


def disk_error(path: Path, error: OSError) -> RunError:
    """An OSError while writing, as a line that says what to do."""
    if error.errno in FULL:
        free = shutil.disk_usage(path.parent if path.parent.exists() else Path.cwd()).free
        return RunError(
            str(path),
            found=f"disk full ({free / 2**20:.0f} MiB free)",
            cure="Free some space, then go on (a run: with --resume).",
        )
    return RunError(str(path), found=f"{error.strerror or error}", cure="Check that the folder can be written.")


def reserve(path: Path) -> None:
    """Takes the disk space of a file whose length is set but whose blocks are not.

    Writing to a memory map of such a file on a full disk ends the process with a signal that nobody can catch;
    this raises OSError instead, in time.
    """
    size = path.stat().st_size
    if hasattr(os, "posix_fallocate"):
        with path.open("rb+") as handle:
            os.posix_fallocate(handle.fileno(), 0, size)
    elif shutil.disk_usage(path.parent).free < size:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))


def clear_parts(folder: Path) -> None:
    """Removes the files that writes which were cut off left below a folder. A folder of that name is an export's."""
    for part in [*folder.rglob(".*.part"), *folder.rglob(".*.part.npy")]:
        if not part.is_dir():
            part.unlink(missing_ok=True)


def clear_parts_of(paths: Iterable[Path]) -> None:
    """Removes what writes of these files that were cut off left beside them."""
    names: dict[Path, set[str]] = {}
    for path in paths:
        names.setdefault(path.parent, set()).add(path.name[:LONGEST_NAME])
    for folder, known in names.items():
        for part in folder.glob(".*.part"):
            if part.name[1 : -len(".01234567.part")] in known:
                part.unlink(missing_ok=True)


def sha256(path: Path) -> str:
    """Hex SHA-256 of a regular file. InputError for what else has a name, which may never end."""
    if path.exists() and not path.is_file():
        raise InputError(str(path), found="no regular file", expected="a file")
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def read_text(path: Path, expected: str, most: int = MOST_TEXT) -> str:
    """The text in a regular file of at most so many bytes: what else has a name may never end."""
    try:
        if not path.is_file():
            found = "no regular file" if path.exists() else "no such file"
            raise InputError(str(path), found=found, expected=expected)
        if (size := path.stat().st_size) > most:
            raise InputError(str(path), found=f"{size} bytes", expected=f"{expected}, of at most {most}")
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InputError(str(path), found=f"no UTF-8 ({error.reason} at {error.start})", expected=expected) from None
    except OSError as error:
        raise InputError(str(path), found=f"{error.strerror or error}", expected=expected) from None


def parsed(text: str, parse: Callable[[str], Any] = json.loads) -> Any:
    """What `parse` makes of a text; ValueError for what is deeper than anything of ours."""
    try:
        value = parse(text)
    except RecursionError:
        raise ValueError("brackets without end") from None
    level = [value]
    for _ in range(DEEPEST):
        level = [v for each in level for v in _inside(each) if isinstance(v, (dict, list))]
        if not level:
            return value
    raise ValueError(f"more than {DEEPEST} brackets in each other")


def _inside(value: Any) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()


def read_json(path: Path, expected: str, *formats: str, most: int = MOST_TEXT) -> dict[str, Any]:
    """The object in a JSON file of at most `most` bytes. InputError when it holds anything else, when it is not what
    its seal was made for, or has a `format` that is none of `formats`.
    """
    try:
        value = parsed(read_text(path, expected, most))
    except ValueError as error:  # numbers of thousands of digits are others than of JSON
        raise InputError(str(path), found=f"not JSON ({error!s:.120})", expected=expected) from None
    if not isinstance(value, dict):
        raise InputError(str(path), found=f"{value!r:.60}", expected=expected)
    seal = value.pop(SEAL, None)
    if seal is not None and seal != _seal(value):
        raise InputError(str(path), found="changed since it was written", expected=expected)
    if formats and value.get("format") not in formats:
        cure = "Use the version of crosscade that wrote it."
        found = f"format {value.get('format')!r:.60}"
        raise InputError(str(path), found=found, expected=" or ".join(formats), cure=cure)
    return value
