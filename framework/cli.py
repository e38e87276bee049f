"""The `crosscade` command: asks the catalogue for subcommands and turns errors into one line and an exit code."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from .catalogue import ALONE, Catalogue, version_of
from .errors import CrosscadeError, InputError, needs_extra, printable
from .hookspecs import CommandOffer
from .support.atomic import FULL, disk_error
from .support.limits import out_of_memory

NO_PLUGINS = "run no code of other installed packages: built-in parts alone"

EXPECTED = {PermissionError: "permission", IsADirectoryError: "a file", NotADirectoryError: "a folder"}


class _Parser(argparse.ArgumentParser):
    """Usage errors as any other error: one line, exit code 2."""

    def error(self, message: str) -> NoReturn:
        raise InputError(message, cure=f"See {self.prog} --help.")


def parser(catalogue: Catalogue, chosen: str = "") -> argparse.ArgumentParser:
    """The command line: one subparser a command offer; of two with one name, both are `provider:name`.

    Only the `chosen` command (all, without one) is asked for its arguments: a stranger's that fails costs only itself.
    """
    root = _Parser(prog="crosscade", description="Translate images between domains whose shapes differ.")
    root.add_argument("--no-plugins", action="store_true", help=NO_PLUGINS)
    root.add_argument("--version", action="version", version=f"crosscade {version_of('crosscade')}")
    commands = root.add_subparsers(dest="command", metavar="COMMAND", required=True)
    entries = catalogue.of_kind("command")
    times = Counter(entry.offer.name for entry in entries)
    for entry in entries:
        offer = entry.offer
        name = offer.name if times[offer.name] == 1 else entry.qualified
        sub = commands.add_parser(name, help=offer.summary, description=offer.summary)
        sub.add_argument("--debug", action="store_true", help="show the traceback of an error")
        sub.add_argument("--no-plugins", action="store_true", help=NO_PLUGINS)
        if not chosen or chosen == name:
            offer.arguments(sub)  # type: ignore[attr-defined]
        sub.set_defaults(run=offer.build)
    return root


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command; returns 0, 1 (failure), 2 (usage, recipe or data) or 130 (interrupted)."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without an arrow must not end what has been worked out
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in words
    if "--no-plugins" in words:
        os.environ[ALONE] = "1"  # also for the processes that a command starts
        words = [word for word in words if word != "--no-plugins"]
    try:
        return _run(words)
    except KeyboardInterrupt:
        return _say("stopped", 130)
    except BrokenPipeError:
        return 0
    except Exception as error:
        if debug:
            raise
        known = _known(error)
        if known:
            return _say(str(known), known.exit_code)
        return _say(f"unexpected {type(error).__name__}: {error} (--debug shows where)", 1)


def _run(words: list[str]) -> int:
    catalogue = Catalogue.discover()
    if not words:
        names = ", ".join(offer.name for offer in catalogue.offers("command"))
        raise InputError("crosscade", found="no command", expected=f"one of {names}", cure="See crosscade --help.")
    if not words[0].startswith("-"):
        # an unknown one is named with a near miss and with failed plugins
        _refuse_processes(catalogue.get("command", words[0]), int(os.environ.get("WORLD_SIZE", 1)))
    arguments = parser(catalogue, words[0]).parse_args(words)
    return int(arguments.run(arguments, catalogue) or 0)


def _refuse_processes(command: CommandOffer, count: int) -> None:
    """InputError when torchrun has started several for what one does."""
    if count > 1 and not command.together:
        found, expected = f"{count} processes, started by torchrun", "one"
        raise InputError(f"crosscade {command.name}", found=found, expected=expected, cure="Call it without torchrun.")


def _known(error: Exception) -> CrosscadeError | None:
    """An error that has a line of its own."""
    if isinstance(error, CrosscadeError):
        return error
    if isinstance(error, OSError) and error.errno in FULL:
        return disk_error(Path(error.filename or "."), error)
    if isinstance(error, OSError) and error.filename:
        expected = EXPECTED.get(type(error), "")
        cure = "Check who may read and write there." if isinstance(error, PermissionError) else ""
        return InputError(str(error.filename), found=str(error.strerror), expected=expected, cure=cure)
    return needs_extra(error) or out_of_memory(error)


def _say(text: str, code: int) -> int:
    process = os.environ.get("RANK", "0")  # of several that torchrun started
    name = "crosscade" if process == "0" else f"crosscade (process {process})"
    sys.stderr.write(f"{name}: {printable(' '.join(text.splitlines()))}\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
