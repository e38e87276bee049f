"""Which pictures a command reads, where its results go, and the way from the ones to the others. Torch-free."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import CrosscadeError, InputError

if TYPE_CHECKING:
    from ..support.progress import Reporter
    from .dataset import Image


def image_files(names: Iterable[str]) -> list[Path]:
    """The named files, and the image files in the named folders. InputError for a name that is neither."""
    from .images import SUFFIXES  # brings numpy and Pillow, which the help of a command does not need

    files: list[Path] = []
    for name in names:
        path = Path(name)
        if path.is_dir():
            inside = sorted(p for p in path.rglob("*") if p.suffix.lower() in SUFFIXES)
            if not inside:
                raise InputError(
                    name, found="no images in this folder", expected="PNG, JPEG, WebP, BMP, TIFF or GIF files"
                )
            files += inside
        elif path.is_file():
            files.append(path)
        else:
            raise InputError(name, found="no such file", expected="an image or a folder of images")
    return files


def free_name(stem: str, taken: set[str]) -> str:
    """`stem`, numbered when it is taken already: pictures of several folders may share a name. It is taken then."""
    candidates = chain([stem], (f"{stem}-{n}" for n in count(2)))
    name = next(v for v in candidates if v.lower() not in taken)  # some file systems know no upper case
    taken.add(name.lower())
    return name


def results_folder(name: str, *, force: bool) -> Path:
    """The folder for results, not made yet. InputError for a file, and for one that is not empty unless `force`."""
    out = Path(name)
    if out.is_file():
        raise InputError(str(out), found="a file", expected="a folder to write to", cure="Give another --out.")
    if out.exists() and any(out.iterdir()) and not force:
        raise InputError(
            str(out), found="a folder that is not empty", expected="an empty or new one", cure="Use --force."
        )
    return out


def translate_files(
    files: Sequence[Path],
    out: Path,
    report: Reporter,
    read: Callable[[Path], Any],
    translated: Callable[[list[int], list[Any]], Iterable[Mapping[str, Image]]],
    *,
    stage: str,
    batch: int = 1,
    by: str = "",
) -> int:
    """Writes what becomes of each file into `out`, as PNG; the command's exit code, 1 when some could not be read.

    `translated` gets the places among `files` of those of a batch that could be read, and what `read` made of them;
    for each it gives the results by what their files' names end with. `by` follows `out` in what is said at the end.
    """
    from .images import write_png

    done, names = 0, set[str]()
    with report.stage(stage, len(files)) as bar:
        for start in range(0, len(files), batch):
            pictures: dict[int, Any] = {}
            piece = range(start, min(start + batch, len(files)))
            for place in piece:
                try:
                    pictures[place] = read(files[place])
                except CrosscadeError as error:
                    report.warn(str(error))
            if pictures:
                for place, results in zip(pictures, translated(list(pictures), list(pictures.values()))):
                    for ending, image in results.items():
                        write_png(out / f"{free_name(files[place].stem + ending, names)}.png", image)
            done += len(pictures)
            bar.advance(len(piece))
    failed = len(files) - done
    if not done:
        raise InputError(f"{failed} file(s)", found="none that can be read", expected="images")
    report.say(f"{done} images in {out}{by}" + (f", {failed} could not be read" if failed else ""))
    return 1 if failed else 0
