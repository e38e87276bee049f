"""The `crosscade` command: asks the catalogue for subcommands and turns errors into one line and an exit code."""

from __future__ import annotations

import argparse
import io
import os
import shutil
import sys
import textwrap
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from .catalogue.catalogue import ALONE, Catalogue, Entry, version_of
from .errors import CrosscadeError, InputError, needs_extra, printable
from .hookspecs import CommandOffer
from .support.atomic import FULL, disk_error
from .support.limits import out_of_memory

NO_PLUGINS = "run no code of other installed packages: built-in parts alone"
MORE = "crosscade COMMAND --help says what a command takes."

EXPECTED = {PermissionError: "permission", IsADirectoryError: "a file", NotADirectoryError: "a folder"}


class Parser(argparse.ArgumentParser):
    """Usage errors as any other error: one line, exit code 2."""

    def error(self, message: str) -> NoReturn:
        """InputError, with where to look."""
        raise InputError(message, cure=f"See {self.prog} --help.")


def parser(catalogue: Catalogue, chosen: str = "") -> argparse.ArgumentParser:
    """The command line: one subparser a command offer; of two with one name, both are `provider:name`.

    Only the `chosen` command (all, without one) is asked for its arguments: a stranger's that fails costs only itself.
    """
    times = Counter(entry.offer.name for entry in catalogue.commands)
    entries = {e.offer.name if times[e.offer.name] == 1 else e.qualified: e for e in catalogue.commands}
    form = argparse.RawDescriptionHelpFormatter
    root = Parser(
        prog="crosscade",
        usage="%(prog)s [--help] [--version] [--no-plugins] COMMAND …",
        description="\n\n".join(["Translate images between domains whose shapes differ.", *_groups(entries)]),
        epilog=_examples([e for e in entries.values() if e.heading == catalogue.commands[0].heading], more=MORE),
        formatter_class=form,
    )
    root.add_argument("--no-plugins", action="store_true", help=NO_PLUGINS)
    root.add_argument("--version", action="version", version=f"crosscade {version_of('crosscade')}")
    commands = root.add_subparsers(dest="command", required=True, prog="crosscade", help=argparse.SUPPRESS)
    for name, entry in entries.items():
        offer: Any = entry.offer
        sub = commands.add_parser(
            name,
            help=offer.summary,
            description=_filled(offer.summary),
            epilog=_examples([entry]),
            formatter_class=form,
            add_help=False,
        )
        if not chosen or chosen == name:
            offer.arguments(sub)
        every = sub.add_argument_group("every command")
        every.add_argument("-h", "--help", action="help", help="show this and exit")
        every.add_argument("--debug", action="store_true", help="show the traceback of an error")
        every.add_argument("--no-plugins", action="store_true", help=NO_PLUGINS)
        sub.set_defaults(run=offer.build)
    return root


def _groups(entries: Mapping[str, Entry]) -> Iterator[str]:
    """The commands under their headings, in the order in which these first come."""
    wide = max(map(len, entries), default=0) + 4
    for heading in dict.fromkeys(entry.heading for entry in entries.values()):
        here = {name: entry.offer.summary for name, entry in entries.items() if entry.heading == heading}
        lines = [_filled(f"  {name:<{wide - 2}}{summary}", wide) for name, summary in here.items()]
        yield "\n".join([f"{heading}:", *lines])


def _examples(entries: Sequence[Entry], more: str = "") -> str:
    lines = [f"  {line}" for entry in entries if (line := entry.offer.example)]  # type: ignore[attr-defined]
    return "\n".join([*(["for example:", *lines] if lines else []), *(["", more] if more else [])])


def _filled(text: str, indent: int = 0) -> str:
    """Lines as wide as the terminal, all but the first indented."""
    width = shutil.get_terminal_size().columns - 2
    return textwrap.fill(text, width, subsequent_indent=" " * indent, break_on_hyphens=False)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command; returns 0, 1 (failure), 2 (usage, recipe or data) or 130 (interrupted)."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without an arrow must not end what has been worked out
    words = list(sys.argv[1:] if arguments is None else arguments)
    if "--no-plugins" in words:
        os.environ[ALONE] = "1"  # also for the processes that a command starts
        words = [word for word in words if word != "--no-plugins"]
    return answered(partial(_run, words), debug="--debug" in words)


def answered(work: Callable[[], int], *, debug: bool = False) -> int:
    """The exit code of `work`; what it raises is said in one line, unless that is to be seen (`debug`)."""
    try:
        return work()
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
        names = ", ".join(entry.offer.name for entry in catalogue.commands)
        raise InputError("no command", expected=f"one of {names}", cure="See crosscade --help.")
    if not words[0].startswith("-"):
        # an unknown one is named with a near miss and with failed plugins
        _refuse_processes(catalogue.get("command", words[0]), int(os.environ.get("WORLD_SIZE", 1)))
    try:
        arguments = parser(catalogue, words[0]).parse_args(words)
        return int(arguments.run(arguments, catalogue) or 0)
    except Exception as error:
        if words[0].startswith("-") or catalogue.entry("command", words[0]).provider == "crosscade" or _known(error):
            raise
        with catalogue.calling("command", words[0], "its code"):  # a stranger's is named
            raise


def _refuse_processes(command: CommandOffer, count: int) -> None:
    """InputError when torchrun has started several for what one does."""
    if count > 1 and not command.together:
        found, expected = f"{count} processes, started by torchrun", "one"
        raise InputError(f"command {command.name}", found=found, expected=expected, cure="Call it without torchrun.")


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
