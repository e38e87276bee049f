"""Rows in Parquet files: columns `id` and `image` in, `id`, `image` and `error` out. Torch-free; needs pyarrow."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import IO, Any

from ...framework import InputError
from .rows import Row, row_of

EXPECTED = "columns id and image (a file's bytes, or a struct with them as its bytes)"
ROWS, GROUP = 16, 512
"""Rows that are read, and that are written, together."""
MOST_GROUP = 4 << 30
"""Bytes of the rows that a file wants read together."""


def arrow(module: str = "pyarrow") -> Any:
    """The package; InputError says how to install it."""
    try:
        return import_module(module)
    except ModuleNotFoundError:
        cure = "pip install 'crosscade[parquet]'"
        raise InputError("no package 'pyarrow'", expected="it: Parquet needs crosscade[parquet]", cure=cure) from None


def read(path: Path) -> Iterator[Row]:
    """The rows of a file; without a column `id` they are named by their numbers. InputError for a damaged one."""
    pyarrow, parquet = arrow(), arrow("pyarrow.parquet")
    try:
        with parquet.ParquetFile(path) as file:
            names = file.schema_arrow.names
            if "image" not in names:
                raise InputError(str(path), found=f"columns {', '.join(names)[:200]}", expected=EXPECTED)
            groups = (file.metadata.row_group(k).total_byte_size for k in range(file.metadata.num_row_groups))
            if (most := max(groups, default=0)) > MOST_GROUP:
                raise InputError(
                    str(path), found=f"row groups of {most} bytes", expected=f"at most {MOST_GROUP >> 30} GiB"
                )
            number, columns = 0, [name for name in ("id", "image") if name in names]
            for batch in file.iter_batches(ROWS, columns=columns, use_threads=False):
                table = batch.to_pydict()
                for key, image in zip(table.get("id", range(number, number + batch.num_rows)), table["image"]):
                    yield row_of(f"{key:09d}" if "id" not in table else key, image)
                number += batch.num_rows
    except (pyarrow.ArrowException, OSError) as error:
        reason = " ".join(str(error).split())[:100]
        raise InputError(str(path), found=f"a Parquet file that is cut short or damaged ({reason})") from None


class Writer:
    """A Parquet file in an open one, with how its rows were made in its metadata."""

    def __init__(self, file: IO[bytes], format: str, how: dict[str, Any]) -> None:
        self._arrow = arrow()
        columns = [("id", self._arrow.string()), ("image", self._arrow.binary()), ("error", self._arrow.string())]
        self._schema = self._arrow.schema(columns, metadata={"crosscade": json.dumps(how)})
        # pictures are packed already
        self._writer = arrow("pyarrow.parquet").ParquetWriter(file, self._schema, compression="none")
        self._rows: list[dict[str, Any]] = []

    def add(self, row: Row) -> None:
        """A row; one without an error has none."""
        self._rows.append({"id": row.id, "image": row.image or None, "error": row.error or None})
        if len(self._rows) == GROUP:
            self._flush()

    def close(self) -> None:
        """Its end."""
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        if self._rows:
            self._writer.write_table(self._arrow.Table.from_pylist(self._rows, self._schema))
            self._rows = []
