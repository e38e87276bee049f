"""What a part of the check is told, and how it answers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple


class At(NamedTuple):
    """Where and how a part is to look."""

    device: str
    folder: Path
    """For its files; those of parts before it are in there."""
    quick: bool = False
    """Whether to look whether all runs, on next to nothing."""
    photographs: str = ""
    """A folder with a folder of photographs for each of two domains."""
    seconds: float = 600.0
    answer: Path | None = None
    """Where what is found goes."""

    @property
    def cuda(self) -> bool:
        """Whether the device is a GPU of NVIDIA's."""
        return self.device.startswith("cuda")

    def keep(self, found: Mapping[str, Any], state: str = "no time") -> None:
        """What has been found so far, in case that there is no time for more."""
        if self.answer:
            part = self.answer.with_suffix(".part")
            part.write_text(json.dumps({"state": state, "found": found}))
            part.replace(self.answer)


class NotHereError(Exception):
    """What a part needs is not on this machine."""
