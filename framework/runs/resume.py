"""A run that goes on: with what it was begun with."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..catalogue.catalogue import Catalogue
from ..errors import InputError
from ..recipe.recipe import Recipe
from ..recipe.resolve import resolve
from ..support import atomic
from .folder import RunFolder
from .state import RunState

FREE = ("$.training.checkpoint_seconds", "$.training.samples_seconds", "$.training.threads")
"""What may differ when a run goes on: it changes no bit of the result (the threads are the run's own all the same)."""


def resumed(
    folder: RunFolder,
    catalogue: Catalogue,
    recipe: Recipe | None,
    minutes: float | None,
    command: str = "",
    start: str = "",
) -> tuple[RunState, Recipe]:
    """The state and the resolved recipe of a run that goes on; what a cut-off write left there is removed.

    A finished one that is given more `minutes`, by `command`, is to learn on. Raises InputError when there is none, or
    when `recipe`, `minutes` or `start` are given and differ from what it began with.
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
    began = resolve(dict(state.asked), catalogue)
    if state.done and minutes and state.minutes and minutes > state.minutes and began.learning:
        state.spent, state.minutes, state.done, state.ready = state.minutes, minutes, False, False
        state.command = " && ".join(filter(None, [state.command, command]))
    begun_with = began.plain()  # with the defaults of keys that are newer than the run
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
    kept = resolve(folder.read_recipe(), catalogue) if settled else began
    return state, kept.longer(-state.before) if state.ready else kept


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
