"""A run on disk: where its files are, and its state, which what resumes it must not contradict."""

# ruff: noqa: RUF009 (a field may be made by a function of ours)

from __future__ import annotations

import os
import platform
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import UnionType
from typing import Any

import attrs
from attrs import Factory, define, field, frozen

from ..catalogue.catalogue import Catalogue
from ..errors import InputError
from ..recipe.recipe import Recipe
from ..recipe.resolve import renamed, resolve
from ..spec import Direction
from ..support import atomic, folders
from ..support.events import Events

FORMAT = "crosscade.run/1"
BUNDLE_FILES = ("bundle.json", "recipe.json", "*.safetensors")
KIND = folders.Kind(
    "a run",
    "run.json",
    (FORMAT,),
    lambda _: (
        "recipe.json", "start.safetensors", "events.jsonl", "checkpoint*.json", "checkpoint-*", "store/*.npy",
        "store/*.json", "store/*.safetensors", "stages/*.safetensors", "stages/*.json", "samples/*-[0-9]*.png",
        "index.html", "scores.json", "scores.md", "tensorboard/events.out.*",
        *(f"{b}/{f}" for b in ("bundle", "without-refine") for f in BUNDLE_FILES),
    ),
)  # fmt: skip
"""What `crosscade train` makes, with the page and the scores that `report` and `evaluate` may have put beside it."""
FREE = ("$.training.checkpoint_seconds", "$.training.samples_seconds", "$.training.threads")
"""What may differ when a run goes on: it changes no bit of the result (the threads are the run's own all the same)."""


def _below(name: str) -> Any:
    return field(init=False, default=Factory(lambda folder: folder.path / name, takes_self=True))


@frozen
class RunFolder:
    """Where a run's files are."""

    path: Path = field(converter=Path)
    state: Path = _below("run.json")
    """How far it is, and what it was begun with."""
    recipe: Path = _below("recipe.json")
    """Fully resolved, with the images that the minutes allow."""
    store: Path = _below("store")
    """Images and features, a folder a domain and split."""
    stages: Path = _below("stages")
    """What finished stages have learnt."""
    start: Path = _below("start.safetensors")
    """What networks and critics begin with that others have learnt."""
    samples: Path = _below("samples")
    """Pictures drawn on the way."""
    bundle: Path = _below("bundle")
    """What the run was made for."""
    without_refine: Path = _below("without-refine")
    """Where there is a refinement, the bundle before it."""

    @property
    def begun(self) -> bool:
        """Whether there is a run."""
        return self.state.exists()

    @property
    def new(self) -> bool:
        """Whether nothing has been begun: there is no folder, or nothing in it but what a write left when cut off."""
        return folders.is_new(self.path)

    @property
    def events(self) -> Events:
        """Every number of the training, for people."""
        return Events(self.path / "events.jsonl")

    def name_of(self, path: Path) -> str:
        """A file's name in this folder."""
        return path.relative_to(self.path).as_posix()

    def weights(self, stage: str) -> Path:
        """A finished stage's networks, by its name."""
        return self.stages / f"{stage}.safetensors"

    def critics(self, stage: str) -> Path:
        """A finished stage's critics, where it had some."""
        return self.stages / f"{stage}.critics.safetensors"

    def read_recipe(self) -> dict[str, Any]:
        """The resolved recipe as plain values."""
        return renamed(atomic.read_json(self.recipe, "a resolved recipe"))


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
        threads = f"{self.threads} thread{'s' * (self.threads > 1)}"
        processes = f"{self.processes} processes" if self.processes > 1 else ""
        return ", ".join(part for part in (self.machine, self.gpu, processes, threads, self.precision) if part)


_KINDS: dict[str, type | UnionType] = {
    **dict.fromkeys(("command", "machine", "precision", "device", "gpu", "start"), str),
    **dict.fromkeys(("threads", "processes", "white"), int),
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


def resumed(
    folder: RunFolder, catalogue: Catalogue, recipe: Recipe | None, minutes: float | None, start: str = ""
) -> tuple[RunState, Recipe]:
    """The state and the resolved recipe of a run that goes on; what a cut-off write left there is removed.

    A finished one that is given more `minutes` is to learn on. Raises InputError when there is none, or when `recipe`,
    `minutes` or `start` are given and differ from what it began with.
    """
    if not folder.begun:
        raise InputError(
            str(folder.state),
            found="no such file",
            expected="the folder of a run that was begun, or an empty one",
            cure="Leave out --resume.",
        )
    state = RunState.read(folder)
    if state.ready and not folder.recipe.exists():
        raise InputError(str(folder.recipe), found="no such file", expected="the recipe of the run that was begun")
    if state.ready:
        state.check(folder, folder.recipe, "It is not what the run went by: put it back, or begin a new run.")
    if state.done and minutes and state.minutes and minutes > state.minutes:
        state.spent, state.minutes, state.done, state.ready = state.minutes, minutes, False, False
    begun_with = resolve(dict(state.asked), catalogue).plain()  # with the defaults of keys that are newer than the run
    asked = {"recipe": begun_with, "minutes": state.minutes, "start": state.start}
    now = {
        "recipe": recipe.plain() if recipe else begun_with,
        "minutes": minutes or state.minutes,
        "start": start or state.start,
    }
    for key, was, wanted in _differences(asked, now, ""):
        path = "$" + key.removeprefix(".recipe") if key.startswith(".recipe") else f"--{key[1:]}"
        if path not in FREE:
            cure = "Leave it out, or begin a new run."
            if path == "--minutes":
                cure = "Leave it out (a finished run that had minutes learns on when it is given more), or begin a new "
                cure += f"run from it: --start {folder.path} --out elsewhere."
            raise InputError(
                f"--resume: {path}",
                found="nothing" if wanted is None else f"{wanted!r}",
                expected=_began(was),
                cure=cure,
            )
    atomic.clear_parts(folder.path)
    # a kill may have come between the first writing of the two files
    settled = state.ready or state.spent
    return state, resolve(folder.read_recipe() if settled else dict(state.asked), catalogue)


def _began(value: Any) -> str:
    return "nothing, as the run began" if value is None else f"{value!r}, which the run began with"


def _differences(was: Any, now: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(was, dict) and isinstance(now, dict):
        for key in [*was, *(k for k in now if k not in was)]:
            yield from _differences(was.get(key), now.get(key), f"{path}.{key}")
    elif isinstance(was, list) and isinstance(now, list) and len(was) == len(now):
        for n, (a, b) in enumerate(zip(was, now)):
            yield from _differences(a, b, f"{path}[{n}]")
    elif was != now:
        yield path, was, now
