"""What happens in a run, one JSON object a line (`events.jsonl`), and those who are told meanwhile. Torch-free."""

from __future__ import annotations

import json
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from ..errors import CrosscadeError, InputError, said
from .atomic import disk_error, write_bytes

MOST_BYTES = 1 << 30
"""Of a run's events: an hour's are some ten thousand."""


class Watcher(ABC):
    """Follows a training. What it raises costs only itself: it is told of nothing more, and the run goes on."""

    @abstractmethod
    def event(self, event: Mapping[str, Any]) -> None:
        """One of a run's events, as docs/events.md has them; `event["event"]` says which."""

    def close(self) -> None:  # noqa: B027 (most have nothing to end)
        """The training has ended, in whatever way; also called of one that has raised, to let go of what it holds."""


class Events:
    """Appends events to a file and tells `watchers`; `rewind` drops what a resumed run will do again."""

    def __init__(self, path: Path, watchers: Sequence[Watcher] = (), warn: Callable[[str], object] = print) -> None:
        self.path, self._watchers, self._warn = path, tuple(watchers), warn
        self._told = list(watchers)

    def add(self, event: str, **fields: Any) -> None:
        """One line: `event` and its fields."""
        happened = {"event": event, **fields}
        line = json.dumps(happened, ensure_ascii=False) + "\n"
        try:
            with self.path.open("ab+") as handle:
                if handle.tell():
                    handle.seek(-1, os.SEEK_END)
                    if handle.read(1) != b"\n":  # a line that a kill cut short must not swallow this one
                        line = "\n" + line
                handle.write(line.encode())
        except OSError as error:
            raise disk_error(self.path, error) from error
        for watcher in list(self._told):
            if not self._works(partial(watcher.event, happened), "It is told of nothing more; the training goes on."):
                self._told.remove(watcher)

    @contextmanager
    def open(self) -> Iterator[Events]:
        """While the training lasts: then the watchers are told that it has ended."""
        try:
            yield self
        finally:
            for watcher in self._watchers:
                self._works(watcher.close, "What it had open may be cut short; the run is whole.")

    def _works(self, tell: Callable[[], object], otherwise: str) -> bool:
        try:
            tell()
        except CrosscadeError as error:
            self._warn(str(error.at(error.where, otherwise)))
        except (Exception, SystemExit) as error:  # a stranger's code: whatever it raises must not end hours of training
            self._warn(f"{said(error)}. {otherwise}")
        else:
            return True
        return False

    def read(self) -> list[dict[str, Any]]:
        """All whole lines so far; a line cut short by a kill is left out. InputError for what never ends."""
        if not self.path.exists():
            return []
        if not self.path.is_file() or self.path.stat().st_size > MOST_BYTES:
            raise InputError(
                str(self.path), found="no regular file of at most 1 GiB", expected="a run's events", cure="Remove it."
            )
        events = []
        for line in self.path.read_text(encoding="utf-8", errors="replace").split("\n"):
            try:
                events.append(json.loads(line))
            except json.JSONDecodeError:
                continue
        return events

    def rewind(self, stage: int, step: int) -> None:
        """Forget events of `stage` after `step` and of all later stages."""
        kept = [e for e in self.read() if (e.get("stage", -1), e.get("step", 0)) <= (stage, step)]
        write_bytes(self.path, "".join(json.dumps(e, ensure_ascii=False) + "\n" for e in kept).encode())
