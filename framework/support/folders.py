"""Folders that commands write into: held by one process at a time, cleared only where nothing of others is lost.

A command's folder has a mark, a file that only this command writes. One with its mark may be gone on with; it is
cleared only when all that lies in it is the command's, and only once what takes its place is whole. Torch-free.
"""

from __future__ import annotations

import fnmatch
import glob
import os
import re
import secrets
import shutil
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType
from typing import IO, Any, Self

from attrs import define, field, frozen

from ..errors import CrosscadeError, InputError, RunError
from . import atomic

fcntl: ModuleType | None
try:
    import fcntl
except ImportError:  # Windows, where two processes in one folder are not noticed
    fcntl = None

LOCK = "lock"
LARGEST_MARK = 64 * 2**20
PART = re.compile(r"\..*\.part(\.npy)?")
"""The names of what a write leaves when it is cut off."""


@frozen
class Kind:
    """What a command makes in a folder."""

    what: str
    """Like `a run`."""
    mark: str
    """The file that only this command writes: JSON of one of the `formats`."""
    formats: Collection[str]
    wrote: Callable[[Mapping[str, Any]], Iterable[str]]
    """From what the mark holds, patterns of the files that the command wrote beside it."""

    def names(self, folder: Path) -> list[str]:
        """Patterns of what the command wrote into `folder`; none where its mark is not there."""
        path = folder / self.mark
        try:
            if not path.is_file() or path.stat().st_size > LARGEST_MARK:
                return []
            table = atomic.read_json(path, self.what)
            ours = table.get("format") in self.formats
            return [self.mark, LOCK, f"*/{LOCK}", *self.wrote(table)] if ours else []
        except (CrosscadeError, OSError, ValueError, TypeError, AttributeError, RecursionError):
            return []  # somebody else's file of that name may hold anything

    def others(self, folder: Path) -> list[str]:
        """The files and links below `folder` that the command did not write."""
        ours = re.compile("|".join(map(fnmatch.translate, self.names(folder))))
        found = []
        for where, folders, files in os.walk(folder):
            links = [name for name in folders if os.path.islink(os.path.join(where, name))]
            below = Path(where).relative_to(folder)
            names = ((below / name).as_posix() for name in [*files, *links] if not PART.fullmatch(name))
            found += [name for name in names if not ours.match(name)]
        return sorted(found)


def is_new(folder: Path) -> bool:
    """Whether nothing is in a folder, or it is not there: what a lock or a write that was cut off left is nothing."""
    return not folder.exists() or (folder.is_dir() and all(map(_nothing, folder.iterdir())))


def _nothing(path: Path) -> bool:
    return PART.fullmatch(path.name) is not None or (path.name == LOCK and _empty(path))


def _empty(path: Path) -> bool:
    return path.is_file() and not path.stat().st_size


def refuse_overlap(out: Path, inputs: Iterable[Path | str], *, where: str = "") -> None:
    """InputError when `out` is, holds or lies in something that is read."""
    here = out.resolve()
    for given in inputs:
        there = Path(given).resolve()
        if here == there or here in there.parents or there in here.parents:
            found = f"a folder that overlaps {given}, which is read"
            raise InputError(where or str(out), found=found, expected="one apart from it", cure="Give another place.")


def paths_in(values: Any) -> Iterator[Path]:
    """What plain values (a recipe's) name: files, and folders by a path of more than a word."""
    if isinstance(values, str):
        if os.path.isfile(values) or ({"/", os.sep} & {*values} and os.path.exists(values)):
            yield Path(values)
    elif isinstance(values, Mapping | list | tuple):
        for value in values.values() if isinstance(values, Mapping) else values:
            yield from paths_in(value)


def check(folder: Path, kind: Kind, *, force: bool = False, resume: bool = False, hint: str = "") -> None:
    """InputError unless `folder` is new, one of its kind to go on with (`resume`), or one to clear (`force`).

    `hint` says what to do with one of its kind where neither was asked for.
    """
    if folder.exists() and not folder.is_dir():
        raise InputError(str(folder), found="a file", expected="a folder to write to", cure="Give another.")
    if is_new(folder):
        return
    damaged = resume and (folder / kind.mark).exists()  # which its reader says better
    if not kind.names(folder) and not damaged:
        found = f"a folder that is not empty, and not {kind.what}"
        raise InputError(str(folder), found=found, expected="an empty or new one", cure="Give another.")
    if force and (others := kind.others(folder)):
        listed = ", ".join(others[:3]) + (f" and {len(others) - 3} more" if len(others) > 3 else "")
        found = f"what is not of {kind.what}: {listed}"
        raise InputError(str(folder), found=found, expected="nothing else to clear", cure="Move it, or give another.")
    if not force and not resume:
        raise InputError(str(folder), found="a folder that is not empty", expected="an empty or new one", cure=hint)


def refuse_clearing(folder: Path, inputs: Iterable[Path | str]) -> None:
    """InputError when clearing `folder` would take what is read, the working directory or the user's home with it."""
    if is_new(folder):
        return
    here = folder.resolve()
    for precious in (Path.cwd(), Path.home()):
        if here == precious.resolve() or here in precious.resolve().parents:
            raise InputError(
                str(folder), found=f"a folder that holds {precious}", expected="one to clear", cure="Give another."
            )
    refuse_overlap(folder, inputs)


@define(eq=False)
class Held:
    """A folder that this process alone works at while it is entered, made where it is not there.

    `allowed` raises for one that the command must not have: before anything is made in it, and again once it is held.
    """

    folder: Path
    allowed: Callable[[], None]
    _locks: list[IO[str]] = field(factory=list, init=False)
    _made: list[Path] = field(factory=list, init=False)

    def __enter__(self) -> Self:
        _take_back(self.folder.resolve())
        self.allowed()
        self._made = [path for path in (self.folder, *self.folder.parents) if not path.exists()]
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._locks += locked(self.folder)
            self.allowed()
        except BaseException as error:
            self.__exit__()
            if isinstance(error, OSError):
                raise atomic.disk_error(self.folder, error) from error
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._locks:
            file = self.folder / LOCK
            with suppress(OSError):
                if _empty(file):
                    file.unlink()  # while it is held: whoever opened it in vain sees that it is gone
        for lock in self._locks:
            lock.close()
        self._locks = []
        for path in self._made:
            with suppress(OSError):  # one in which something was made stays
                path.rmdir()

    def begin(self, fill: Callable[[Path], object], inputs: Iterable[Path | str] = ()) -> None:
        """What `fill` writes stands in the folder, and nothing else: in place of what was there, or as its first."""
        if is_new(self.folder):
            fill(self.folder)
        else:
            self.replace(fill, inputs)

    def replace(self, fill: Callable[[Path], object], inputs: Iterable[Path | str] = ()) -> None:
        """The folder becomes what `fill` writes into an empty one beside it; what was there is removed last.

        Raises InputError, before anything is written, when that would take one of the `inputs` with it.
        """
        refuse_clearing(self.folder, inputs)
        out = self.folder.resolve()  # a link stays one
        beside = f".{out.name[:40]}.{secrets.token_hex(4)}"
        part, old = out.with_name(f"{beside}.part"), out.with_name(f"{beside}.old")
        made = part / "made"
        _clear_killed(out)
        try:
            part.mkdir()
            self._locks += locked(part)
            made.mkdir()
            fill(made)
            self._locks += locked(made)
            self.allowed()
            out.rename(old)
            _rename_or_back(made, out, old)
            shutil.rmtree(old)
        except OSError as error:
            raise atomic.disk_error(old if old.exists() else self.folder, error) from error
        finally:
            shutil.rmtree(part, ignore_errors=True)


def _rename_or_back(made: Path, out: Path, old: Path) -> None:
    try:
        made.rename(out)
    except OSError as error:
        if out.exists():  # another process was faster
            raise RunError(str(out), found="another process in it", cure=f"What was there is in {old}.") from error
        old.rename(out)
        raise


def _beside(out: Path, ending: str) -> Iterator[Path]:
    """The folders beside `out` in which processes fill one in its place, or keep what was there."""
    for path in out.parent.glob(f".{glob.escape(out.name[:40])}.*.{ending}"):
        if path.is_dir() and re.fullmatch(r"[0-9a-f]{8}", path.name.split(".")[-2]):
            yield path


def _take_back(out: Path) -> None:
    """What a process moved aside that was killed before it could put something in its place is there again."""
    if not out.exists():
        for old in sorted(_beside(out, "old"), key=lambda path: path.stat().st_mtime_ns)[-1:]:
            if not held(old):
                old.rename(out)


def _clear_killed(out: Path) -> None:
    """Removes what a process left that was killed while it filled a folder in place of `out`.

    What it had moved aside goes as well when what it had made stands in its place: nothing is left of it to put there.
    """
    for part in _beside(out, "part"):
        with suppress(CrosscadeError, OSError), alone(part):
            if not (part / "made").exists():
                shutil.rmtree(part.with_suffix(".old"), ignore_errors=True)
            shutil.rmtree(part)


def locked(folder: Path) -> list[IO[str]]:
    """The lock of `folder`, held; none on Windows. InputError when another process has it. A kill lets go of it."""
    while fcntl is not None:
        lock = (folder / LOCK).open("a", encoding="utf-8")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(lock.fileno()), os.stat(folder / LOCK)):
                return [lock]
        except FileNotFoundError:  # it ended and took its lock away just now
            lock.close()
            continue
        except OSError:
            lock.close()
            raise InputError(
                str(folder), found="another process at work on it", expected="one at a time", cure="Wait for it to end."
            ) from None
        lock.close()
    return []


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Holds a folder that is there, whatever is in it."""
    with Held(folder, lambda: None):
        yield


def held(folder: Path) -> bool:
    """Whether another process is at work on `folder`."""
    if not (folder / LOCK).exists():
        return False
    try:
        with alone(folder):
            return False
    except InputError:
        return True


def left(folder: Path) -> bool:
    """Whether it is known that no process is at work on `folder`; never on Windows."""
    return fcntl is not None and not held(folder)
