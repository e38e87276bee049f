"""Rows in tar files, named as webdataset names them: `KEY.jpg` in, `KEY.png` out, `KEY.error.txt` for a bad one.

Nothing is unpacked. A member's size is bounded before it is read, and a name that could lead out of a folder never
stands in what is written. Torch-free.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Any

from ...framework import InputError
from ...framework.data.images import SUFFIXES
from ...framework.errors import printable
from .rows import MOST_BYTES, Row, too_large

ERROR = "error.txt"
MOST_HEADER = 1 << 20
"""Bytes of the headers that say a member's name."""
LONGEST = 1000
"""Of a name."""


class _Bounded(io.FileIO):
    """A file that gives no more at a time than a member may have: the length of a header is its maker's to say."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > MOST_HEADER:
            raise tarfile.ReadError(f"a header of {size} bytes")
        return super().read(size)


def read(path: Path) -> Iterator[Row]:
    """The pictures of a tar, by their name without its ending; members of other kinds are left out.

    InputError where the file ends before the tar does, after what came before.
    """
    try:
        with _Bounded(path) as file, tarfile.open(fileobj=file, mode="r:") as tar:
            number = 0
            while (member := tar.next()) is not None:
                vars(tar)["members"] = []  # else it keeps all of them
                name = PurePosixPath(member.name)
                if name.suffix.lower() in SUFFIXES and not member.isdir():
                    yield _row(tar, member, number)
                    number += 1
            file.seek(tar.offset)
            if len(file.read(tarfile.BLOCKSIZE)) < tarfile.BLOCKSIZE:
                raise tarfile.ReadError("no end")
    except (tarfile.TarError, EOFError, ValueError, OverflowError) as error:
        reason = " ".join(str(error).split())[:100]
        raise InputError(str(path), found=f"a tar that is cut short or damaged ({reason})") from None
    except OSError as error:
        raise InputError(str(path), found=error.strerror or str(error), expected="a tar to read") from None


def _row(tar: tarfile.TarFile, member: tarfile.TarInfo, number: int) -> Row:
    bad = f"row-{number:06d}"  # whose name is not to be used
    if not safe(member.name):
        return Row(bad, error=f"an unsafe name ({printable(ascii(member.name))[:LONGEST]})")
    key = member.name[: -len(PurePosixPath(member.name).suffix)]
    if not member.isreg() or member.issparse():
        return Row(key, error="no regular file")
    if member.size > MOST_BYTES:
        return Row(key, error=too_large(member.size))
    file = tar.extractfile(member)
    assert file is not None
    data = bytearray()
    while piece := file.read(MOST_HEADER):
        data += piece
    return Row(key, bytes(data))


def safe(name: str) -> bool:
    """Whether a member of that name stays where it is unpacked, on any system, and can be shown."""
    parts = name.split("/")
    odd = not name.isprintable() or "\\" in name or ":" in parts[0] or len(name) > LONGEST
    return not odd and name == name.encode("utf-8", "ignore").decode() and not {"", ".", ".."} & {*parts}


class Writer:
    """A tar in an open file; what is in it depends on the rows alone."""

    def __init__(self, file: IO[bytes], format: str, how: dict[str, Any]) -> None:
        self._tar, self._format = tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT), format  # noqa: SIM115

    def add(self, row: Row) -> None:
        """A row as a member."""
        data = row.error.encode("utf-8", "backslashreplace") if row.error else row.image
        member = tarfile.TarInfo(f"{row.id}.{ERROR if row.error else self._format}")
        member.size = len(data)
        self._tar.addfile(member, io.BytesIO(data))

    def close(self) -> None:
        """Its end."""
        self._tar.close()
