"""The sound things that are attacked, made once: pictures, a bundle, its export, a run that was stopped, a run done."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
from attrs import frozen
from PIL import Image

from crosscade.framework.cli import main
from crosscade.framework.training.watcher import InterruptedRunError, RunWatcher
from tests.cli_tools import picture
from tests.exporters import tiny_export
from tests.framework.tiny import tiny_recipe, tiny_run
from tests.kill_resume import digests

from .contain import contained

PIXELS = (
    "--recipe", "cyclegan",
    *(word for setting in (
        "image.size=32", "image.crops=1", "training.threads=1", "training.precision=float32",
        "training.ship_collapsed=true", "training.checkpoint_seconds=1e-9", "translate[0].translator.width=8",
        "translate[0].translator.blocks=1", "translate[0].losses[lsgan].width=8", "translate[0].schedule.images=12",
    ) for word in ("--set", setting)),
)  # fmt: skip
"""Arguments of a training of seconds."""
SUFFIXES = ("png", "jpg", "webp", "bmp", "tif", "gif")


@frozen
class Subject:
    """A folder or a file that is damaged, and the command that then reads it."""

    kind: str
    sound: Path
    command: Callable[[Path, Path], int]
    """Reads the damaged copy and writes what comes of it."""
    result: Callable[[Path, Path], object]
    """What came of it, of the copy and where it was written; equal for equal results."""
    own: bool = False
    """Whether its content vouches for itself, as a picture's does."""
    files: str = "*"
    """Which of its files are damaged."""


def made(folder: Path) -> dict[str, str]:
    """The pictures in a folder of results: their pixels, beside which their file names who made it."""
    return {path.name: _pixels(path) for path in folder.glob("*.png")} if folder.is_dir() else {}


def _pixels(path: Path) -> str:
    with Image.open(path) as image:
        return hashlib.sha256(f"{image.mode} {image.size}".encode() + image.tobytes()).hexdigest()


def call(*words: object) -> int:
    """A command of ours."""
    return main([str(word) for word in words])


class Workshop:
    """A folder with everything sound in it; what is there already is taken."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.folder.mkdir(parents=True, exist_ok=True)

    def path(self, name: str, make: Callable[[Path], object]) -> Path:
        """`name`, made in a child where it is not there, so that this process stays small."""
        path = self.folder / name
        if not path.exists():
            part = self.folder / f"making-{name}"
            shutil.rmtree(part, ignore_errors=True)
            ended = contained(lambda: make(part) and 0, self.folder, seconds=600, memory=16 << 30)
            if ended.code or not part.exists():
                raise SystemExit(f"{name} could not be made: {ended.error[-2000:]}")
            part.rename(path)
        return path

    @property
    def pictures(self) -> Path:
        """Two domains of four pictures."""

        def make(part: Path) -> None:
            for k in range(4):
                picture(part / "a" / f"{k}.png", k)
                picture(part / "b" / f"{k}.png", 10 + k)

        return self.path("pictures", make)

    @property
    def bundle(self) -> Path:
        """Of a method on pixels, by a run of seconds."""
        data = ("--a", self.pictures / "a", "--b", self.pictures / "b")

        def make(part: Path) -> None:
            call("train", *PIXELS, *data, "--out", part)

        return self.path("run", make) / "bundle"

    @property
    def export(self) -> Path:
        """A whole export of 16 pixels."""
        return self.path("export.onnx", lambda part: tiny_export.write(part, taps=True, style_size=3))

    @property
    def whole(self) -> Path:
        """A run of every kind of stage that was never stopped."""
        return self.path("whole", tiny_run)

    @property
    def stopped(self) -> Path:
        """The same, stopped before its last step."""

        def make(part: Path) -> None:
            recipe, after = tiny_recipe("training.checkpoint_seconds=1e-9"), RunWatcher.after
            last = len(recipe.learning) - 1

            def pressing(watcher: RunWatcher, state: object, values: object, stop: bool) -> None:
                at = (state.stage.index, state.step)  # type: ignore[attr-defined]
                after(watcher, state, values, stop or at == (last, recipe.learning[-1].schedule.steps - 1))

            RunWatcher.after = pressing  # type: ignore[method-assign, assignment]
            with contextlib.suppress(InterruptedRunError):
                tiny_run(part, "training.checkpoint_seconds=1e-9")

        return self.path("stopped", make)

    def images(self) -> Path:
        """A picture of each format that is read, of several modes."""

        def make(part: Path) -> None:
            part.mkdir()
            values = np.random.default_rng(0).integers(0, 255, (24, 31, 4), dtype=np.uint8)
            for suffix in SUFFIXES:
                Image.fromarray(values[..., :3]).save(part / f"rgb.{suffix}")
                Image.fromarray(values[..., 0]).save(part / f"grey.{suffix}")
            Image.fromarray(values).save(part / "rgba.png")
            Image.fromarray(values[..., 0]).convert("P").save(part / "palette.png")
            Image.fromarray(values[..., 0].astype(np.uint16) * 257).save(part / "deep.png")
            Image.fromarray(values[..., 0].astype(np.float32) / 255).save(part / "float.tif")
            Image.fromarray(values).convert("CMYK").save(part / "cmyk.jpg")
            exif = Image.Exif()
            exif[0x0112] = 6
            Image.fromarray(values[..., :3]).save(part / "turned.jpg", exif=exif)

        return self.path("images", make)

    def subjects(self) -> list[Subject]:
        """All that `files` damages."""
        one, bundle = self.pictures / "a" / "0.png", self.bundle

        def resumed(copy: Path, _: Path) -> int:
            return call("train", "--out", copy, "--resume")

        def bits(copy: Path, _: Path) -> object:
            # of the bundles alone: the log, which also has each stage's digest, is for people and may lose lines
            return {k: v for k, v in digests(copy).items() if "/" in k and not k.endswith("recipe.json")}

        def stopped(kind: str, files: str) -> Subject:
            return Subject(kind, self.stopped, resumed, bits, files=files)

        return [
            Subject("pictures", self.images(), lambda copy, out: call("translate", bundle, copy, "--out", out),
                    lambda _, out: made(out), own=True),
            Subject("bundles", bundle, lambda copy, out: call("translate", copy, one, "--out", out),
                    lambda _, out: made(out)),
            Subject("exports", self.export,
                    lambda copy, out: call("run", copy, one, "--out", out, "--device", "cpu", "--threads", 1),
                    lambda _, out: made(out)),
            stopped("runs", "*.json|*.jsonl|stages/*"),
            stopped("stores", "store/*"),
            stopped("checkpoints", "checkpoint*"),
        ]  # fmt: skip


def expected(subject: Subject, scratch: Path) -> object:
    """The result of the sound thing."""
    kept = scratch / f"expected-{subject.kind}.json"
    if not kept.exists():
        copy, out = scratch / "sound", scratch / "sound-out"
        shutil.copytree(subject.sound, copy)
        ended = contained(lambda: subject.command(copy, out), scratch, seconds=600, memory=16 << 30)
        if ended.code:
            raise SystemExit(f"{subject.kind}: {ended.error[-2000:]}")
        kept.write_text(json.dumps(subject.result(copy, out)))
        shutil.rmtree(copy)
        shutil.rmtree(out, ignore_errors=True)
    return json.loads(kept.read_text())
