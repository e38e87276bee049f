"""What is compared within which budget: asked for on the command line, kept in `protocol.json`. Torch-free."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from attrs import evolve, frozen

from ...framework import InputError
from ...framework.recipe.read import data_arguments, device_argument
from ...framework.recipe.schema import plain, structure
from ...framework.runs.folder import KIND as RUN
from ...framework.support import atomic, folders
from .sweeps import sweep as sweeps
from .variant import Variant

DATA = "safari:zebra,giraffe"
HINT = "Use --resume to go on with it, or --force to clear it."
BUDGET = ("minutes", "images", "seeds", "data", "a", "b", "set")


def budget_arguments(parser: argparse.ArgumentParser, *, out: str, minutes: float | None = None) -> None:
    """The arguments that say how much each run gets, on which data, and where the results go."""
    default = f" (default: {minutes:g})" if minutes else ""
    group = parser.add_argument_group("budget")
    group.add_argument(
        "--minutes", type=float, help=f"budget of a run: minutes of training, of one core's own time{default}"
    )
    group.add_argument(
        "--images", type=int, help="budget of a run: images of each domain, summed over every stage that learns"
    )
    group.add_argument("--seeds", type=int, metavar="N", help="runs of each, by the seeds 0 to N-1 (default: 1)")
    group = parser.add_argument_group("data and recipes")
    data_arguments(group, data=f"dataset (default: {DATA})", key="a key of every recipe")
    group = parser.add_argument_group("work and results")
    group.add_argument(
        "--jobs",
        type=int,
        help="runs at a time, each on one core (fair where cores are idle), or of several GPUs each on its own "
        "(default: 1, or as many as GPUs)",
    )
    device_argument(group)
    group.add_argument("--all", action="store_true", help="every metric, fetching the weights that some need")
    group.add_argument("--out", default=out, help=f"folder for the results (default: {out})")
    group.add_argument("--resume", action="store_true", help="go on with what stands in the folder")
    group.add_argument("--force", action="store_true", help="clear the folder first, if all in it is a comparison's")


def run_options(arguments: argparse.Namespace) -> dict[str, Any]:
    """What `run` is told of these that is not in the protocol: it changes no score."""
    return {"jobs": arguments.jobs, "every_metric": arguments.all, "resume": arguments.resume}


def held(command: str, arguments: argparse.Namespace) -> folders.Held:
    """The folder for the results, to be held before it is read."""
    out = Path(arguments.out)
    kind = folders.Kind(f"of crosscade {command}", "protocol.json", (f"crosscade.{command}/1",), _files)
    force, resume = arguments.force, arguments.resume
    return folders.Held(out, partial(folders.check, out, kind, force=force, resume=resume, hint=HINT))


def _files(protocol: Mapping[str, Any]) -> Iterator[str]:
    """Patterns of what a comparison writes."""
    yield from ("table.md", "table.json", "index.html", "grids/a2b.png", "grids/b2a.png", "sheets/*.png")
    yield from ("recipes/*.json", "runs/*.log", "runs/*.cost.json", "runs/*/run.json")
    yield from (f"runs/*/{name}" for name in RUN.wrote({}))


@frozen(kw_only=True)
class Protocol:
    """Who is compared, on which images, within which budget."""

    methods: str = ""
    sweep: sweeps.Sweep | None = None
    """In place of methods."""
    words: tuple[str, ...] = ()
    """What named the sweep."""
    recipe: str = "demo"
    """What the sweep varies."""
    minutes: float | None = None
    images: int | None = None
    seeds: int = 1
    data: str | None = None
    a: str | None = None
    b: str | None = None
    set: tuple[str, ...] = ()
    precision: str = ""
    """The arithmetic, chosen once, so that every run has the same."""
    device: str = ""
    """What is trained and scored on: as asked for, or `cuda` or `cpu`, whichever there was."""
    images_sha256: str = ""
    """Of the training images, once they are known; comparisons that are older have none."""

    @classmethod
    def asked(cls, command: str, arguments: argparse.Namespace, minutes: float | None = None, **own: Any) -> Protocol:
        """By `command`'s arguments, its `own` among them, and with `--resume` by what stands in the folder.

        Where nobody gave a budget it is of so many `minutes`. Raises InputError for a budget that is none.
        """
        file = Path(arguments.out) / "protocol.json"
        stored = cls.read(file, command) if arguments.resume and file.exists() else cls()
        chosen = {key: getattr(arguments, key) for key in BUDGET} | {"set": tuple(arguments.set)} | own
        chosen["device"] = None if arguments.device == "auto" else arguments.device
        protocol = evolve(stored, **{key: value for key, value in chosen.items() if value not in (None, ())})
        if protocol.images is None and protocol.minutes is None:
            protocol = evolve(protocol, minutes=minutes)
        if not (protocol.a or protocol.b or protocol.data):
            protocol = evolve(protocol, data=DATA)
        protocol._check(command)
        from ...framework.support.device import choose, device_of  # torch, which a command's words do not need

        place = device_of(protocol.device or "auto")
        precision = protocol.precision or choose("auto", place)
        return evolve(protocol, precision=precision, device=protocol.device or place.type)

    @classmethod
    def read(cls, file: Path, command: str) -> Protocol:
        """What a comparison was begun with. Raises InputError when it was of another command."""
        stored, expected = atomic.read_json(file, "the protocol of a comparison"), f"crosscade.{command}/1"
        if stored.get("format") != expected:
            raise InputError(str(file), found=f"format {stored.get('format')!r}", expected=expected)
        stored = {"device": "cpu"} | stored  # older ones do not say it, and there was no other
        known = {key: value for key, value in stored.items() if key != "format" and value is not None}
        protocol: Protocol = structure(known, cls, str(file))
        return protocol

    @property
    def command(self) -> str:
        """Whose it is."""
        return "ablate" if self.sweep else "compare"

    def plain(self) -> dict[str, Any]:
        """As `protocol.json` has it."""
        own: dict[str, Any] = {"methods": self.methods}
        if self.sweep:
            own = {"sweep": plain(self.sweep), "words": list(self.words), "recipe": self.recipe}
        budget = {key: getattr(self, key) for key in BUDGET} | {"set": list(self.set) or None}
        return {
            "format": f"crosscade.{self.command}/1",
            **own,
            **budget,
            "precision": self.precision,
            "device": self.device,
            **({"images_sha256": self.images_sha256} if self.images_sha256 else {}),
        }

    def _check(self, command: str) -> None:
        if (self.minutes is None) == (self.images is None):
            raise InputError(
                "--minutes and --images", found="both or neither", expected="one of them, the budget of a run"
            )
        for key in ("minutes", "images", "seeds"):
            value = getattr(self, key)
            if value is not None and not 0 < value < float("inf"):
                raise InputError(f"--{key}", found=str(value), expected="a number above 0")
        if command == "compare" and not self.methods:
            expected = "recipes' names or files, like cascade,cyclegan,cyclegan@3"
            raise InputError("--methods", found="none", expected=expected)
        if command == "ablate" and not self.sweep:
            raise InputError("sweep", found="none", expected="a sweep's name or file, or --vary")

    def variants(self) -> tuple[Variant, ...]:
        """Who is compared. Raises InputError for two methods of one name."""
        if self.sweep:
            return self.sweep.of(self.recipe)
        named = [name.strip() for name in self.methods.split(",") if name.strip()]
        methods = tuple(Variant.method(name, folders=bool(self.a)) for name in named)
        names = [method.name for method in methods]
        if twice := {name for name in names if names.count(name) > 1}:
            raise InputError("--methods", found=f"'{min(twice)}' twice", expected="each method once")
        return methods

    def notes(self, devices: Sequence[str]) -> tuple[str, ...]:
        """Who is compared, the budget and the seeds, for people; `devices` are those of the runs at a time."""
        variants = self.variants()
        notes = [f"{v.name} has {v.times:g} times the budget." for v in variants if v.times != 1]
        if self.sweep:
            notes.append(f"Recipe: {self.recipe}. Sweep {self.sweep.name}: {self.sweep.summary}.")
            notes += [variant.note() for variant in variants]
        if self.minutes:
            clock = "of its core's time" if self.device == "cpu" else "by the clock"
            budget = f"{self.minutes:g} minutes of training a run, {clock}, as planned at its start"
        else:
            budget = f"{self.images} images of each domain a run, summed over every stage that learns"
        seeds = ", ".join(map(str, range(self.seeds)))
        each = ", each on a GPU of its own" if len(set(devices)) > 1 else ""
        return (
            *notes,
            f"Budget: {budget}; both directions together; at most {len(devices)} at a time{each}; {self.precision} on "
            f"{self.device}.",
            f"Training seeds: {seeds}. A method with styles draws one for each image from its prior, by the same seed.",
        )

    def command_line(self, jobs: int, every_metric: bool, out: Path) -> str:
        """The command that makes the same from nothing, however often it was resumed."""
        line = ["crosscade", self.command, *self.words]
        for key in ("recipe" if self.sweep else "methods", "data", "a", "b", "minutes", "images", "seeds"):
            if value := getattr(self, key):
                line += [f"--{key}", f"{value:g}" if isinstance(value, float) else str(value)]
        for setting in self.set:
            line += ["--set", setting]
        line += ["--device", self.device]
        line += [*(["--jobs", str(jobs)] if jobs > 1 else []), *(["--all"] if every_metric else [])]
        return shlex.join([*line, "--out", str(out)])
