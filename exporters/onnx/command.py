"""`crosscade export`: a trained bundle as verified graphs that run without torch."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterable
from pathlib import Path

from ...framework import Catalogue, CommandOffer, InputError, hookimpl
from ..safety.manifest import PRECISIONS

OPTIONS = ("direction", "precision", "taps", "opset", "licence")
"""Arguments that are the exporter's options; those that are not given keep the exporter's defaults."""


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("bundle", help="a bundle folder or a finished run's folder")
    parser.add_argument("--out", metavar="DIR", help="a new folder for what is made")
    parser.add_argument(
        "--triton", metavar="DIR", help="an NVIDIA Triton model repository to make, or to add a version to"
    )
    parser.add_argument("--direction", choices=("a2b", "b2a", "both"), help="default: both")
    parser.add_argument("--precision", choices=PRECISIONS, help="default: fp32")
    parser.add_argument(
        "--taps", action="store_const", const=True, help="also give the image that each deeper level decided"
    )
    parser.add_argument("--opset", type=int, help="ONNX operator set")
    parser.add_argument("--licence", metavar="TEXT", help="the licence that the files state")
    parser.add_argument(
        "--data", metavar="NAME[:A,B]", help="pictures to verify and calibrate with (default: the training's test set)"
    )
    parser.add_argument("--format", metavar="NAME", help="exporter plugin (default: onnx)")
    parser.add_argument("--force", action="store_true", help="replace a folder that is there")


def _export(arguments: argparse.Namespace, catalogue: Catalogue) -> int:
    from ...framework import Reporter, load
    from ...framework.recipe.read import dataset_from
    from ...framework.recipe.recipe import Component
    from ...framework.recipe.schema import structure
    from ...framework.support import atomic

    if bool(arguments.out) == bool(arguments.triton):
        raise InputError("crosscade export", expected="either --out DIR or --triton DIR")
    if arguments.triton and arguments.format:
        raise InputError("--format", found="--triton as well", expected="one of them")
    out, report = Path(arguments.out or arguments.triton), Reporter()
    if arguments.out and not arguments.force:
        atomic.empty_folder(out, force=False).rmdir()  # refused before the work, not after it
    name = "triton" if arguments.triton else arguments.format or "onnx"
    offer = catalogue.get("exporter", name)
    chosen = {key: getattr(arguments, key) for key in OPTIONS if getattr(arguments, key) is not None}
    options = structure(chosen, offer.options, f"exporter '{name}'")
    bundle = load(arguments.bundle, catalogue)
    data = bundle.recipe.data
    dataset = dataset_from(catalogue, arguments.data) if arguments.data else catalogue.build("dataset", data)
    for line in dataset.set_aside:
        report.warn(line)
    exporter = catalogue.build("exporter", Component(name, options))
    if arguments.triton:
        exporter.export(bundle, out, dataset, report.say)
    else:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-", suffix=".part") as folder:
            staging = Path(folder) / "made"
            staging.mkdir()
            exporter.export(bundle, staging, dataset, report.say)
            atomic.empty_folder(out, force=arguments.force).rmdir()
            staging.rename(out)
    print(out)
    return 0


@hookimpl
def commands() -> Iterable[CommandOffer]:
    """The command."""
    yield CommandOffer(
        name="export", arguments=_arguments, build=_export, summary="Export a bundle as verified ONNX graphs"
    )
