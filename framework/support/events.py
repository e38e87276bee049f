"""What happened in a run, one JSON object a line (`events.jsonl`). Torch-free."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from .atomic import disk_error, write_bytes


class Events:
    """Appends events to a file; `rewind` drops what a resumed run will do again."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)

    def add(self, event: str, **fields: Any) -> None:
        """One line: `event` and its fields."""
        line = json.dumps({"event": event, **fields}, ensure_ascii=False) + "\n"
        try:
            with self.path.open("ab+") as handle:
                if handle.tell():
                    handle.seek(-1, os.SEEK_END)
                    if handle.read(1) != b"\n":  # a line that a kill cut short must not swallow this one
                        line = "\n" + line
                handle.write(line.encode())
        except OSError as error:
            raise disk_error(self.path, error) from error

    def read(self) -> list[dict[str, Any]]:
        """All whole lines so far; a line cut short by a kill is left out."""
        if not self.path.exists():
            return []
        events = []
        for line in self.path.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                events.append(json.loads(line))
            except json.JSONDecodeError:
                continue
        return events

    def rewind(self, stage: int, step: int) -> None:
        """Forget events of `stage` after `step` and of all later stages."""
        kept = [e for e in self.read() if (e.get("stage", -1), e.get("step", 0)) <= (stage, step)]
        write_bytes(self.path, "".join(json.dumps(e, ensure_ascii=False) + "\n" for e in kept).encode())
