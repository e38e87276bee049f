"""`crosscade plugins` and `crosscade describe`: what there is and what can be set."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable

from rich import box
from rich.table import Column, Table

from ...framework import Catalogue, CommandOffer, InputError, did_you_mean, hookimpl
from ...framework.hookspecs import KINDS
from ...framework.recipe.schema import describe
from ...framework.support.progress import Terminal

PIPED = 1000
"""Columns."""


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
    console = _console()
    console.print(table)
    if catalogue.failures:
        console.print(f"{len(catalogue.failures)} plugin(s) failed to load:")
        for failure in catalogue.failures:
            console.print(f"  {failure}", soft_wrap=True)
    return 0


def _console() -> Terminal:
    """As wide as the terminal; where there is none, as wide as it takes: nobody cuts or folds what is piped."""
    piped = not sys.stdout.isatty() and "COLUMNS" not in os.environ
    return Terminal(width=PIPED if piped else None)


def _describe_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", help="a component's name, or provider:name")


def _describe(arguments: argparse.Namespace, catalogue: Catalogue) -> int:
    matches = [e for e in catalogue.entries if arguments.name in (e.offer.name, e.qualified)]
    if not matches:
        names = {e.offer.name for e in catalogue.entries}
        raise InputError(f"unknown component '{arguments.name}'", cure=did_you_mean(arguments.name, names))
    console = _console()
    for entry in matches:
        offer = entry.offer
        console.print(f"{offer.kind} {entry.qualified} {entry.version}: {offer.summary}", style="bold")
        if offer.source:
            console.print(f"source: {offer.source}")
        if offer.kind == "command":
            console.print(f"see: crosscade {offer.name} --help\n")
            continue
        rows = describe(offer.options)
        table = Table("option", "type", "default", "help", box=box.SIMPLE_HEAD)
        for row in rows:
            table.add_row(row["name"], row["type"], row["default"], row["help"])
        console.print(table if rows else "no options\n")
    return 0


@hookimpl
def commands() -> Iterable[CommandOffer]:
    """The two commands."""
    yield CommandOffer(
        name="plugins",
        arguments=_plugins_arguments,
        build=_plugins,
        summary="List every component: kind, name, provider, version, summary",
        group="research",
        example="crosscade plugins encoder",
    )
    yield CommandOffer(
        name="describe",
        arguments=_describe_arguments,
        build=_describe,
        summary="Show a component's options: type, default, help, source",
        group="research",
        example="crosscade describe efficientnet-lite0",
    )
