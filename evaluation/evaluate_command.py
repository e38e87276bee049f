"""`crosscade evaluate`: judges a trained bundle on a dataset's test images."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path

from ..framework.atomic import write_bytes, write_json
from ..framework.catalogue import Catalogue
from ..framework.hooks import hookimpl
from ..framework.offers import CommandOffer


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("bundle", help="a bundle folder or a finished run's folder")
    parser.add_argument("--data", metavar="NAME[:A,B]", help="dataset (default: the one that it was trained on)")
    parser.add_argument("--all", action="store_true", help="every metric, fetching the weights that some need")
    parser.add_argument(
        "--exported", metavar="DIR", nargs="+", default=[], help="also judge what was exported of this bundle"
    )
    parser.add_argument("--out", metavar="DIR", help="also write scores.md and scores.json here")


def _evaluate(arguments: argparse.Namespace, catalogue: Catalogue) -> int:
    from ..exporters.runtime import load as load_export
    from ..framework.bundle import load
    from ..framework.progress import Reporter
    from ..framework.settings import dataset_from
    from .judging import judge, refuse_another

    report = Reporter()
    bundle = load(arguments.bundle, catalogue)
    data = bundle.recipe.data
    dataset = (
        dataset_from(catalogue, arguments.data)
        if arguments.data
        else catalogue.get("dataset", data.use).build(data.options)
    )
    exports = [load_export(folder) for folder in arguments.exported]
    for exported in exports:
        refuse_another(exported, bundle)
    before = bundle.folder.parent / "without-refine"
    names = [offer.name for offer in catalogue.offers("metric")] if arguments.all else None
    judged = judge(bundle, dataset, load(before, catalogue) if before.exists() else None, report.say, names, exports)
    text = "\n".join(j.table.markdown() for j in judged)
    print(text)
    if arguments.out:
        write_bytes(Path(arguments.out) / "scores.md", text.encode())
        write_json(Path(arguments.out) / "scores.json", {j.direction: j.table.as_json() for j in judged})
    return 0


@hookimpl
def commands() -> Iterable[CommandOffer]:
    """The command."""
    yield CommandOffer(name="evaluate", arguments=_arguments, build=_evaluate, summary="Judge a bundle on test images")
