"""What a watcher and a starter must keep: what stands beside a training, before it and while it lasts."""

from __future__ import annotations

import copy
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from ..bundle.bundle import load
from ..catalogue.catalogue import Catalogue
from ..data.written import write_png
from ..hookspecs import StarterOffer, WatcherOffer
from ..support.events import Watcher
from .tools import asking, built, in_sentences, name_of, require

STAGE = {"stage": 0, "title": "translate level 5"}
EVENTS: tuple[dict[str, Any], ...] = (
    {"event": "step", **STAGE, "step": 1, "images": 8, "values": {"mine": 0.5, "critic/yours": -1.0}},
    {"event": "sample", **STAGE, "step": 1, "file": "samples/1.png"},
    {"event": "step", **STAGE, "step": 2, "images": 16, "values": {"mine": 0.25, "critic/yours": -2.0}},
    {"event": "stage", **STAGE, "step": 2, "seconds": 1.5, "state_sha256": "0" * 64},
    {"event": "health", "stage": 0, "step": 2, "level": 5, "direction": "a2b", "diversity": 0.9, "distinct": 1.0,
     "collapsed": False, "warnings": []},
    {"event": "other", "stage": 0},
)  # fmt: skip
"""One of each kind that a run tells, as docs/events.md has them, and one of a kind that may come one day."""


@in_sentences
def check_watcher(watcher: WatcherOffer, *, options: Any = None) -> None:
    """Follows a run with every kind of event, also one that it does not know, changes none of them, and ends."""
    with TemporaryDirectory() as folder:
        run = Path(folder)
        write_png(run / "samples" / "1.png", np.zeros((8, 24, 3), np.uint8))
        follower, what = built(watcher, options, run=run)
        require(isinstance(follower, Watcher), f"{what} is a {type(follower).__name__}, not a Watcher")
        for event in EVENTS:
            told = copy.deepcopy(event)
            with asking(what, f"the event {event}"):
                follower.event(told)
            require(told == event, f"{what}: changes the event {event}, which others are told too")
        with asking(what, "`close`"):
            follower.close()


@in_sentences
def check_starter(starter: StarterOffer, catalogue: Catalogue | None = None) -> None:
    """The folder of a bundle that can be read, with weights in it."""
    what = name_of(starter)
    with asking(what, "`build`"):
        folder = starter.build()
    require(
        isinstance(folder, Path), f"{what}: build gives a {type(folder).__name__}, not the Path of a bundle's folder"
    )
    with asking(what, str(folder)):
        bundle = load(folder, catalogue)
    weights = sorted(file for file in bundle.manifest["files"] if file.endswith(".safetensors"))
    require(len(weights) > 1, f"{what}: no network is in {folder}, only {weights}")
