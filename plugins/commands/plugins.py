"""`crosscade plugins`: what there is, and who provides it."""

from __future__ import annotations

import argparse
from collections.abc import Iterable

from rich import box
from rich.table import Column, Table

from ...framework import Catalogue, CommandOffer, hookimpl
from ...framework.hookspecs import KINDS
from ...framework.support.progress import as_wide_as_it_takes


def _plugins_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("kind", nargs="?", choices=sorted(KINDS), help="only this kind")


def _plugins(arguments: argparse.Namespace, catalogue: Catalogue) -> int:
    table = Table(
        *(Column(title, no_wrap=True) for title in ("kind", "name", "provider", "version")),
        "summary",
        box=box.SIMPLE_HEAD,
    )
    for kind in [arguments.kind] if arguments.kind else KINDS:
        for entry in catalogue.of_kind(kind):
            table.add_row(kind, entry.offer.name, entry.provider, entry.version, entry.offer.summary)
    console = as_wide_as_it_takes()
    console.print(table)
    if catalogue.failures:
        console.print(f"{len(catalogue.failures)} plugin(s) failed to load:")
        for failure in catalogue.failures:
            console.print(f"  {failure}", soft_wrap=True)
    return 0


@hookimpl
def commands() -> Iterable[CommandOffer]:
    """The command."""
    yield CommandOffer(
        name="plugins",
        arguments=_plugins_arguments,
        build=_plugins,
        summary="List every component: kind, name, provider, version, summary",
        group="research",
        example="crosscade plugins encoder",
    )
