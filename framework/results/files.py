"""Which pictures a command reads, where its results go, and the way from the ones to the others. Torch-free.

A result lies where its picture lies below the folder that was named.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import define, evolve, field, frozen

from ..data.contents import A_VIDEO, MORE, Contents, lines, summary
from ..errors import CrosscadeError, InputError, numbered
from ..support import atomic
from ..support.limits import Ahead, readers
from .results import LIST, Results, free_name, shown

if TYPE_CHECKING:
    from ..data.dataset import Image
    from ..data.films import Filmed
    from ..support.progress import Reporter

NO_PICTURE = "no picture of a known format"
NONE_ASKED = (NO_PICTURE, A_VIDEO)
"""Reasons to leave out a file that merely lies there, which is no failure."""
ON_WHITE = "transparent, which a JPEG is not: it lies on white"


@frozen
class Source:
    """A file to be read, and where its result goes below the folder for results, without an ending."""

    path: Path
    place: Path
    named: bool
    """Whether the user named this file itself, and not a folder that holds it."""


@define
class Sources:
    """Everything that was named to be read."""

    files: list[Source] = field(factory=list)
    left_out: list[tuple[Path, str]] = field(factory=list)
    inputs: list[Path] = field(factory=list)
    """What results may be neither over nor among."""

    @classmethod
    def of(cls, names: Sequence[str]) -> Sources:
        """The named files, and what the named folders hold, each once. InputError for a name that is neither.

        Below one folder alone results lie as their pictures do; of several each has a folder of its name.
        """
        sources, taken = cls(), set[str]()
        names = list({Path(name).absolute(): name for name in names}.values())
        for name in names:
            path = Path(name)
            if os.path.isdir(path):
                contents = Contents.of(path)
                if not contents.files and not contents.left_out:
                    raise InputError(name, found="no images in this folder", expected=EXPECTED)
                top = Path() if len(names) == 1 else Path(free_name(path.resolve().name, taken))
                sources.files += [Source(v, top / v.relative_to(path).with_suffix(""), False) for v in contents.files]
                sources.left_out += contents.left_out
                sources.inputs += [path, *contents.folders]
            elif os.path.exists(path):
                sources.files.append(Source(path, Path(path.stem), True))
                sources.inputs.append(path)
            else:
                raise InputError(name, found="no such file", expected="an image or a folder of images")
        once: dict[Path, Source] = {}  # a file may also lie in a folder that was named
        for source in sources.files:
            first = once.setdefault(path := source.path.absolute(), source)
            once[path] = evolve(first, named=first.named or source.named)
        sources.files, sources.left_out = list(once.values()), list(dict.fromkeys(sources.left_out))
        return sources


SMALL, SOME = 64 << 10, 16
"""Bytes on average of so many files: reading one of fewer costs less than having another thread do it."""
EXPECTED = "PNG, JPEG, WebP, BMP, TIFF or GIF files"


def translate_files(
    sources: Sources,
    results: Results,
    report: Reporter,
    read: Callable[[Path], Any],
    translated: Callable[[list[int], list[Any]], Iterable[Sequence[Image | Filmed]]],
    *,
    stage: str,
    endings: Sequence[str] = (".png",),
    batch: int = 1,
    by: str = "",
    threads: int | None = None,
) -> int:
    """Writes what becomes of each file into the held folder; the exit code, 1 when some could not be read.

    `translated` gets the places among the files of those of a batch that could be read, and what `read` made of them;
    for each it gives the results, one for each of `endings` of their names. `by` follows the folder in what is said.
    `threads` read and write beside the one that translates; by default as many as `readers` says, none
    for files below SMALL.
    """
    from ..data.films import Film, Filmed
    from ..data.images import SUFFIXES

    files, bad, out = sources.files, list(sources.left_out), results.out
    places = results.places(files, endings)
    todo = [k for k, source in enumerate(files) if not results.done(source, places[k])]
    failed, made, told = 0, 0, list[tuple[Path, str]]()
    for k, reason in {**dict.fromkeys(range(len(files)), ""), **dict.fromkeys(todo, "not made yet")}.items():
        names = [shown(path.relative_to(out).as_posix()) for path in places[k]]
        results.rows[shown(files[k].path)] = [(name, reason) for name in names]
    atomic.clear_parts_of([out / LIST, *(path for k in todo for path in places[k])])
    results.write_list()  # a kill leaves whose each is
    try:
        threads = _threads([files[k].path for k in todo]) if threads is None else threads
        with report.stage(stage, len(todo)) as bar, Ahead(threads) as pool:
            # the hash comes first: of a picture that is replaced meanwhile the result is made again, not kept
            readings = pool.map(lambda k: (results.by_of(files[k].path), _tried(read, files[k].path)), todo, batch)
            for piece in _pieces(todo, batch):
                pictures, says = dict[int, Any](), dict[int, str]()
                for k, (says_of, picture) in zip(piece, readings):
                    says[k] = says_of
                    if isinstance(picture, CrosscadeError):
                        reason = picture.found or str(picture)
                        (told if reason == A_VIDEO else bad).append((files[k].path, reason))
                        failed += files[k].named or reason not in NONE_ASKED or files[k].path.suffix.lower() in SUFFIXES
                        results.rows[shown(files[k].path)] = [("", reason)]
                        continue
                    pictures[k] = picture
                    if isinstance(picture, Film):
                        told += [(files[k].path, picture.note)] if picture.note else []
                    elif getattr(picture, "several", False):
                        told.append((files[k].path, f"{MORE} (--frames takes all)"))
                    if getattr(picture, "alpha", None) is not None and places[k][0].suffix == ".jpg":
                        told.append((files[k].path, ON_WHITE))
                images = list(translated(list(pictures), list(pictures.values()))) if pictures else []
                # a film is translated while it is written
                beside = batch if not any(isinstance(image, Filmed) for each in images for image in each) else 0
                to_write = [
                    (places[k], each, says[k], getattr(pictures[k], "profile", b""), report)
                    for k, each in zip(pictures, images)
                ]
                writing = pool.map(_written, to_write, beside) if beside else map(_written, to_write)
                for k, error in zip(pictures, writing):
                    if error:
                        if isinstance(error.__cause__, OSError) and error.__cause__.errno in atomic.FULL:
                            raise error
                        bad.append((files[k].path, error.found))
                        failed += 1
                        continue
                    made += 1
                    names = [shown(path.relative_to(out).as_posix()) for path in places[k]]
                    results.rows[shown(files[k].path)] = [(name, "") for name in names]
                bar.advance(len(piece))
    finally:
        left = {shown(path): [("", reason)] for path, reason in sources.left_out}
        results.rows |= {path: rows for path, rows in left.items() if path not in results.rows}
        results.write_list()
    for line in summary(lines(bad)):
        report.warn(f"{line}. Replace or remove it.")
    for line in summary(lines(told)):
        report.warn(line)
    there = len(files) - len(todo)
    if not made and not there:
        raise InputError(f"{len(files) or len(bad)} file(s)", found="none that can be read", expected="images")
    said = [f"{numbered(made, 'image')} in {out}{by}", *([f"{there} were there already"] if there else [])]
    report.say(", ".join([*said, *([f"{len(bad)} could not be read, see {out / LIST}"] if bad else [])]))
    return 1 if failed else 0


def _pieces(places: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    for start in range(0, len(places), size):
        yield places[start : start + size]


def _tried(read: Callable[[Path], Any], path: Path) -> Any:
    """A picture, or why it is none."""
    try:
        return read(path)
    except CrosscadeError as error:
        return error


def _threads(paths: Sequence[Path]) -> int:
    sizes = [path.stat().st_size for path in paths[:SOME] if path.is_file()]
    return readers() if sum(sizes) > SMALL * len(sizes) else 0


def _written(how: tuple[Sequence[Path], Sequence[Image | Filmed], str, bytes, Reporter]) -> CrosscadeError | None:
    """A picture's results; why they could not be written."""
    from ..data.films import Filmed
    from ..data.written import write_picture

    paths, images, by, profile, report = how
    try:
        for path, image in zip(paths, images):
            if isinstance(image, Filmed):
                with report.stage(shown(path.name), image.film.count) as bar:
                    image.write(path, by, bar.advance)
            else:
                write_picture(path, image, by=by, profile=profile)
    except CrosscadeError as error:
        return error
    return None
