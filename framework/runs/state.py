"""How far a run is and what it was begun with: `run.json`, which vouches for what is read back."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from pathlib import Path
from types import UnionType
from typing import Any

import attrs
from attrs import define, field, frozen

from ..errors import InputError, numbered
from ..recipe.recipe import Recipe
from ..recipe.resolve import renamed
from ..spec import Direction
from ..support import atomic
from .folder import FORMAT, RunFolder


@frozen
class StageHealth:
    """How varied what a level makes of the test images is in a direction, 1 being like real features."""

    level: int
    direction: Direction = field(converter=Direction)
    diversity: float
    distinct: float
    collapsed: bool
    warnings: tuple[str, ...] = ()

    def __str__(self) -> str:
        where = f"level {self.level} {self.direction}"
        return f"{where}: translations vary {self.diversity:.2f} times as much as real features"


def _healths(values: Any) -> list[StageHealth]:
    return [v if isinstance(v, StageHealth) else StageHealth(**{**v, "warnings": tuple(v["warnings"])}) for v in values]


@define
class RunState:
    """`run.json`."""

    command: str
    minutes: float | None
    asked: Mapping[str, Any] = field(converter=renamed)
    """The recipe as it was given, in plain values."""
    machine: str
    threads: int = 0
    precision: str = ""
    device: str = ""
    """Of which kind: `cpu`, `cuda` or `mps`."""
    gpu: str = ""
    """Its name."""
    tf32: bool = False
    processes: int = 1
    """That train together, as far as this was last begun or gone on with."""
    data: Mapping[str, str] = field(factory=dict)
    """Hashes of the training images by domain."""
    domains: Mapping[str, str] = field(factory=dict)
    """The domains' names, by side."""
    white: int = 65535
    """White in the data's grey files of 16 bits."""
    ready: bool = False
    """Whether data and budget are settled, and `recipe.json` final."""
    seconds: list[float] | None = None
    """Expected of each stage, where minutes were asked for."""
    health: list[StageHealth] = field(factory=list, converter=_healths)
    """Of every level that has been translated, a direction each."""
    warnings: list[str] = field(factory=list)
    done: bool = False
    start: str = ""
    """The bundle or run that this one starts from."""
    taken: list[str] = field(factory=list)
    """What was taken over of it, and what could not be: a line each."""
    spent: float = 0.0
    """Minutes that it was finished with before it was given more."""
    before: int = 0
    """Steps that its last stage took in them; `recipe.json` counts these as well."""
    files: dict[str, str] | None = None
    """Hashes of what is read back, by its name in the run's folder. None: of a run that kept none."""

    @classmethod
    def new(cls, recipe: Recipe, minutes: float | None, command: str, start: str = "") -> RunState:
        """Of a run that begins."""
        return cls(command, minutes, recipe.plain(), machine(), start=start, files={})

    @classmethod
    def read(cls, folder: RunFolder) -> RunState:
        """Of a run that was begun. Raises InputError when it is of another format, or lacks something."""
        table = atomic.read_json(folder.state, "the state of a run", FORMAT)
        del table["format"]
        try:
            state = cls(**table)
            for name, kind in _KINDS.items():
                if not isinstance(value := getattr(state, name), kind):
                    raise TypeError(f"{name} = {value!r:.60}")
            return state
        except (TypeError, ValueError, AttributeError, KeyError) as error:
            raise InputError(str(folder.state), found=str(error), expected="the state of a run") from None

    def write(self, folder: RunFolder) -> None:
        """Into the run's folder, whole or not at all."""
        atomic.write_json(folder.state, {"format": FORMAT, **attrs.asdict(self)}, sealed=True)

    def vouch(self, folder: RunFolder, path: Path) -> None:
        """Remembers what a file of the run holds."""
        self.files = {**(self.files or {}), folder.name_of(path): atomic.sha256(path)}

    def forget(self, folder: RunFolder, path: Path) -> None:
        """Knows nothing of a file any more."""
        self.files = {name: digest for name, digest in (self.files or {}).items() if name != folder.name_of(path)}

    def vouches(self, folder: RunFolder, path: Path) -> bool:
        """Whether a file is there that was written wholly."""
        return path.exists() and (self.files is None or folder.name_of(path) in self.files)

    def check(self, folder: RunFolder, path: Path, cure: str) -> None:
        """InputError when a file is not what the run wrote; its `cure` is what to do then."""
        expected = (self.files or {}).get(folder.name_of(path))
        if expected and path.exists() and (digest := atomic.sha256(path)) != expected:
            raise InputError(str(path), found=f"sha256 {digest[:12]}…", expected=f"{expected[:12]}…", cure=cure)

    def warn(self, *lines: str) -> None:
        """Keeps warnings, each once."""
        self.warnings = sorted({*self.warnings, *lines})

    @property
    def hardware(self) -> str:
        """The machine that the run was begun on, and its arithmetic there."""
        threads = numbered(self.threads, "thread")
        processes = f"{self.processes} processes" if self.processes > 1 else ""
        return ", ".join(part for part in (self.machine, self.gpu, processes, threads, self.precision) if part)


_KINDS: dict[str, type | UnionType] = {
    **dict.fromkeys(("command", "machine", "precision", "device", "gpu", "start"), str),
    **dict.fromkeys(("threads", "processes", "white", "before"), int),
    **dict.fromkeys(("ready", "done", "tf32"), bool),
    **dict.fromkeys(("warnings", "taken"), list),
    **dict.fromkeys(("asked", "domains"), dict),
    "minutes": int | float | None,
    "spent": int | float,
    "seconds": list | None,
    "files": dict | None,
}
"""What stands in `run.json`, which whoever sends a run may have written."""


def machine() -> str:
    """This machine in a few words: its processor, cores and system."""
    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        models = [v for v in cpuinfo.read_text(encoding="utf-8").splitlines() if v.startswith("model name")]
        name = models[0].partition(":")[2].strip() if models else name
    return f"{name}, {os.cpu_count()} logical cores, {platform.system()}"
