"""Shards into shards: a tar or Parquet file each, done when its result has its final name. Torch-free.

Work that is killed goes on where it stopped: a shard that was begun is begun again, one that is done is left alone.
A shard is held by a lock on its unfinished file while it is worked at, so that processes may share a list of them.
"""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import IO, TYPE_CHECKING, Any, Self

from attrs import define, frozen

from ...framework import InputError, RunError
from ...framework.errors import numbered
from ...framework.support import atomic
from ...framework.support.folders import is_new
from . import parquet, tar
from .rows import Bulk, Row

if TYPE_CHECKING:
    from ...framework import Reporter

fcntl: ModuleType | None
try:
    import fcntl
except ImportError:  # Windows, where two processes at one shard are not noticed
    fcntl = None

MARK, FORMAT = "bulk.json", "crosscade bulk 1"
UNFINISHED = ".unfinished"
KINDS: dict[str, ModuleType] = {".tar": tar, ".parquet": parquet}
MOST = 1_000_000
"""Names that a pattern may stand for."""


@frozen
class Part:
    """Every n-th, from the k-th on; k from 0 to n - 1."""

    k: int = 0
    n: int = 1

    @classmethod
    def of(cls, text: str) -> Self:
        """`k/n`; InputError for another text."""
        numbers = re.fullmatch(r"(\d{1,9})/(\d{1,9})", text)
        k, n = map(int, numbers.groups()) if numbers else (0, 0)
        if k >= n:
            expected = "k/n, k from 0 to n - 1"
            raise InputError(f"--shard {text}", found="no such part", expected=expected, cure="Like 0/4.")
        return cls(k, n)

    def take(self, values: Sequence[Any]) -> list[Any]:
        """Its own of them."""
        return list(values[self.k :: self.n])


def expanded(name: str) -> list[str]:
    """What a name stands for: `{000..999}`, `{a,b}`, `*` and `?`; itself where it is there. InputError for nothing."""
    if os.path.lexists(name) or not re.search(r"[{*?\[]", name):
        return [name]
    braced = list(islice(_braces(name), MOST + 1))
    if len(braced) > MOST:
        raise InputError(name, found=f"a pattern for more than {MOST} names", expected="fewer")
    found, missing = [], []
    for each in braced:
        matches = sorted(glob.glob(each)) if re.search(r"[*?\[]", each) else [each] * os.path.exists(each)
        found += matches
        missing += [] if matches else [each]
    if missing:
        say = f"nothing that matches {missing[0]}" if len(braced) > 1 else "nothing that matches it"
        more = f" ({len(missing)} of {len(braced)})" if len(braced) > 1 else ""
        raise InputError(name, found=say + more, expected="files", cure="Quote the pattern; check the folder.")
    return found


def _braces(text: str) -> Iterator[str]:
    match = re.search(r"\{(?:(\d{1,18})\.\.(\d{1,18})|([^{}]*,[^{}]*))\}", text)
    if not match:
        yield text
        return
    first, last, words = match.groups()
    each: Iterable[str] = (
        words.split(",") if words else (f"{i:0{len(first)}d}" for i in range(int(first), int(last) + 1))
    )
    for word in each:
        yield from (text[: match.start()] + word + rest for rest in _braces(text[match.end() :]))


def shards_of(names: Sequence[str]) -> list[Path]:
    """The shards among files that were named; none where there are none. InputError for shards among others."""
    shards = [Path(name) for name in names if Path(name).suffix.lower() in KINDS and not os.path.isdir(name)]
    if shards and len(shards) < len(names):
        other = next(name for name in names if Path(name) not in shards)
        raise InputError(other, found="shards beside it", expected="either .tar and .parquet, or pictures")
    for path in shards:
        if not path.exists():
            raise InputError(str(path), found="no such file", expected="a shard")
    names_only = [path.name for path in shards]
    if len({*names_only}) < len(names_only):
        twice = next(name for name in names_only if names_only.count(name) > 1)
        raise InputError(twice, found="two shards of that name", expected="one", cure="Give each folder another --out.")
    return shards


@define
class Tally:
    """What became of shards and rows."""

    shards: int = 0
    rows: int = 0
    bad: int = 0
    there: int = 0
    taken: int = 0
    unfinished: int = 0

    def said(self, out: Path) -> str:
        """In a line."""
        parts = [f"{numbered(self.shards, 'shard')}, {numbered(self.rows - self.bad, 'image')} in {out}"]
        if self.bad:
            parts.append(f"{numbered(self.bad, 'row')} with the reason why there is none")
        if self.there:
            parts.append(f"{numbered(self.there, 'shard')} there already")
        return ", ".join(parts)

    def check(self, out: Path) -> None:
        """RunError unless all shards are done."""
        if self.unfinished:
            cure = "Replace their files, then run it again."
            raise RunError(str(out), found=f"{numbered(self.unfinished, 'shard')} not done", expected="none", cure=cure)
        if self.taken:
            found = f"{numbered(self.taken, 'shard')} that another process is at"
            raise RunError(str(out), found=found, expected="none", cure="Run it again when that has ended.")


def prepare(out: Path, shards: Sequence[Path], how: dict[str, Any], *, force: bool = False) -> None:
    """The folder for results, marked with how they are made. InputError for one that is not for these."""
    if not ready(out, shards, how, force=force):
        atomic.write_json(out / MARK, {"format": FORMAT, **how})


def ready(out: Path, shards: Sequence[Path], how: dict[str, Any], *, force: bool = False) -> bool:
    """Whether the folder is marked so already; nothing is changed. InputError for one that is not for these."""
    if out.exists() and not out.is_dir():
        raise InputError(str(out), found="a file", expected="a folder to write to", cure="Give another --out.")
    if out.resolve() in {path.parent.resolve() for path in shards}:
        raise InputError(f"--out {out}", found="the folder of the shards", expected="another")
    cure = "Give another --out, or --force."
    new, mark = is_new(out), out / MARK  # in this order: another process may write its mark meanwhile
    if mark.exists():
        was = atomic.read_json(mark, "what says how results were made", FORMAT)
        differ = [f"{key} {was.get(key)!r:.40}" for key in how if was.get(key) != how[key]]
        if not differ:
            return True
        if not force:
            found = f"results that were made otherwise ({', '.join(differ)})"
            raise InputError(str(out), found=found, expected="the same, or none", cure=cure)
    elif not new and not force:
        raise InputError(str(out), found="a folder that is not empty", expected="an empty or new one", cure=cure)
    else:  # without a mark, nothing of these names was made here
        for path in shards:
            for theirs in (out / path.name, out / (path.name + UNFINISHED)):
                if os.path.lexists(theirs):
                    cure = "Give another --out: it is not replaced."
                    raise InputError(str(theirs), found="a file of somebody else's", expected="none", cure=cure)
    return False


def translate_shards(bulk: Bulk, shards: Sequence[Path], out: Path, report: Reporter, *, force: bool = False) -> Tally:
    """Each shard that is not done becomes one of the same name in `out`; one that cannot be read to its end is said."""
    tally = Tally()
    with report.stage("shards", len(shards)) as bar:
        for path in shards:
            if reason := translate_shard(bulk, path, out, tally, force=force):
                report.warn(f"{reason}. This shard is not done.")
            bar.advance()
    return tally


def translate_shard(bulk: Bulk, path: Path, out: Path, tally: Tally, *, force: bool = False) -> str:
    """One shard; why it is not done, where its file is at fault."""
    final = out / path.name
    if final.exists() and not force:
        tally.there += 1
        return ""
    try:
        with _claimed(final) as file:
            if file is None:
                tally.taken += 1
            elif final.exists() and not force:  # made since
                tally.there += 1
            else:
                return _translated(bulk, path, final, file, tally)
            return ""
    except OSError as error:
        raise atomic.disk_error(final, error) from error


def _translated(bulk: Bulk, path: Path, final: Path, file: IO[bytes], tally: Tally) -> str:
    kind, unfinished, before = KINDS[path.suffix.lower()], final.with_name(final.name + UNFINISHED), tally.rows
    rows, writer = _Good(_unique(kind.read(path))), kind.Writer(file, bulk.format, bulk.how)
    for row in bulk.rows(rows):
        writer.add(row)
        tally.rows += 1
        tally.bad += bool(row.error)
    writer.close()
    file.flush()
    os.fsync(file.fileno())
    if rows.error:
        tally.unfinished += 1
        if tally.rows == before:
            return rows.error
        _part(final).replace(unfinished)
        return f"{rows.error}; what came before it ({numbered(tally.rows - before, 'row')}) is in {unfinished}"
    _part(final).replace(final)
    unfinished.unlink(missing_ok=True)
    atomic.sync_folder(final.parent)
    tally.shards += 1
    return ""


@define
class _Good:
    """Rows up to where their file cannot be read any more, and then why."""

    rows: Iterator[Row]
    error: str = ""

    def __iter__(self) -> Iterator[Row]:
        try:
            yield from self.rows
        except InputError as error:
            self.error = str(error)


def _unique(rows: Iterator[Row]) -> Iterator[Row]:
    """A second row of an id is a bad one: neither is lost, and no name stands twice in a tar."""
    seen = set[str]()
    for number, row in enumerate(rows):
        if row.id in seen:
            row = Row(f"row-{number:06d}", error=f"an id that was there already ({row.id})")
            while row.id in seen:
                row = Row(f"{row.id}-2", error=row.error)
        seen.add(row.id)
        yield row


def _part(final: Path) -> Path:
    return final.with_name(f".{final.name}.part")


@contextmanager
def _claimed(final: Path) -> Iterator[IO[bytes] | None]:
    """The shard's unfinished file, empty, for this process alone; None where another has it. A kill lets go of it."""
    part = _part(final)
    with open(os.open(part, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666), "r+b") as file:
        if fcntl is not None:
            try:
                fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
                if not os.path.samestat(os.fstat(file.fileno()), os.stat(part)):
                    raise BlockingIOError  # it got its final name before it was locked here
            except (BlockingIOError, FileNotFoundError):
                yield None
                return
        file.truncate()
        try:
            yield file
        finally:
            with suppress(OSError):
                if os.path.samestat(os.fstat(file.fileno()), os.stat(part)):
                    part.unlink()
