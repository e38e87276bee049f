"""The `crosscade` command: asks the catalogue for subcommands and turns errors into one line and an exit code."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from .catalogue import Catalogue
from .errors import CrosscadeError


class _Parser(argparse.ArgumentParser):
    """Usage errors in one line, exit code 2."""

    def error(self, message: str) -> None:  # type: ignore[override]
        self.exit(2, f"crosscade: {message} (see {self.prog} --help)\n")


def parser(catalogue: Catalogue) -> argparse.ArgumentParser:
    """The whole command line: one subparser a command offer."""
    made = _Parser(prog="crosscade", description="Translate images between domains whose shapes differ.")
    commands = made.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for offer in catalogue.offers("command"):
        sub = commands.add_parser(offer.name, help=offer.summary, description=offer.summary)
        sub.add_argument("--debug", action="store_true", help="show the traceback of an error")
        offer.arguments(sub)  # type: ignore[attr-defined]
        sub.set_defaults(run=offer.build)
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command; returns 0, 1 (failure), 2 (usage, recipe or data) or 130 (interrupted)."""
    catalogue = Catalogue.discover()
    given = parser(catalogue).parse_args(arguments)
    try:
        return int(given.run(given, catalogue) or 0)
    except CrosscadeError as error:
        if given.debug:
            raise
        print(f"crosscade: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("crosscade: stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:
        return 0
    except Exception as error:
        if given.debug:
            raise
        print(f"crosscade: unexpected {type(error).__name__}: {error} (--debug shows where)", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
