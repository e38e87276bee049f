"""Odd pictures, each among sound ones, whose results must not change for it; and folders with odd names."""

from __future__ import annotations

import io
import os
import shutil
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from .contain import contained
from .ledger import LOST, Outcome, judged
from .subjects import Workshop, call, made

NOISE = np.random.default_rng(0).integers(0, 255, (40, 30, 4), dtype=np.uint8)


def encoded(image: Image.Image, form: str, **options: object) -> bytes:
    """A file's bytes."""
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def claiming(width: int, height: int, kind: int = 2) -> bytes:
    """A PNG that says to be of this size and holds next to nothing."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def _exif(turn: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = turn
    return encoded(Image.fromarray(NOISE[..., :3]), "JPEG", exif=exif)


def _frames(form: str) -> bytes:
    frames = [Image.fromarray(np.roll(NOISE[..., :3], k)) for k in range(3)]
    return encoded(frames[0], form, save_all=True, append_images=frames[1:])


RGB = Image.fromarray(NOISE[..., :3])
PICTURES: dict[str, bytes] = {
    **{f"of {w} x {h} pixels": encoded(Image.new("RGB", (w, h), (9, 99, 200)), "PNG")
       for w, h in ((1, 1), (1, 2), (2, 3000), (30_000, 1), (200_000, 1), (1, 50_000), (5000, 5000))},
    **{f"that says to be of {w} x {h}": claiming(w, h) for w, h in ((0, 0), (1, 0), (40_000, 40_000), (2**31 - 1, 1))},
    **{f"of mode {mode}": encoded(Image.fromarray(NOISE).convert(mode), "TIFF")
       for mode in ("1", "L", "LA", "P", "RGBA", "I;16", "I", "CMYK", "LAB", "YCbCr")},
    "of floats": encoded(Image.fromarray(NOISE[..., 0].astype(np.float32)), "TIFF"),
    "of floats that are none": encoded(Image.fromarray(np.full((9, 9), np.nan, np.float32)), "TIFF"),
    **{f"turned by {turn}": _exif(turn) for turn in (0, 1, 3, 6, 8, 9, 255)},
    **{f"of many frames in {form}": _frames(form) for form in ("GIF", "TIFF", "WEBP", "PNG")},
    "empty": b"", "of text": b"hello", "of zeros": bytes(5000), "without end": encoded(RGB, "JPEG")[:-200],
    "with a tail": encoded(RGB, "PNG") + bytes(9999), "in PDF": b"%PDF-1.7\n", "in SVG": b"<svg/>",
    "in EPS": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(/etc/passwd) run\n",
    "in HEIC": b"\0\0\0\x18ftypheic" + b"\0" * 99, "in ICO": encoded(RGB, "ICO"), "in PCX": encoded(RGB, "PCX"),
    "with a megabyte of text": encoded(RGB, "PNG")[:33] + claiming(1, 1)[8:],
}  # fmt: skip
NAMES = ["a b", "é ü 漢字", "\x1b[2J", "-x", "x.", "..x", "a'b\"c", "line\nline", "%s{0}", "x" * 200, "[bold]", "*?"]


def _names() -> list[bytes]:
    return [name.encode() for name in NAMES] + [b"\xff\xfe", b"caf\xe9"]


def _other(path: Path, way: str) -> None:
    match way:
        case "a pipe":
            os.mkfifo(path)
        case "a folder":
            path.mkdir()
        case "a link to itself":
            path.symlink_to(path.name)
        case "a link to its folder":
            path.symlink_to(".")
        case "a link to /dev/zero":
            path.symlink_to("/dev/zero")
        case "a link to nothing":
            path.symlink_to("nothing")
        case "8 GiB of nothing":
            with path.open("wb") as file:
                file.truncate(8 << 30)


OTHERS = ("a pipe", "a folder", "a link to itself", "a link to its folder", "a link to /dev/zero", "a link to nothing",
          "8 GiB of nothing")  # fmt: skip


class Odd:
    """The parts `pictures` (every odd one by two commands) and `folders` (every odd name for what is read and made)."""

    def __init__(self, workshop: Workshop, part: str) -> None:
        self.workshop, self.part, bundle, export = workshop, part, workshop.bundle, workshop.export
        self.commands: dict[str, Callable[[Path, Path], int]] = {
            "translate": lambda path, out: call("translate", bundle, path, "--out", out),
            "run": lambda path, out: call("run", export, path, "--out", out, "--device", "cpu"),
        }
        self.things = [*PICTURES, *OTHERS] if part == "pictures" else _names()

    def __len__(self) -> int:
        return len(self.things) * len(self.commands)

    def attempt(self, number: int) -> Outcome:
        """One thing by one command."""
        command = list(self.commands)[number % len(self.commands)]
        thing = self.things[number // len(self.commands) % len(self.things)]
        place = self.workshop.folder / "place"
        shutil.rmtree(place, ignore_errors=True)
        if isinstance(thing, bytes):
            folder, out = (
                Path(os.fsdecode(os.fsencode(place) + b"/" + thing)),
                Path(os.fsdecode(os.fsencode(place) + b"/o" + thing)),
            )
        else:
            folder, out = place / "pictures", place / "out"
        folder.mkdir(parents=True)
        for k in (0, 1):
            shutil.copy(self.workshop.pictures / "a" / f"{k}.png", folder / f"{k}.png")
        wanted = self._wanted(command)
        if isinstance(thing, str):
            path = folder / "odd.png"
            if thing in PICTURES:
                path.write_bytes(PICTURES[thing])
            else:
                _other(path, thing)
        ended = contained(lambda: self.commands[command](folder, out), self.workshop.folder)
        results = made(out)
        sound = {name: results.get(name) for name in wanted}
        outcome, said = judged(ended, sound, wanted, own=False)
        if ended.code >= 0 and sound != wanted:
            outcome = LOST
        how = repr(os.fsdecode(thing)) if isinstance(thing, bytes) else thing
        return Outcome(number, f"odd {self.part}: {command}", how, outcome, ended.seconds, said[:300])

    def _wanted(self, command: str) -> dict[str, str]:
        """What the sound pictures alone become."""
        out = self.workshop.folder / f"wanted-{command}"
        if not out.exists():
            two = self.workshop.folder / "two"
            shutil.rmtree(two, ignore_errors=True)
            two.mkdir()
            for k in (0, 1):
                shutil.copy(self.workshop.pictures / "a" / f"{k}.png", two)
            ended = contained(lambda: self.commands[command](two, out), self.workshop.folder, memory=16 << 30)
            if ended.code:
                raise SystemExit(f"{command}: {ended.error[-2000:]}")
        return made(out)
