"""`crosscade evaluate`: judges a trained bundle, or what was exported of one, on a dataset's test images."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Collection, Iterable
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from ...framework import Catalogue, CommandOffer, InputError, RunError, hookimpl
from ...framework.data.contents import summary
from ...framework.errors import show
from ...framework.metrics.evaluate import metrics_named
from ...framework.recipe.dataset import dataset_named
from ...framework.recipe.read import device_argument, encoder_argument, folders_argument
from ...framework.support.folders import Held, refuse_overlap


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("judged", metavar="BUNDLE|EXPORT", help="a bundle, a finished run's folder, or an export's")
    group = parser.add_argument_group("data")
    group.add_argument("--data", metavar="NAME[:A,B]", help="dataset (default: the one that it was trained on)")
    folders_argument(group)
    group = parser.add_argument_group("scores")
    text = "these only, each with its options if need be, fetching the weights that some need"
    group.add_argument("--metrics", metavar="NAME[:KEY=VALUE,…],…", help=text)
    group.add_argument("--all", action="store_true", help="every metric, fetching the weights that some need")
    parser.add_argument(
        "--exported", metavar="DIR", nargs="+", default=[], help="also judge what else was exported of the same bundle"
    )
    parser.add_argument("--out", metavar="DIR", help="also write index.html, scores.md, scores.json and sheets/ here")
    group.add_argument(
        "--whole",
        metavar="N[,N]",
        help="with --out: how many of each direction's sheet you counted as whole, for the scores",
    )
    device_argument(parser)
    encoder_argument(parser)


def _evaluate(arguments: argparse.Namespace, catalogue: Catalogue) -> int:
    from . import page as evaluate_page

    if arguments.all and arguments.metrics is not None:
        raise InputError("--metrics", found="--all as well", expected="one of them")
    names = [entry.qualified for entry in catalogue.of_kind("metric")] if arguments.all else None
    asked = set[str]()
    if arguments.metrics is not None:
        names = [arguments.metrics]
        asked = {catalogue.get("metric", use.use).name for use in metrics_named(names, catalogue)}
    with ExitStack() as stack:
        if arguments.out:
            out = Path(arguments.out)
            stack.enter_context(Held(out, partial(evaluate_page.refuse_others, out)))
        elif arguments.whole:
            expected = "it: a count is of the sheets that are written there"
            raise InputError("--whole", found="no --out", expected=expected)
        return _judged(arguments, catalogue, names, asked)


def _judged(
    arguments: argparse.Namespace, catalogue: Catalogue, names: list[str] | None, asked: Collection[str]
) -> int:
    """Judges into the folder that is held. RunError, once all is written, when what was `asked` for has no score."""
    from ...framework import Reporter
    from ...framework.support.device import device_of
    from ..opening import open_export, open_translator
    from . import page as evaluate_page
    from . import subjects
    from .by_eye import add_count, counted
    from .judged import BATCH, judge, rows_of

    report, device = Reporter(), arguments.device
    device_of(device)  # an export's judges, too, have one that is there
    exports = [open_export(folder, device) for folder in arguments.exported]
    first = open_translator(arguments.judged, catalogue, batch=BATCH, device=device, settings=arguments.set)
    rows = rows_of(first, exports)
    dataset = dataset_named(arguments, catalogue, first.white) or subjects.dataset_for(first, None, catalogue)
    if arguments.out:
        refuse_overlap(Path(arguments.out), dataset.sources)
    warnings = [line for _, translator in rows for line in translator.warnings]
    warnings += [*summary(dataset.set_aside), *subjects.unlike(first, dataset)]
    for line in warnings:
        report.warn(line)
    counts = counted(arguments.whole, first.directions, dataset) if arguments.whole else ()
    judged = judge(rows, dataset, catalogue, report.say, names, device)
    lacking = {name: reason for j in judged for name, reason in j.table.lacking(asked).items()}
    judged = [add_count(j, whole) for j, whole in zip(judged, counts)] if counts else judged
    if arguments.out:
        out = Path(arguments.out)
        evaluate_page.write_scores(out, judged)
        evaluate_page.write_sheets(out, judged)
    show(evaluate_page.markdown(judged))
    if arguments.out:
        report.say("drawing the page")
        data = subjects.about(first, judged, "crosscade " + shlex.join(sys.argv[1:]), warnings, device)
        page = evaluate_page.write_page(out, data, judged, subjects.deepest_of(first))
        show(f"{page}: open it in a browser.")
    if lacking:
        name, reason = next(iter(lacking.items()))
        what = f"no score '{name}'" if len(lacking) == 1 else f"{len(lacking)} scores are missing, the first '{name}'"
        raise RunError(f"{what}: {reason}")
    return 0


@hookimpl
def commands() -> Iterable[CommandOffer]:
    """The command."""
    yield CommandOffer(
        name="evaluate",
        arguments=_arguments,
        build=_evaluate,
        summary="Judge a bundle or an export on test images",
        group="use",
        example="crosscade evaluate runs/cat-dog --out judged",
    )
