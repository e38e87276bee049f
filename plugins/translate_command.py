"""`crosscade translate`: images through a trained bundle."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from itertools import chain, count
from pathlib import Path

from ..framework.catalogue import Catalogue
from ..framework.errors import CrosscadeError, InputError
from ..framework.hooks import hookimpl
from ..framework.offers import CommandOffer

SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif"}


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("bundle", help="a bundle folder or a finished run's folder")
    parser.add_argument("files", nargs="+", help="images, or folders of images")
    parser.add_argument("--out", required=True, help="folder for the results (PNG, same names)")
    parser.add_argument("--direction", choices=("a2b", "b2a"), default="a2b", help="default: a2b")
    parser.add_argument(
        "--strip", action="store_true", help="source | deepest | next | final in one picture (Fig. S15)"
    )
    parser.add_argument("--force", action="store_true", help="write into a folder that is not empty")


def image_files(names: Iterable[str]) -> list[Path]:
    """The named files, and the image files in the named folders."""
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


def _translate(arguments: argparse.Namespace, catalogue: Catalogue) -> int:
    import numpy as np

    from ..framework.bundle import load
    from ..framework.pictures import grid, read_rgb, write_png
    from ..framework.progress import Reporter
    from ..framework.translate import Translation

    files = image_files(arguments.files)
    out = Path(arguments.out)
    if out.is_file():
        raise InputError(str(out), found="a file", expected="a folder to write to", cure="Give another --out.")
    if out.exists() and any(out.iterdir()) and not arguments.force:
        raise InputError(
            str(out), found="a folder that is not empty", expected="an empty or new one", cure="Use --force."
        )
    bundle = load(arguments.bundle, catalogue)
    report, failed = Reporter(), 0
    translation = Translation(bundle, arguments.direction)
    names: set[str] = set()
    with report.stage("translate", len(files)) as bar:
        for path in files:
            try:
                picture = read_rgb(path)
            except CrosscadeError as error:
                report.warn(str(error))
                failed += 1
            else:
                name = free_name(path.stem, names)
                if arguments.strip:
                    made = grid([[np.asarray(v[0]) for v in translation.strip([picture])]])
                else:
                    made = translation.images([picture])[0]
                write_png(out / f"{name}.png", made)
            bar.advance()
    if failed == len(files):
        raise InputError(f"{failed} file(s)", found="none that can be read", expected="images")
    report.say(f"{len(files) - failed} images in {out}" + (f", {failed} could not be read" if failed else ""))
    return 1 if failed else 0


@hookimpl
def commands() -> Iterable[CommandOffer]:
    """The command."""
    yield CommandOffer(
        name="translate", arguments=_arguments, build=_translate, summary="Translate images with a bundle"
    )
