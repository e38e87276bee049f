"""`crosscade translate`: images through a trained bundle."""

from __future__ import annotations

import argparse
import shlex
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...framework import Catalogue, CommandOffer, Image, InputError, hookimpl
from ...framework.bundle.named import located
from ...framework.recipe.read import device_argument, encoder_argument
from ...framework.results.asked import WAYS, Asked, held
from ...framework.results.files import Sources, translate_files
from ...framework.results.results import Results
from ...framework.runs.folder import RunFolder
from ...framework.support.atomic import sha256

if TYPE_CHECKING:
    from ...framework import Bundle, Reporter
    from ...framework.data.films import Filmed


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "bundle",
        help="a bundle folder, a run's folder (before its end its last checkpoint translates), or a model's name",
    )
    parser.add_argument("files", nargs="+", help="images, or folders of images")
    parser.add_argument(
        "--out", required=True, help="folder for the results (placed as their sources are) and their list"
    )
    parser.add_argument(
        "--direction",
        choices=WAYS,
        default="a2b",
        help="default: a2b; both: all pictures both ways, in OUT/a2b and OUT/b2a",
    )
    Asked.arguments(parser)
    styles = parser.add_mutually_exclusive_group()
    styles.add_argument(
        "--samples", type=int, metavar="N", help="N translations of each image, in random styles (munit, drit)"
    )
    styles.add_argument("--style", metavar="FILE", help="all in the style of this image of the target domain")
    device_argument(parser)
    encoder_argument(parser)
    parser.add_argument("--force", action="store_true", help="write among other things; make anew what is there")


def _translate(arguments: argparse.Namespace, catalogue: Catalogue) -> int:
    _refuse_export(arguments, catalogue)
    from ...framework import Reporter, load

    sources, samples, report = Sources.of(arguments.files), arguments.samples, Reporter()
    asked = Asked.of(arguments, sources.files)
    if samples is not None and samples < 1:
        raise InputError("--samples", found=str(samples), expected="a number above 0")
    if arguments.style and arguments.direction == "both":
        found = "--direction both: an example is of one target domain"
        raise InputError("--style", found=found, expected="a2b or b2a")
    out = Path(arguments.out)
    with (
        held(arguments.direction, out, sources.inputs, arguments.force) as folders,
        _with_bundle(arguments, catalogue, report) as folder,
    ):
        bundle = load(folder, catalogue, arguments.set)
        return max(_one_way(arguments, way, asked, bundle, sources, results, report) for way, results in folders)


@contextmanager
def _with_bundle(arguments: argparse.Namespace, catalogue: Catalogue, report: Reporter) -> Iterator[str | Path]:
    """The model, or of a run that has no bundle yet a folder with one, while this is open."""
    model = arguments.bundle
    run = RunFolder(model)
    if not run.begun or (run.bundle / "bundle.json").exists():
        yield model
        return
    from ...framework.training.samples import bundle_so_far

    with tempfile.TemporaryDirectory(prefix="crosscade-") as folder:
        report.warn(bundle_so_far(run, catalogue, Path(folder), arguments.set))
        yield folder


def _refuse_export(arguments: argparse.Namespace, catalogue: Catalogue) -> None:
    """InputError for an export, with the command that translates with it: also where there is no torch."""
    if (located(arguments.bundle, catalogue) / "manifest.json").is_file():
        way = [] if arguments.direction == "a2b" else ["--direction", arguments.direction]
        command = shlex.join(["crosscade", "run", arguments.bundle, *arguments.files, *way, "--out", arguments.out])
        raise InputError(arguments.bundle, found="an export", expected="a bundle", cure=f"This translates: {command}")


def _one_way(
    arguments: argparse.Namespace,
    direction: str,
    asked: Asked,
    bundle: Bundle,
    sources: Sources,
    results: Results,
    report: Reporter,
) -> int:
    from ...framework import Translation
    from ...framework.data.styles import styles_for
    from ...framework.data.written import grid

    translation, samples = Translation(bundle, direction, device=arguments.device), arguments.samples
    if samples or arguments.style:
        translation.need_styles("--samples" if samples else "--style")
    asked.check(translation, direction, report)
    style = translation.style_of(Path(arguments.style)) if arguments.style else None

    def translated(places: list[int], pictures: list[Any]) -> Iterator[Sequence[Image | Filmed]]:
        """What is made of each picture; its place among all draws its styles."""
        for seed, picture in zip(asked.drawn(places), pictures):
            copies = [picture] * (samples or 1)
            if asked.strip and samples:
                *shown, _ = translation.strip([picture.seen], style=style, seed=seed)
                translations = translation.translate([copy.seen for copy in copies], style=style, seed=seed)
                yield [grid([[*(column[0] for column in shown), *translations]])]
            else:
                styles = styles_for(len(copies), translation.style_size(), style, seed)
                made = asked.results(translation, copies, direction, styles)
                yield [image for images in made for image in images]

    example = sha256(Path(arguments.style)) if arguments.style else ""
    results.made(translation.folder / "bundle.json", direction, asked.strip, samples, example, *asked.how)
    endings = asked.endings([f"-{n}" for n in range(1, samples + 1)] if samples and not asked.strip else [""])
    read = partial(asked.read, translation)
    return translate_files(sources, results, report, read, translated, stage="translate", endings=endings)


@hookimpl
def commands() -> Iterable[CommandOffer]:
    """The command."""
    yield CommandOffer(
        name="translate",
        arguments=_arguments,
        build=_translate,
        summary="Translate images with a bundle",
        group="use",
        example="crosscade translate runs/cat-dog photos/cats --out translated --strip",
    )
