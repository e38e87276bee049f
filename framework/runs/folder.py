"""A run on disk: where its files are."""

# ruff: noqa: RUF009 (a field may be made by a function of ours)

from __future__ import annotations

from pathlib import Path
from typing import Any

from attrs import Factory, field, frozen

from ..recipe.resolve import renamed
from ..support import atomic, folders

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
    events: Path = _below("events.jsonl")
    """Every number of the training, for people: what `support.events.Events` writes."""
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
