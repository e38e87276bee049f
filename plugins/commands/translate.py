"""`crosscade translate`: images through a trained bundle."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from pathlib import Path

from ...framework import Catalogue, CommandOffer, Image, InputError, hookimpl
from ...framework.data.files import image_files, results_folder, translate_files
from ...framework.recipe.read import device_argument


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
    device_argument(parser)
    parser.add_argument("--force", action="store_true", help="write into a folder that is not empty")


def _translate(arguments: argparse.Namespace, catalogue: Catalogue) -> int:
    from ...framework import Reporter, Translation, load, read_rgb
    from ...framework.data.images import grid

    files, samples = image_files(arguments.files), arguments.samples
    if samples is not None and samples < 1:
        raise InputError("--samples", found=str(samples), expected="a number above 0")
    out = results_folder(arguments.out, force=arguments.force)
    translation = Translation(load(arguments.bundle, catalogue), arguments.direction, device=arguments.device)
    if samples or arguments.style:
        translation.need_styles("--samples" if samples else "--style")
    style = translation.style_of(Path(arguments.style)) if arguments.style else None

    def translated(places: list[int], pictures: list[Image]) -> Iterator[dict[str, Image]]:
        """What is made of each picture; its place among all draws its styles."""
        for seed, picture in zip(places, pictures):
            translations = translation.translate([picture] * (samples or 1), style=style, seed=seed)
            if arguments.strip:
                *shown, _ = translation.strip([picture], style=style, seed=seed)
                yield {"": grid([[*(column[0] for column in shown), *translations]])}
            elif samples:
                yield {f"-{n}": image for n, image in enumerate(translations, 1)}
            else:
                yield {"": translations[0]}

    return translate_files(files, out, Reporter(), read_rgb, translated, stage="translate")


@hookimpl
def commands() -> Iterable[CommandOffer]:
    """The command."""
    yield CommandOffer(
        name="translate", arguments=_arguments, build=_translate, summary="Translate images with a bundle"
    )
