"""Your own pictures: a folder per domain, or one root with trainA, trainB, testA and testB.

Every file is decoded once before anything is trained, so that a damaged one is named then and not hours later; what
was found is remembered in the user's cache by path, size and time, so that the next start need not look again.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

from attrs import frozen, validators

from ...framework import (
    CrosscadeError,
    Dataset,
    DatasetOffer,
    Domain,
    Image,
    ImageSet,
    InputError,
    Pair,
    hookimpl,
    option,
    read_rgb,
    resize_short_side,
)
from ...framework.data.contents import BRIGHT, DARK, MORE, Contents, lines
from ...framework.data.dataset import WHITE
from ...framework.data.images import frames, highest, verify
from ...framework.support import atomic
from ...framework.support.fetch import cache_dir

TWELVE_BITS = 2**12
NARROWEST = 16  # sides in a greater proportion make no square crop that shows anything, and an enormous resize


@frozen
class FolderOptions:
    """Where the pictures are."""

    a: str = option(
        "", "folder of the first domain (may hold train and test folders); with root: the first domain's name"
    )
    b: str = option("", "folder of the second domain; with root: its name")
    root: str = option("", "instead of a and b: a folder with trainA, trainB, testA, testB")
    test_share: float = option(
        0.15,
        "share held out for tests, by each file's content, where there is no test folder",
        validators.ge(0.01),
        validators.le(0.9),
    )
    range: int = option(
        WHITE,
        "white in grey files of 16 bits (a camera of 12 bits: 4095); a bundle reads the user's pictures alike",
        validators.ge(1),
        validators.le(WHITE),
    )


@frozen
class Found:
    """A usable file and the hash of its content."""

    path: Path
    digest: str


def _examined(path: Path, white: int) -> tuple[str, str, str]:
    """The content's hash, what is wrong with the file or nothing, and what else is to be said of it."""
    digest, note = "", ""
    try:
        digest = atomic.sha256(path)
        width, height = verify(path)
        note = MORE if frames(path) > 1 else _shade(highest(path), white)
    except InputError as error:
        return digest, error.found, note
    except OSError as error:
        return digest, error.strerror or str(error), note
    if max(width, height) > NARROWEST * min(width, height):
        return digest, f"{width} x {height} pixels, too narrow", note
    return digest, "", note


def _shade(highest: int | None, white: int) -> str:
    if highest is None:
        return ""
    return DARK if white == WHITE and highest < TWELVE_BITS else BRIGHT if highest > white else ""


def examine(folder: Path, white: int = WHITE) -> tuple[list[Found], list[str]]:
    """The usable pictures below a folder, and a line for each file that is not used, or only in part."""
    memory = cache_dir() / "folders" / f"{hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:24]}.json"
    try:
        known = atomic.read_json(memory, "pictures and their hashes")
    except (OSError, CrosscadeError):
        known = {}

    def one(path: Path) -> list[Any]:
        try:
            state = path.stat()
            stamp = f"{state.st_size} {state.st_mtime_ns} {white}"
        except OSError as error:
            return ["", "", error.strerror or str(error), ""]
        old = known.get(path.relative_to(folder).as_posix())
        # Only what was found good is believed: a bad file may be bad no longer for reasons outside of it.
        if isinstance(old, list) and len(old) == 4 and old[0] == stamp and not old[2] and isinstance(old[3], str):
            return old
        return [stamp, *_examined(path, white)]

    contents = Contents.of(folder)
    paths = contents.files
    with ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1)) as pool:
        results = list(pool.map(one, paths))
    seen = {path.relative_to(folder).as_posix(): result for path, result in zip(paths, results)}
    if seen != known:
        # A cache that cannot be written costs time at the next start, nothing else.
        with suppress(OSError, CrosscadeError):
            atomic.write_json(memory, seen)
    good = [Found(path, digest) for path, (_, digest, wrong, _) in zip(paths, results) if not wrong]
    said = [(path, wrong or note) for path, (_, _, wrong, note) in zip(paths, results) if wrong or note]
    return good, [*lines([*contents.left_out, *said])]


def hold_out(found: Sequence[Found], share: float) -> tuple[list[Found], list[Found]]:
    """Training and test files. A file's side depends on its content alone, so it stays when others come or go.

    Equal files fall on the same side. Of at least two different ones, each side gets one.
    """
    place = {item.digest: int(item.digest[:13], 16) / 16**13 for item in found}
    ranked = sorted(place, key=lambda digest: place[digest])
    test = {digest for digest in ranked if place[digest] < share}
    if len(ranked) > 1:
        test = (test | {ranked[0]}) - {ranked[-1]}
    return [v for v in found if v.digest not in test], [v for v in found if v.digest in test]


class FileSet(ImageSet):
    """Pictures in files, decoded when they are loaded."""

    def __init__(self, name: str, paths: Sequence[Path], white: int = WHITE) -> None:
        self.name, self.paths, self.white = name, tuple(paths), white

    def __len__(self) -> int:
        return len(self.paths)

    def load(self, index: int, short_side: int) -> Image:
        """File `index`, resized."""
        return resize_short_side(read_rgb(self.paths[index], white=self.white), short_side)

    def label(self, index: int) -> str:
        """The file's name."""
        return self.paths[index].name

    def path(self, index: int) -> Path:
        """The file."""
        return self.paths[index]


def _folder(text: str, what: str) -> Path:
    path = Path(text).expanduser()
    if not path.is_dir():
        where, found = f"folder {what} = '{text}'", "a file" if path.exists() else "nothing there"
        option = "--set data.root=DIR" if what == "root" else f"--{what} DIR"
        raise InputError(where, found=found, expected="a folder of pictures", cure=f"Give its path: {option}.")
    return path


def _names(a: Path, b: Path) -> Pair[str]:
    """The folders' names, with their parents' where they are alike."""
    a, b = a.resolve(), b.resolve()
    for one, other in ((a, b), (a.parent, b.parent)):
        if one.name != other.name:
            return Pair(_text(one.name) or "a", _text(other.name) or "b")
    return Pair(f"{_text(a.name)}-a", f"{_text(b.name)}-b")


def _text(name: str) -> str:
    """A name that pages and graphs can hold, whatever bytes the folder's is made of."""
    return os.fsencode(name).decode("utf-8", "replace")


class FolderDataset(Dataset):
    """Two domains of files."""

    name = "folder"

    def __init__(self, options: FolderOptions) -> None:
        if options.root:
            root = _folder(options.root, "root")
            trains = Pair("trainA", "trainB").map(lambda name: _folder(str(root / name), "root"))
            tests: Pair[Path | None] = Pair("testA", "testB").map(lambda name: root / name)
            names = Pair(options.a or "A", options.b or "B")
            self.sources = (root,)
        else:
            if not options.a or not options.b:
                raise InputError(
                    "folder",
                    found="no folder for " + ("a" if not options.a else "b"),
                    expected="a and b, or root",
                    cure="Use --data folder:DIR_A,DIR_B, or --data folder --set data.root=DIR.",
                )
            folders = Pair(_folder(options.a, "a"), _folder(options.b, "b"))
            names = _names(*folders)
            trains = folders.map(lambda path: path / "train" if (path / "train").is_dir() else path)
            tests = folders.zip(lambda path, train: path / "test" if train != path else None, trains)
            self.sources = tuple(folders)
        one, other = (path.resolve() for path in trains)
        if one == other or one in other.parents or other in one.parents:
            raise InputError(
                f"folders '{trains.a}' and '{trains.b}'", found="one within the other", expected="two separate folders"
            )
        if names.a == names.b:
            raise InputError("folder domains", found=f"'{names.a}' twice", expected="two different names")
        aside: list[str] = []
        self.white = options.range

        def domain(name: str, train: Path, test: Path | None) -> Domain:
            kept, bad = examine(train, self.white)
            aside.extend(bad)
            if not kept:
                raise InputError(
                    str(train),
                    found=f"no usable picture ({bad[0]})" if bad else "an empty folder",
                    expected="at least one picture",
                    cure="JPEG, PNG, WebP, BMP, TIFF and GIF are read.",
                )
            held: list[Found] = []
            if test is not None and test.is_dir():
                held, bad = examine(test, self.white)
                aside.extend(bad)
                if not held:
                    aside.append(f"{test}: no usable picture; some of {train.name} are held out instead")
            if not held:
                kept, held = hold_out(kept, options.test_share)
            if not held:
                aside.append(f"{name}: one picture only, used for training and for tests: scores say little")
                held = kept
            parts = {"train": kept, "test": held}
            files = {k: FileSet(f"{name}-{k}", [v.path for v in each], self.white) for k, each in parts.items()}
            return Domain(name, **files)

        self.domains = names.zip(domain, trains, tests)
        self.set_aside = tuple(aside)


@hookimpl
def datasets() -> Iterable[DatasetOffer]:
    """Offers `folder`."""
    yield DatasetOffer(
        name="folder",
        options=FolderOptions,
        build=FolderDataset,
        source="your files",
        summary="Your own pictures: folder:DIR_A,DIR_B, or a root with trainA, trainB, testA, testB",
    )
