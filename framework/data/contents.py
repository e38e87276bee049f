"""What a folder of pictures holds, for every command that reads one, and what is said of that which is left out.

Links are followed, each folder is entered once, hidden names are passed over, and so are files of the kinds that lie
beside pictures. All other regular files are tried, whatever their names end with. Torch-free.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from attrs import define, field

from ..errors import CrosscadeError
from ..support import atomic
from ..support.fetch import cache_dir

_BESIDE = "txt csv tsv json jsonl md rst xml yaml yml toml ini html log pdf zip tar gz npy npz db py mat sha256 part"
BESIDE = frozenset(f".{suffix}" for suffix in _BESIDE.split())
"""Files that lie beside pictures and are nobody's mistake. Anything else is tried, and named when it is no picture."""
VIDEOS = {".mp4": ".mp4", ".m4v": ".mp4", ".mov": ".mp4", ".mkv": ".mp4", ".avi": ".mp4", ".webm": ".webm"}
"""By the ending of a video that of its translation."""
A_VIDEO = "a video, which --frames translates"
MORE = "read, but only the first of its frames"
DARK = "read as nearly black: of its 16 bits it uses 12 or fewer (say what white is, as --set data.range=4095)"
BRIGHT = "cut where it is brighter than data.range says that white is"
FEW = 3
"""So many files that are left out for one reason get a line each; more of them one line together."""


@define
class Contents:
    """What is below a folder."""

    files: list[Path] = field(factory=list)
    """What may be a picture, in an order that is the same everywhere."""
    left_out: list[tuple[Path, str]] = field(factory=list)
    """What else should be known of, each with the reason."""
    folders: list[Path] = field(factory=list)
    """Where the files really lie: the folder, those below it and those that links lead to."""

    @classmethod
    def of(cls, folder: Path) -> Contents:
        """Looks through `folder`."""
        contents, waiting, seen = cls(), [folder], set[tuple[int, int]]()
        while waiting:
            where = waiting.pop()
            try:
                state = where.stat()
                if (state.st_dev, state.st_ino) in seen:
                    contents.left_out.append((where, "a link to a folder that is here already"))
                    continue
                seen.add((state.st_dev, state.st_ino))
                contents.folders.append(where.resolve())
                # links come last, so that what a folder holds itself stands under its own name
                names = sorted(os.listdir(where), key=lambda name: (os.path.islink(where / name), name), reverse=True)
            except OSError as error:
                contents.left_out.append((where, error.strerror or str(error)))
                continue
            waiting += [path for path in (where / v for v in names if not v.startswith(".")) if contents._folder(path)]
        contents.files.sort(key=lambda path: path.relative_to(folder).as_posix())
        return contents

    def _folder(self, path: Path) -> bool:
        """Whether it is one; a file is taken or left out."""
        try:
            mode = path.stat().st_mode
        except OSError as error:
            self.left_out.append((path, error.strerror or str(error)))
            return False
        if stat.S_ISDIR(mode):
            return True
        if not stat.S_ISREG(mode):
            self.left_out.append((path, "no regular file"))
        elif path.suffix.lower() not in BESIDE:
            self.files.append(path)
        return False


def lines(left_out: Iterable[tuple[Path | str, str]]) -> tuple[str, ...]:
    """`PATH: reason` each."""
    return tuple(f"{path}: {reason}" for path, reason in left_out)


def summary(said: Iterable[str]) -> Iterator[str]:
    """Lines `PATH: reason`, one a file, as one for all of a reason and an ending; their names are then in a file."""
    groups: dict[tuple[str, str], list[str]] = {}
    for line in said:
        path, _, reason = line.partition(": ")
        groups.setdefault((reason, Path(path).suffix.lower()), []).append(line)
    for (reason, suffix), each in groups.items():
        if len(each) <= FEW:
            yield from each
            continue
        first = Path(each[0].partition(": ")[0]).name
        kind = f"{suffix} files" if suffix else "files"
        yield f"{len(each)} {kind}: {reason} ({first}, …{_listed(each)})"


def _listed(each: list[str]) -> str:
    """Where their names are."""
    text = "".join(f"{line}\n" for line in each).encode("utf-8", "backslashreplace")
    path = cache_dir() / "left-out" / f"{hashlib.sha256(text).hexdigest()[:16]}.txt"
    with suppress(OSError, CrosscadeError):
        atomic.write_bytes(path, text, sync=False)
        return f"; all are in {path}"
    return ""
