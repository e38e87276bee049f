"""`crosscade data`: writes any dataset as plain folders of PNGs, for a look or for other people's tools."""

from __future__ import annotations

import csv
import glob
import io
import re
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from ...framework import Catalogue, CommandOffer, ImageSet, InputError, Reporter, hookimpl, write_png
from ...framework.data.contents import summary
from ...framework.data.dataset import loaded
from ...framework.recipe.dataset import dataset_from
from ...framework.support.atomic import write_bytes, write_json
from ...framework.support.folders import Held, Kind, check, refuse_overlap

FOLDERS = ("trainA", "trainB", "testA", "testB")
DONE, FORMAT = "dataset.json", "crosscade.data/1"


def arguments(parser: ArgumentParser) -> None:
    """Declares the command line."""
    parser.add_argument("data", metavar="NAME[:A,B]", help="a dataset and its domains, like safari:zebra,giraffe")
    parser.add_argument("--out", required=True, type=Path, help="folder to write trainA, trainB, testA, testB into")
    parser.add_argument("--size", type=int, default=0, help="short side in pixels (default: what the dataset prefers)")
    parser.add_argument(
        "--set",
        dest="settings",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="an option of the dataset, like train=100",
    )
    parser.add_argument("--force", action="store_true", help="replace a dataset that stands there")


def written(table: Mapping[str, Any]) -> list[str]:
    """The names of what was written beside a `dataset.json`."""
    names = [f"{folder}/{name}" for folder, files in table["files"].items() for name in files]
    return [*map(glob.escape, names), *(f"{folder}/truth.csv" for folder in table["files"])]


KIND = Kind("a dataset that crosscade wrote", DONE, (FORMAT,), written)


def file_names(images: ImageSet) -> list[str]:
    """A file name for each image: its label's stem, numbered where stems are alike or empty."""
    stems = [re.sub(r"[^\w.+-]+", "_", Path(images.label(i)).stem)[:120] for i in range(len(images))]
    if len({stem.lower() for stem in stems}) < len(stems) or not all(stems):
        stems = [f"{i:05d}-{stem}" for i, stem in enumerate(stems)]
    return [f"{stem}.png" for stem in stems]


def truth_table(images: ImageSet, names: list[str]) -> str:
    """What is known of each image, as CSV."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["file", *images.truth])
    columns = [images.truth[key].tolist() for key in images.truth]
    for name, *values in zip(names, *columns):
        writer.writerow([name, *(f"{v:.6g}" if isinstance(v, float) else v for v in values)])
    return text.getvalue()


def run(args: Namespace, catalogue: Catalogue) -> int:
    """Writes the dataset: a folder that is whole or not there."""
    if args.size and args.size < 8:
        raise InputError(f"--size {args.size}", expected="at least 8 pixels")
    dataset = dataset_from(catalogue, args.data, args.settings)
    size = args.size or dataset.preferred_size
    report = Reporter()
    for line in summary(dataset.set_aside):
        report.say(f"set aside: {line}")
    refuse_overlap(args.out, dataset.sources)
    hint = "--force replaces it, if all in it was written by this command."
    with Held(args.out, partial(check, args.out, KIND, force=args.force, hint=hint)) as held:
        a, b = dataset.domains
        sets = dict(zip(FOLDERS, (a.train, b.train, a.test, b.test)))
        facts = {
            "format": FORMAT,
            "dataset": args.data,
            "settings": list(args.settings),
            "domains": [a.name, b.name],
            "short_side": size,
            "images": {folder: len(images) for folder, images in sets.items()},
            "set_aside": list(dataset.set_aside),
        }
        held.replace(partial(write, sets, size, facts, report), dataset.sources)
    report.say(f"{sum(map(len, sets.values()))} images in {args.out}")
    return 0


def write(sets: Mapping[str, ImageSet], size: int, facts: Mapping[str, Any], report: Reporter, out: Path) -> None:
    """Writes the `sets` by folder, then `dataset.json` with the `facts`."""
    files = {folder: file_names(images) for folder, images in sets.items()}
    with report.stage("writing", sum(map(len, files.values()))) as bar:
        for folder, images in sets.items():
            for i, name in enumerate(files[folder]):
                write_png(out / folder / name, loaded(images, i, size))
                bar.advance()
            if images.truth:
                write_bytes(out / folder / "truth.csv", truth_table(images, files[folder]).encode())
    write_json(out / DONE, {**facts, "files": files})


@hookimpl
def commands() -> Iterable[CommandOffer]:
    """Offers `crosscade data`."""
    yield CommandOffer(
        name="data",
        arguments=arguments,
        build=run,
        summary="Write a dataset as folders of PNGs (trainA, trainB, testA, testB)",
        group="research",
        example="crosscade data safari:zebra,giraffe --out zebra-giraffe --set train=100",
    )
