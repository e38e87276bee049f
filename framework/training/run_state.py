"""The state of a run that was begun, and that what resumes it asks for nothing else."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..catalogue import Catalogue
from ..errors import InputError
from ..recipe.recipe import Recipe
from ..recipe.resolve import resolve
from ..support import atomic

FORMAT = "crosscade.run/1"
FREE = ("$.training.checkpoint_seconds", "$.training.samples_seconds", "$.training.threads")
"""What may differ when a run goes on: it changes no bit of the result (the threads are the run's own all the same)."""


def new(recipe: Recipe, minutes: float | None, command: str) -> dict[str, Any]:
    """The state of a run that begins."""
    return {
        "format": FORMAT, "command": command, "minutes": minutes, "asked": recipe.plain(), "machine": machine(),
    }  # fmt: skip


def machine() -> str:
    """This machine in a few words: its processor, cores and system."""
    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        models = [v for v in cpuinfo.read_text(encoding="utf-8").splitlines() if v.startswith("model name")]
        name = models[0].partition(":")[2].strip() if models else name
    return f"{name}, {os.cpu_count()} logical cores, {platform.system()}"


def state_of(out: Path) -> dict[str, Any]:
    """The state of the run in `out`. Raises InputError when it is of another format."""
    state: dict[str, Any] = atomic.read_json(out / "run.json", "the state of a run")
    if state.get("format") != FORMAT:
        raise InputError(
            str(out / "run.json"),
            found=f"format {state.get('format')!r}",
            expected=FORMAT,
            cure="Use the version of crosscade that began it, or begin again with --force.",
        )
    return state


def read(
    out: Path, catalogue: Catalogue, recipe: Recipe | None, minutes: float | None
) -> tuple[dict[str, Any], Recipe]:
    """The state and the resolved recipe of the run in `out`; what a cut-off write left there is removed.

    Raises InputError when there is none, or when `recipe` or `minutes` are given and differ from what it began with.
    """
    for name in ("recipe.json", "run.json"):
        if not (out / name).exists():
            raise InputError(
                str(out / name),
                found="no such file",
                expected="the folder of a run that was begun",
                cure="Leave out --resume.",
            )
    state = state_of(out)
    asked = {"recipe": state.get("asked"), "minutes": state.get("minutes")}
    now = {"recipe": recipe.plain() if recipe else asked["recipe"], "minutes": minutes or asked["minutes"]}
    for path, was, wanted in _differences(asked, now, ""):
        path = "$" + path.removeprefix(".recipe") if path.startswith(".recipe") else "--minutes"
        if path not in FREE:
            raise InputError(
                f"--resume: {path}",
                found=f"{wanted!r}",
                expected=f"{was!r}, which the run began with",
                cure="Leave it out, or begin a new run.",
            )
    atomic.clear_parts(out)
    return state, resolve(atomic.read_json(out / "recipe.json", "a resolved recipe"), catalogue)


def _differences(was: Any, now: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(was, dict) and isinstance(now, dict):
        for key in [*was, *(k for k in now if k not in was)]:
            yield from _differences(was.get(key), now.get(key), f"{path}.{key}")
    elif isinstance(was, list) and isinstance(now, list) and len(was) == len(now):
        for n, (a, b) in enumerate(zip(was, now)):
            yield from _differences(a, b, f"{path}[{n}]")
    elif was != now:
        yield path, was, now
