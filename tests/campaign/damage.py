"""Ways in which a file is damaged by chance, or changed by someone who then makes its hashes fit."""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from crosscade.framework.support import atomic

VALUES: list[Any] = [
    None, True, -1, 0, 1, 2**31, 2**63, 1e308, -1e-308, 10**400, "", "\x1b[2J", "../../etc/passwd", "/dev/zero",
    "x" * 70_000, [], {}, [[[[]]]], ["a"], {"a": 1}, "zebra", 3.5, [1, 2, 3], "é\u202e",
]  # fmt: skip


def flip(chance: random.Random, data: bytearray) -> None:
    """One bit."""
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)


def overwrite(chance: random.Random, data: bytearray) -> None:
    """Some bytes by others."""
    at = chance.randrange(len(data))
    data[at : at + chance.choice((1, 4, 64))] = chance.randbytes(chance.choice((1, 4, 64)))


def zero(chance: random.Random, data: bytearray) -> None:
    """A block that the disk did not keep."""
    at, length = chance.randrange(len(data)), chance.choice((8, 512, 4096))
    data[at : at + length] = bytes(len(data[at : at + length]))


def cut(chance: random.Random, data: bytearray) -> None:
    """Its end."""
    del data[chance.randrange(len(data)) :]


def lengthen(chance: random.Random, data: bytearray) -> None:
    """More at its end."""
    data += chance.randbytes(chance.choice((1, 100, 10_000)))


def drop(chance: random.Random, data: bytearray) -> None:
    """Some bytes of its middle."""
    at = chance.randrange(len(data))
    del data[at : at + chance.choice((1, 8, 100))]


def double(chance: random.Random, data: bytearray) -> None:
    """Some bytes twice."""
    at = chance.randrange(len(data))
    data[at:at] = data[at : at + chance.choice((1, 8, 100))]


BYTES: list[Callable[[random.Random, bytearray], None]] = [flip, flip, overwrite, zero, cut, lengthen, drop, double]


def _nodes(value: Any) -> list[tuple[Any, Any]]:
    pairs = list(value.items()) if isinstance(value, dict) else list(enumerate(value))
    inner = [node for _, v in pairs if isinstance(v, dict | list) for node in _nodes(v)]
    return [(value, key) for key, _ in pairs] + inner


def change_json(chance: random.Random, text: str) -> str:
    """One value, key or bracket of it."""
    try:
        table = json.loads(text)
    except ValueError:
        return text + "}"
    holder, key = chance.choice(_nodes(table) or [(table, None)])
    match chance.randrange(5) if key is not None else 5:
        case 0 | 1 | 2:
            holder[key] = chance.choice(VALUES)
        case 3:
            del holder[key]
        case 4 if isinstance(holder, dict):
            holder[chance.choice(("", "extra", "format", "files"))] = chance.choice(VALUES)
        case _:
            return "[" * chance.choice((3, 60, 100_000)) + text
    return json.dumps(table)


def put_other(chance: random.Random, path: Path) -> str:
    """Something else under a file's name."""
    others = [p for p in path.parent.iterdir() if p.is_file() and p != path]
    way = chance.choice(("gone", "empty", "folder", "pipe", "itself", "device", "another"))
    path.unlink()
    match way:
        case "empty":
            path.touch()
        case "folder":
            path.mkdir()
        case "pipe":
            os.mkfifo(path)
        case "itself":
            path.symlink_to(path.name)
        case "device":
            path.symlink_to("/dev/zero")
        case "another" if others:
            shutil.copy(chance.choice(others), path)
    return way


def damage(chance: random.Random, path: Path) -> str:
    """Changes the file, or what has its name; says how."""
    if chance.random() < 0.1:
        return put_other(chance, path)
    data = bytearray(path.read_bytes())
    if path.suffix in (".json", ".jsonl") and chance.random() < 0.6:
        path.write_text(change_json(chance, data.decode()), encoding="utf-8")
        return "change of JSON"
    if path.suffix == ".safetensors" and chance.random() < 0.4:
        length = int.from_bytes(data[:8], "little")
        header = change_json(chance, data[8 : 8 + length].decode()).encode()
        path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(data[8 + length :]))
        return "change of a header"
    way = chance.choice(BYTES)
    if data:
        way(chance, data)
    path.write_bytes(data)
    return way.__name__


def rehash(folder: Path, path: Path) -> None:
    """Makes every hash that vouches for `path` fit, as whoever writes the folder can."""
    if path.suffix == ".json" and path.is_file():
        with suppress(ValueError, RecursionError):
            table = json.loads(path.read_text(encoding="utf-8"))
            if isinstance(table, dict) and atomic.SEAL in table:
                _write(path, table)
    for vouching in [p for p in folder.rglob("*.json") if p.is_file() and p != path]:
        try:
            table = json.loads(vouching.read_text(encoding="utf-8"))
            name = path.relative_to(vouching.parent).as_posix()
        except (ValueError, RecursionError):
            continue
        if not isinstance(table, dict) or not path.is_file():
            continue
        entry = table.get("files", {}).get(name) if isinstance(table.get("files"), dict) else None
        if isinstance(entry, dict):
            table["files"][name] = {"sha256": atomic.sha256(path), "bytes": path.stat().st_size}
        elif entry is not None:
            table["files"][name] = atomic.sha256(path)
        elif table.get("file") == name:
            table["sha256"] = atomic.sha256(path)
        else:
            continue
        _write(vouching, table)
        rehash(folder, vouching)


def _write(path: Path, table: Any) -> None:
    """With its seal, where it has one."""
    sealed = isinstance(table, dict) and table.pop(atomic.SEAL, None) is not None
    if sealed:
        atomic.write_json(path, table, sealed=True)
    else:
        path.write_text(json.dumps(table), encoding="utf-8")
