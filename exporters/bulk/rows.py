"""Rows of pictures' files into rows of their translations: what every way of translating very many calls. Torch-free.

What becomes of a picture depends on its bytes, its id (where the method has styles) and the export alone, not on the
rows beside it, their order or the process: one thread computes, and each call of the session has the same shape.
"""

# B rows in a batch, S the export's image size, K the length of a style

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from attrs import frozen

from ...framework import CrosscadeError, Image
from ...framework.data.pictures import Images, fit
from ...framework.data.styles import Styles
from ...framework.data.written import encoded
from ...framework.support import atomic
from ...framework.support.limits import Ahead
from ..runtime.exported import Exported, checked_batch, load
from ..safety.manifest import NAME

BATCH = 8
"""Rows that are computed together: on a core, more gain nothing."""
AHEAD = 2
"""Batches that are decoded, or encoded, while one is computed."""
MOST_BYTES = 256 << 20
"""Of one picture's file."""


@frozen
class Row:
    """A picture's file by its id, or the reason why there is none."""

    id: str
    image: bytes = b""
    error: str = ""


class Bulk:
    """One session on one thread, whose golden pictures are repeated once, for any number of rows.

    Args:
        export: what `crosscade export` made, or what `load` made of it.
        direction: `a2b` or `b2a`; by default as the export's.
        format: of the translations' files: `png`, `jpg` or `webp`.
        draft: decode JPEG at a fraction of its size and resize in two steps: quicker, and not quite the same pixels.
        seed: of the styles, where the method has them; a row's style depends on the seed and its id.
        batch: rows that are computed together.
        readers: threads that decode and encode beside the session; 0: the session's own does that too.
        loading: as `load` takes it (`device`, `trust`, …).

    Raises what `load` does, and RunError where the golden pictures come out otherwise.
    """

    def __init__(
        self,
        export: Exported | str | Path,
        *,
        direction: str | None = None,
        format: str = "png",
        draft: bool = False,
        seed: int = 0,
        batch: int = BATCH,
        readers: int = 0,
        **loading: Any,
    ) -> None:
        self.exported = export if isinstance(export, Exported) else load(export, **{"threads": 1, **loading})
        self.direction = direction or self.exported.direction
        self.format, self.draft, self.seed = format, draft, seed
        self.batch, self.readers = checked_batch(batch), readers
        self.style_size = self.exported.style_size(self.direction)
        self.exported.prepare(self.direction)

    @property
    def how(self) -> dict[str, Any]:
        """All that decides what becomes of a picture."""
        how: dict[str, Any] = {
            "manifest_sha256": atomic.sha256(self.exported.folder / NAME),
            "direction": self.direction,
        }
        how |= {"files": self.format, "draft": self.draft}
        return how | ({"seed": self.seed} if self.style_size else {})

    def __call__(self, batch: Mapping[str, Sequence[Any]]) -> dict[str, list[Any]]:
        """Columns `id` (str) and `image` (bytes) -> `id`, `image` (bytes, None where there is none) and `error`."""
        rows = list(self.rows(map(row_of, batch["id"], batch["image"])))
        images = [row.image or None for row in rows]
        return {"id": [row.id for row in rows], "image": images, "error": [row.error for row in rows]}

    def rows(self, rows: Iterable[Row]) -> Iterator[Row]:
        """The translation of each row, in order; a picture that cannot be read is a row with an `error`."""
        with Ahead(self.readers) as pool:
            decoded = pool.map(self.decoded, rows, AHEAD * self.batch)
            yield from pool.map(self.encoded, self.translated(decoded), AHEAD * self.batch)

    def decoded(self, row: Row) -> tuple[Row, Image | None]:
        """A row and its picture, (S, S, 3); or a bad one."""
        if row.error:
            return row, None
        try:
            return row, fit(row.image, self.exported.size, self.exported.white, draft=self.draft)
        except CrosscadeError as error:
            return Row(row.id, error=error.found or str(error)), None

    def translated(self, rows: Iterator[tuple[Row, Image | None]]) -> Iterator[tuple[Row, Image | None]]:
        """Rows and their pictures' translations, (S, S, 3)."""
        while piece := list(islice(rows, self.batch)):
            good = [(row.id, image) for row, image in piece if image is not None]
            results = iter(self._computed(good) if good else ())
            yield from ((row, None if image is None else next(results)) for row, image in piece)

    def _computed(self, rows: Sequence[tuple[str, Image]]) -> Images:
        padded = [*rows, *[rows[-1]] * (self.batch - len(rows))]  # another shape may be computed in another way
        styles = np.stack([self._style(key) for key, _ in padded]) if self.style_size else None
        images = np.stack([image for _, image in padded])
        return self.exported.run(self.direction, images, styles, self.batch, previews=False)[0][: len(rows)]

    def _style(self, key: str) -> Styles:
        words = np.frombuffer(hashlib.sha256(key.encode("utf-8", "backslashreplace")).digest(), "<u4")
        return np.random.default_rng([self.seed, *words]).standard_normal(self.style_size, np.float32)

    def encoded(self, pair: tuple[Row, Image | None]) -> Row:
        """A row of the translation's file."""
        row, image = pair
        return row if image is None else Row(row.id, encoded(image, self.format))


def row_of(key: Any, image: Any) -> Row:
    """A row of a table's values: `image` is a file's bytes, or a mapping with them as its `bytes`."""
    data = image.get("bytes") if isinstance(image, Mapping) else image
    if not data or not isinstance(data, bytes | bytearray | memoryview):
        return Row(str(key), error="no bytes of a file")
    if len(data) > MOST_BYTES:
        return Row(str(key), error=too_large(len(data)))
    return Row(str(key), bytes(data))


def too_large(size: int) -> str:
    """Why a file of so many bytes is not read."""
    return f"{size} bytes, more than {MOST_BYTES >> 20} MiB"
