"""`crosscade translate`: images through a trained bundle."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...framework import Catalogue, CommandOffer, CrosscadeError, Image, InputError, hookimpl
from ...framework.data.files import free_name, image_files, results_folder

if TYPE_CHECKING:
    from ...framework import Translation


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("bundle", help="a bundle folder or a finished run's folder")
    parser.add_argument("files", nargs="+", help="images, or folders of images")
    parser.add_argument("--out", required=True, help="folder for the results (PNG, same names)")
    parser.add_argument("--direction", choices=("a2b", "b2a"), default="a2b", help="default: a2b")
    parser.add_argument(
        "--strip", action="store_true", help="source | deepest | next | final in one picture (Fig. S15)"
    )
    styles = parser.add_mutually_exclusive_group()
    styles.add_argument(
        "--samples", type=int, metavar="N", help="N translations of each image, in random styles (munit, drit)"
    )
    styles.add_argument("--style", metavar="FILE", help="all in the style of this image of the target domain")
    parser.add_argument("--force", action="store_true", help="write into a folder that is not empty")


def _translate(arguments: argparse.Namespace, catalogue: Catalogue) -> int:
    from ...framework import Reporter, Translation, load, read_rgb, write_png

    files = image_files(arguments.files)
    if arguments.samples is not None and arguments.samples < 1:
        raise InputError("--samples", found=str(arguments.samples), expected="a number above 0")
    out = results_folder(arguments.out, force=arguments.force)
    bundle = load(arguments.bundle, catalogue)
    report, failed = Reporter(), 0
    translation = Translation(bundle, arguments.direction)
    if arguments.samples or arguments.style:
        translation.need_styles("--samples" if arguments.samples else "--style")
    style = translation.style_of(Path(arguments.style)) if arguments.style else None
    names: set[str] = set()
    with report.stage("translate", len(files)) as bar:
        for index, path in enumerate(files):
            try:
                picture = read_rgb(path)
            except CrosscadeError as error:
                report.warn(str(error))
                failed += 1
            else:
                results = _pictures(translation, picture, style, arguments.samples, index, arguments.strip)
                for suffix, image in results.items():
                    write_png(out / f"{free_name(path.stem + suffix, names)}.png", image)
            bar.advance()
    if failed == len(files):
        raise InputError(f"{failed} file(s)", found="none that can be read", expected="images")
    report.say(f"{len(files) - failed} images in {out}" + (f", {failed} could not be read" if failed else ""))
    return 1 if failed else 0


def _pictures(
    translation: Translation, picture: Image, style: Any, samples: int | None, seed: int, strip: bool
) -> dict[str, Image]:
    """What is made of one picture, by what its file's name ends with; `seed` draws its styles."""
    from ...framework.data.images import grid

    translations = translation.translate([picture] * (samples or 1), style=style, seed=seed)
    if strip:
        *shown, _ = translation.strip([picture], style=style, seed=seed)
        return {"": grid([[*(column[0] for column in shown), *translations]])}
    return {f"-{n}": image for n, image in enumerate(translations, 1)} if samples else {"": translations[0]}


@hookimpl
def commands() -> Iterable[CommandOffer]:
    """The command."""
    yield CommandOffer(
        name="translate", arguments=_arguments, build=_translate, summary="Translate images with a bundle"
    )
