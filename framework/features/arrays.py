"""Arrays in files that several processes, perhaps on several machines, fill together."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from io import FileIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..support import atomic, ranks

Write = Callable[[int, NDArray[Any]], None]


@contextmanager
def shared_array(path: Path, dtype: Any, shape: tuple[int, ...]) -> Iterator[Write]:
    """An array's file that all processes write rows into, from a row on; it has its name once all have."""
    part = path.with_name(f".{path.name}.part")
    try:
        if ranks.first():
            path.parent.mkdir(parents=True, exist_ok=True)
            new_array(part, dtype, shape)
        ranks.wait()
        with part.open("rb+", buffering=0) as file:
            yield partial(_write_rows, file, dtype, shape)
            os.fsync(file.fileno())
        ranks.wait()
        if ranks.first():
            part.replace(path)
            atomic.sync_folder(path.parent)
        ranks.wait()
    except OSError as error:
        raise atomic.disk_error(path, error) from error
    finally:
        if ranks.first():
            part.unlink(missing_ok=True)


def new_array(path: Path, dtype: Any, shape: tuple[int, ...]) -> None:
    """A new array's file whose disk space is there for certain; OSError when it is not."""
    np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape)
    atomic.reserve(path)


def _write_rows(file: FileIO, dtype: Any, shape: tuple[int, ...], first: int, rows: NDArray[Any]) -> None:
    # not by a map of the file: two machines would write whole pages of it, each over the other's rows
    row = math.prod(shape[1:]) * np.dtype(dtype).itemsize
    file.seek(os.fstat(file.fileno()).st_size - (shape[0] - first) * row)
    content = memoryview(np.ascontiguousarray(rows, dtype).data).cast("B")
    while content:
        content = content[file.write(content) :]


def slices(count: int, size: int) -> Iterator[slice]:
    """This process's share of `count` rows in slices of `size`."""
    for k in ranks.block(-(-count // size)):
        yield slice(k * size, min(count, (k + 1) * size))


def array_bytes(content: int) -> int:
    """Bytes of an array's file: its content and what numpy's format puts before it."""
    return 128 + content
