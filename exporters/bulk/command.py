"""`crosscade bulk`: shards through an export by an engine for clusters."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ...framework import Catalogue, CommandOffer, InputError, hookimpl
from ...framework.bundle.named import located
from ...framework.results.asked import FORMATS


def _arguments(parser: argparse.ArgumentParser) -> None:
    made = "a folder that `crosscade export` made, where every actor has it, or a model's name"
    parser.add_argument("export", metavar="DIR", help=made)
    parser.add_argument("shards", nargs="+", metavar="SHARDS", help="like 'in-{000..999}.tar' (or .parquet)")
    parser.add_argument("--out", required=True, help="folder for the results, the same for every actor")
    parser.add_argument("--engine", choices=("ray",), default="ray", help="default: ray, by Ray Data")
    parser.add_argument("--actors", type=int, default=0, metavar="N", help="sessions, of a core each; default: all")
    parser.add_argument(
        "--address", default="", help="of a cluster, or auto; default: one is started on this machine for the time"
    )
    parser.add_argument("--direction", choices=("a2b", "b2a"), help="default: a2b, or the only one")
    parser.add_argument("--format", choices=FORMATS, default="png", help="of the results; default: png")
    parser.add_argument(
        "--draft", action="store_true", help="read JPEG at a fraction of its size: quicker, nearly the same pixels"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the styles, where the method has them; default: 0")
    parser.add_argument("--batch", type=int, default=16, metavar="N", help="images at a time; default: 16")
    parser.add_argument("--trust", action="store_true", help="the export is your own: do not try it first")
    parser.add_argument("--force", action="store_true", help="write among other things; make anew what is there")


def _run(arguments: argparse.Namespace, catalogue: Catalogue) -> int:
    from ...framework import Reporter
    from .on_ray import translate_on_ray
    from .rows import Bulk
    from .shards import expanded, shards_of

    shards = shards_of([name for given in arguments.shards for name in expanded(given)])
    if not shards:
        expected, cure = ".tar or .parquet", "`crosscade run` takes folders, --shard k/n of them too."
        raise InputError(arguments.shards[0], found="no shard", expected=expected, cure=cure)
    if arguments.actors < 0:
        raise InputError("--actors", found=str(arguments.actors), expected="at least 1")
    settings: dict[str, Any] = {
        name: getattr(arguments, name) for name in ("direction", "format", "draft", "seed", "batch", "trust")
    }
    settings |= {"export": str(located(arguments.export, catalogue).resolve()), "device": "cpu"}
    report, out = Reporter(), Path(arguments.out)
    tally = translate_on_ray(
        {**settings, "trust": True},  # it was tried here
        shards,
        out,
        report,
        how=Bulk(**settings).how,
        actors=arguments.actors,
        address=arguments.address,
        force=arguments.force,
    )
    report.say(f"{tally.said(out)}, by Ray")
    tally.check(out)
    return 0


@hookimpl
def commands() -> Iterator[CommandOffer]:
    """The command."""
    yield CommandOffer(
        name="bulk",
        arguments=_arguments,
        build=_run,
        summary="Translate shards of very many images on a cluster",
        group="ship",
        example="crosscade bulk cat-dog 'in-{000..999}.tar' --out out --actors 8",
    )
