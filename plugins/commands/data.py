"""`crosscade data`: writes any dataset as plain folders of PNGs, for a look or for other people's tools."""

from __future__ import annotations

import csv
import io
import re
import shutil
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable
from pathlib import Path

from ...framework import Catalogue, CommandOffer, Dataset, ImageSet, InputError, Reporter, hookimpl, write_png
from ...framework.recipe.read import dataset_from
from ...framework.support.atomic import write_bytes, write_json

FOLDERS = ("trainA", "trainB", "testA", "testB")
DONE = "dataset.json"


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
    parser.add_argument("--force", action="store_true", help="replace those four folders where they exist")


def prepare(out: Path, dataset: Dataset, force: bool) -> None:
    """Makes the output folder ready, or refuses: nothing of the user's is overwritten unasked."""
    if out.exists() and not out.is_dir():
        raise InputError(f"--out {out}", found="a file", expected="a folder")
    for source in dataset.sources:
        here, pictures = out.resolve(), source.resolve()
        if here == pictures or here in pictures.parents or pictures in here.parents:
            raise InputError(
                f"--out {out}",
                found=f"a folder that overlaps the pictures to read ({source})",
                expected="another place",
            )
    if out.is_dir() and any(out.iterdir()):
        if not force:
            raise InputError(
                f"--out {out}",
                found="a folder that is not empty",
                expected="a new or empty one",
                cure=f"--force replaces {', '.join(FOLDERS)} in it.",
            )
        # The mark of completeness goes first.
        (out / DONE).unlink(missing_ok=True)
        for name in FOLDERS:
            if (out / name).is_dir():
                shutil.rmtree(out / name)
    out.mkdir(parents=True, exist_ok=True)


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
    """Writes the dataset; `dataset.json` comes last, so that a folder with it is whole."""
    if args.size and args.size < 8:
        raise InputError(f"--size {args.size}", expected="at least 8 pixels")
    dataset = dataset_from(catalogue, args.data, args.settings)
    size = args.size or dataset.preferred_size
    report = Reporter()
    for line in dataset.set_aside:
        report.say(f"set aside: {line}")
    prepare(args.out, dataset, args.force)
    a, b = dataset.domains
    sets = dict(zip(FOLDERS, (a.train, b.train, a.test, b.test)))
    total = sum(map(len, sets.values()))
    with report.stage("writing", total) as bar:
        for folder, images in sets.items():
            names = file_names(images)
            for i, name in enumerate(names):
                write_png(args.out / folder / name, images.load(i, size))
                bar.advance()
            if images.truth:
                write_bytes(args.out / folder / "truth.csv", truth_table(images, names).encode())
    write_json(
        args.out / DONE,
        {
            "dataset": args.data,
            "settings": list(args.settings),
            "domains": [a.name, b.name],
            "short_side": size,
            "images": {folder: len(images) for folder, images in sets.items()},
            "set_aside": list(dataset.set_aside),
        },
    )
    report.say(f"{total} images in {args.out}")
    return 0


@hookimpl
def commands() -> Iterable[CommandOffer]:
    """Offers `crosscade data`."""
    yield CommandOffer(
        name="data",
        arguments=arguments,
        build=run,
        summary="Write a dataset as folders of PNGs (trainA, trainB, testA, testB)",
    )
