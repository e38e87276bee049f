"""Which pictures a command reads and where its results go. Torch-free."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain, count
from pathlib import Path

from ..errors import InputError


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
