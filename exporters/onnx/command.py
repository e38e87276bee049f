"""`crosscade export`: a trained bundle as verified graphs that run without torch."""

from __future__ import annotations

import argparse
import glob
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from ...framework import Catalogue, CommandOffer, InputError, hookimpl
from ...framework.bundle.named import located
from ...framework.data.contents import summary
from ...framework.errors import show
from ...framework.recipe.dataset import dataset_named, dataset_of
from ...framework.recipe.read import encoder_argument, folders_argument
from ...framework.support import atomic
from ...framework.support.folders import Held, Kind, check, refuse_overlap
from ..safety.manifest import FORMAT, NAME, OLDER, PRECISIONS, folder_of

OTHER = "crosscade.files/1"

OPTIONS = ("direction", "precision", "taps", "opset", "licence", "pictures")
"""Arguments that are the exporter's options; those that are not given keep the exporter's defaults."""


PAGE_FORMAT = "crosscade.web/1"
PAGE = Kind("a page", "page.json", (PAGE_FORMAT,), lambda table: map(glob.escape, table["files"]))
KIND = Kind("an export", NAME, (FORMAT, OLDER, OTHER), lambda table: map(glob.escape, table["files"]))


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("bundle", help="a bundle folder or a finished run's folder; with --web also an export")
    parser.add_argument("--out", metavar="DIR", help="a new folder for what is made")
    parser.add_argument(
        "--triton", metavar="DIR", help="an NVIDIA Triton model repository to make, or to add a version to"
    )
    parser.add_argument(
        "--web", metavar="DIR", help="a page that translates in the browser, from any static web server"
    )
    parser.add_argument(
        "--onnxruntime-web", metavar="DIR", help="the unpacked npm package that runs it (default: npm fetches it, once)"
    )
    parser.add_argument("--force", action="store_true", help="replace an export that is there")
    group = parser.add_argument_group("what is made")
    group.add_argument("--direction", choices=("a2b", "b2a", "both"), help="default: both")
    group.add_argument("--precision", choices=PRECISIONS, help="default: fp32")
    group.add_argument(
        "--taps", action="store_const", const=True, help="also give the image that each deeper level decided"
    )
    group.add_argument(
        "--pictures",
        action="store_const",
        const=True,
        help="with --triton: also a model that takes files of pictures, decodes, resizes and splits large batches",
    )
    group.add_argument("--opset", type=int, help="ONNX operator set")
    group.add_argument("--licence", metavar="TEXT", help="the licence that the files state")
    group.add_argument("--format", metavar="NAME", help="exporter plugin (default: onnx)")
    group = parser.add_argument_group("what it is verified with")
    group.add_argument(
        "--data", metavar="NAME[:A,B]", help="pictures to verify and calibrate with (default: the training's test set)"
    )
    folders_argument(group)
    encoder_argument(group)


def _export(arguments: argparse.Namespace, catalogue: Catalogue) -> int:
    from ...framework import Reporter

    places = {"out": arguments.out, "triton": arguments.triton, "web": arguments.web}
    if len(chosen := {way: place for way, place in places.items() if place}) != 1:
        raise InputError("--out, --triton and --web", expected="one of them")
    (way, place), report = *chosen.items(), Reporter()
    if way != "out" and arguments.format:
        raise InputError("--format", found=f"--{way} as well", expected="one of them")
    if arguments.onnxruntime_web and way != "web":
        raise InputError("--onnxruntime-web", found=f"--{way}", expected="--web")
    out, name = Path(place), way if way != "out" else arguments.format or "onnx"
    with ExitStack() as stack:
        kind, hint = PAGE if way == "web" else KIND, "--force replaces it, if all in it is an export's."
        new = partial(check, out, kind, force=arguments.force, hint=hint)
        held = stack.enter_context(Held(out, (lambda: None) if way == "triton" else new))
        exported = folder_of(located(arguments.bundle, catalogue))
        if way == "web" and (exported / NAME).is_file():
            _page_of(exported, arguments, held, report.say)
            show(out)
            return 0
        from ...framework import load
        from ...framework.recipe.recipe import Component
        from ...framework.recipe.schema import structure

        given = {key: getattr(arguments, key) for key in OPTIONS if getattr(arguments, key) is not None}
        if way == "web":
            given["onnxruntime_web"] = arguments.onnxruntime_web or ""
        options = structure(given, catalogue.get("exporter", name).options, f"exporter '{name}'")
        bundle = load(arguments.bundle, catalogue, arguments.set)
        data = bundle.recipe.data
        dataset = dataset_named(arguments, catalogue, bundle.white) or dataset_of(data, catalogue)
        refuse_overlap(out, dataset.sources)
        for line in summary(dataset.set_aside):
            report.warn(line)
        exporter = catalogue.build("exporter", Component(name, options))

        def export(folder: Path) -> None:
            with catalogue.calling("exporter", name, "`export`"):
                exporter.export(bundle, folder, dataset, report.say)
            if way == "out" and not (folder / NAME).exists():
                # another format; its files are this command's all the same
                files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
                atomic.write_json(folder / NAME, {"format": OTHER, "files": files})

        if way == "triton":
            export(out)
        else:
            held.replace(export, [bundle.folder])
    show(out)
    return 0


def _page_of(exported: Path, arguments: argparse.Namespace, held: Held, say: Callable[[str], None]) -> None:
    """A page of an export that is there already, which needs no torch."""
    from ..web.page import write_page
    from ..web.runtime import runtime

    given = [f"--{key}" for key in OPTIONS if getattr(arguments, key) is not None]
    if given:
        cure = "Leave it out, or give the bundle."
        raise InputError(given[0], found=f"{exported}, which is exported already", expected="a bundle", cure=cure)
    refuse_overlap(held.folder, [exported])
    files = runtime(arguments.onnxruntime_web, say)
    held.replace(lambda folder: write_page(exported, folder, files), [exported])


@hookimpl
def commands() -> Iterable[CommandOffer]:
    """The command."""
    yield CommandOffer(
        name="export",
        arguments=_arguments,
        build=_export,
        summary="Export a bundle as verified ONNX graphs",
        group="ship",
        example="crosscade export runs/cat-dog --out cat-dog",
    )
