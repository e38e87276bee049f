"""`crosscade push` and `crosscade pull`: bundles and exports to the Hugging Face Hub and back."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path

from ...framework import Catalogue, CommandOffer, InputError, hookimpl
from ...framework.bundle.hub import CARD, SCHEME, asking, client, download, parsed, repository
from ...framework.bundle.named import located
from ...framework.errors import numbered, show
from ...framework.support.folders import Held, is_new

BRANCH = "main"


def _push_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("path", metavar="PATH", help="a bundle, a finished run's folder, or an export")
    parser.add_argument("repository", metavar="OWNER/NAME", help="where on the hub; made where it is not there")
    parser.add_argument("--scores", metavar="DIR", help="what `crosscade evaluate --out` wrote of it, for its card")
    parser.add_argument("--licence", metavar="TEXT", help="stated on the card (default: what its manifest states)")
    parser.add_argument("--private", action="store_true", help="open to you alone, where the repository is new")
    parser.add_argument("--branch", default=BRANCH, metavar="NAME", help=f"default: {BRANCH}")


def _push(arguments: argparse.Namespace, catalogue: Catalogue) -> int:
    from ...framework import Reporter
    from ..reports.table import read_tables
    from .card import Shared, bytes_of, card

    repo, revision = parsed(arguments.repository)
    if revision:
        raise InputError(arguments.repository, found="a revision", expected="owner/name", cure="Give --branch NAME.")
    address = f"{SCHEME}{repo}"
    shared = Shared.of(located(arguments.path, catalogue))
    tables = read_tables(Path(arguments.scores) / "scores.json") if arguments.scores else ()
    text = card(shared, address, arguments.licence or "", tables)
    with asking(address, "Check the connection, then push again."):
        from huggingface_hub import CommitOperationAdd

        api, kind = client(), "an export" if shared.mark == "manifest.json" else "a bundle"
        api.create_repo(repo, private=arguments.private or None, exist_ok=True)
        Reporter().say(f"sending {numbered(len(shared.files), 'file')}, {bytes_of(shared) / 1e6:.1f} MB")
        files = [CommitOperationAdd(name, str(shared.folder / name)) for name in shared.files]
        files.append(CommitOperationAdd(CARD, text.encode()))
        title = f"Add {kind}: {' and '.join(shared.domains)}"
        commit = api.create_commit(repo, files, commit_message=title, revision=arguments.branch).oid
    show(f"{address}@{commit}")
    return 0


def _pull_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "address", metavar="ADDRESS", help=f"{SCHEME}owner/name, or {SCHEME}owner/name@REVISION (a tag, a commit)"
    )
    parser.add_argument("--out", metavar="DIR", help="a new folder (default: the repository's name)")


def _pull(arguments: argparse.Namespace, catalogue: Catalogue) -> int:
    from ...framework import Reporter

    repo, _ = parsed(arguments.address)
    out = Path(arguments.out or repo.partition("/")[2])
    with Held(out, lambda: _refuse_used(out)) as held:
        found = repository(arguments.address)
        held.replace(lambda folder: download(arguments.address, found, folder))
    Reporter().say(f"commit {found.sha}: every file has the hash that its manifest says")
    show(out)
    return 0


def _refuse_used(out: Path) -> None:
    if not is_new(out):
        raise InputError(str(out), found="a folder that is not empty", expected="a new one", cure="Give --out DIR.")


@hookimpl
def commands() -> Iterable[CommandOffer]:
    """The commands."""
    yield CommandOffer(
        name="push",
        arguments=_push_arguments,
        build=_push,
        summary="Share a bundle or an export on the Hugging Face Hub",
        group="ship",
        example="crosscade push exports/cat-dog me/cat-dog --scores judged",
    )
    yield CommandOffer(
        name="pull",
        arguments=_pull_arguments,
        build=_pull,
        summary="Fetch one from the Hugging Face Hub, hashes checked",
        group="ship",
        example="crosscade pull hf://me/cat-dog --out cat-dog",
    )
