"""A line of the doctor's screen. Torch-free."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

from ....framework import CrosscadeError

OK, WARNING, PROBLEM = "ok", "warning", "problem"


def shortened(name: str, most: int = 24) -> str:
    """A name that leaves room for others: the end of a long one, where files differ.

    >>> shortened("holiday-in-kenya-and-tanzania-0001.jpg")
    '…nya-and-tanzania-0001.jpg'
    """
    return name if len(name) <= most else f"…{name[len(name) - most - 1 :]}"


def few(names: Sequence[str], most: int = 3) -> str:
    """The first of many.

    >>> few(["a", "b", "c", "d"])
    'a, b, c, …'
    """
    return ", ".join(names[:most]) + (", …" if len(names) > most else "")


@frozen
class Line:
    """What was looked at and what was found; for a warning or a problem also what was expected and what to do."""

    mark: str
    what: str
    found: str
    expected: str = ""
    cure: str = ""

    @property
    def text(self) -> str:
        """As one sentence or more."""
        expected = f"; expected {self.expected}" if self.expected else ""
        return f"{self.found}{expected}. {self.cure}" if self.cure else f"{self.found}{expected}"

    @classmethod
    def of(cls, what: str, error: Exception) -> Line:
        """The problem that an error tells of."""
        if isinstance(error, CrosscadeError):
            found = f"{error.where}: found {error.found}" if error.found else error.where
            return cls(PROBLEM, what, found, error.expected, error.cure)
        first = next(iter(str(error).splitlines()), "")
        return cls(PROBLEM, what, f"{type(error).__name__}: {first:.200}", "a step of each stage to run")
