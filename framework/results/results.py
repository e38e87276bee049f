"""The folder for results: a list of whose each is, and nothing overwritten that a command did not make. Torch-free.

`results.csv` has a row a result: source, result, reason. A result says itself by what it was made, and of what, so that
what is there already is not made again.
"""

from __future__ import annotations

import csv
import hashlib
import io
import os
from collections.abc import Sequence
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import define, field

from ..data.contents import VIDEOS
from ..errors import InputError
from ..support import atomic
from ..support.folders import Held, is_new, refuse_overlap

if TYPE_CHECKING:
    from .files import Source

MOST_LIST = 1 << 30
"""Bytes of it: some ten million pictures'."""
LIST, HEAD = "results.csv", ["source", "result", "reason"]
LONGEST = 200
"""Bytes of a result's name: what is beyond is cut and replaced by a hash."""


def free_name(stem: str, taken: set[str]) -> str:
    """`stem`, numbered when it is taken already: pictures of several folders may share a name. It is taken then."""
    candidates = chain([stem], (f"{stem}-{n}" for n in count(2)))
    name = next(v for v in candidates if v.lower() not in taken)  # some file systems know no upper case
    taken.add(name.lower())
    return name


def shown(path: Path | str) -> str:
    """A path as text that any file may hold, whatever bytes its name is made of."""
    return os.fspath(path).encode("utf-8", "backslashreplace").decode()


@define
class Results:
    """The folder for results: `with results.held():` while it is written."""

    out: Path
    inputs: Sequence[Path]
    force: bool
    by: str = field(default="", init=False)
    """A hash of what makes them and how; set with `made` before they are written."""
    rows: dict[str, list[tuple[str, str]]] = field(factory=dict, init=False)
    """By source the results, each with the reason where there is none."""
    _taken: set[str] = field(factory=set, init=False)

    def held(self) -> Held:
        """The folder, for this process alone. InputError for one that may not be written into."""
        return Held(self.out, self._allowed)

    def _allowed(self) -> None:
        refuse_overlap(self.out, self.inputs, where=f"--out {self.out}")
        if self.out.exists() and not self.out.is_dir():
            raise InputError(str(self.out), found="a file", expected="a folder to write to", cure="Give another --out.")
        listed = (self.out / LIST).exists()
        if not is_new(self.out) and not listed and not self.force:
            raise InputError(
                str(self.out), found="a folder that is not empty", expected="an empty or new one", cure="Use --force."
            )
        self.rows = _read_list(self.out / LIST) if listed else {}

    def made(self, model: Path, *how: object) -> None:
        """By the model that this file vouches for, in this way."""
        self.by = hashlib.sha256(f"{atomic.sha256(model)} {how}".encode()).hexdigest()[:32]

    def places(self, sources: Sequence[Source], asked: Sequence[str]) -> list[list[Path]]:
        """The files of each source's results, with these endings: those that it has already, or free ones.

        Raises InputError for results of another making, unless they are to be made anew.
        """
        self._taken = {name.lower() for rows in self.rows.values() for name, _ in rows if name}
        places = []
        for source in sources:
            video = VIDEOS.get(source.path.suffix.lower())
            endings = [video] if video else asked
            listed = [self.out / name for name, _ in self.rows.get(shown(source.path), []) if name]
            suffixes = [f".{ending.rpartition('.')[2]}" for ending in endings]
            if [path.suffix for path in listed] != suffixes or not all(self._ours(path) for path in listed):
                listed = self._free(source.place, endings)
            places.append(listed)
        return places

    def by_of(self, picture: Path) -> str:
        """What a result of it says: its making and the picture's hash, since its time may be that of any other."""
        try:
            return f"{self.by} {atomic.sha256(picture)[:32]}"
        except (InputError, OSError):
            return self.by  # whoever reads it says why

    def done(self, source: Source, results: Sequence[Path]) -> bool:
        """Whether they are there, of the same making and of this very picture."""
        if self.force or not all(path.exists() for path in results):
            return False
        said = {_made_by(path) for path in results}
        if said == {self.by}:  # by a version that did not say of which
            return source.path.stat().st_mtime <= min(path.stat().st_mtime for path in results)
        return said == {self.by_of(source.path)}

    def write_list(self) -> None:
        """`results.csv`."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(HEAD)
        writer.writerows([source, *row] for source, rows in self.rows.items() for row in rows)
        atomic.write_bytes(self.out / LIST, text.getvalue().encode("utf-8", "backslashreplace"))

    def _ours(self, path: Path) -> bool:
        """Whether this may be written: it is not there, or was made by such a command."""
        if not os.path.lexists(path):
            return True
        by = _made_by(path).partition(" ")[0]
        if by and by != self.by and not self.force:
            raise InputError(
                str(path), found="a result of another model, or made in another way", expected="the same, or none",
                cure="Use --force to make all anew, or give another --out.",
            )  # fmt: skip
        return bool(by)

    def _free(self, place: Path, endings: Sequence[str]) -> list[Path]:
        """One name for all of them, that what belongs together is seen to."""
        stem = _short(place.name)
        for name in chain([stem], (f"{stem}-{n}" for n in count(2))):
            paths = [self.out / place.parent / f"{name}{ending}" for ending in endings]
            keys = {shown(path.relative_to(self.out).as_posix()).lower() for path in paths}
            if not keys & self._taken and all(map(self._ours, paths)):
                self._taken |= keys
                return paths
        raise AssertionError


def _short(name: str) -> str:
    data = os.fsencode(name)
    if len(data) <= LONGEST:
        return name
    return f"{data[: LONGEST - 9].decode('utf-8', 'ignore')}~{hashlib.sha256(data).hexdigest()[:8]}"


def _read_list(path: Path) -> dict[str, list[tuple[str, str]]]:
    rows: dict[str, list[tuple[str, str]]] = {}
    try:
        head, *listed = csv.reader(io.StringIO(atomic.read_text(path, "a list of results", MOST_LIST)))
        if head != HEAD:
            raise ValueError
        for source, result, reason in listed:
            rows.setdefault(source, []).append((result, reason))
    except (OSError, ValueError, csv.Error):
        found, cure = f"something else than a list of {', '.join(HEAD)}", "Give another --out."
        raise InputError(str(path), found=found, expected="one that this command wrote", cure=cure) from None
    return rows


def _made_by(path: Path) -> str:
    if path.suffix in VIDEOS:
        from ..data.video import made_by
    else:
        from ..data.written import made_by
    return made_by(path)
