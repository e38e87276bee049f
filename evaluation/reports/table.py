"""Tables of scores: a row for each candidate; as markdown, as JSON and as cells for a page. Torch-free."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from attrs import Factory, frozen

from ...framework import InputError, Score
from ...framework.support.atomic import read_json
from ..metrics.jackknife import SPREAD

OWN = ("ratio to ceiling", SPREAD)
"""What lies beside a score and is that row's alone."""
EXPECTED = "scores as `crosscade evaluate --out` writes them"
MISSING = "–"
FLAG = "!"


@frozen
class Table:
    """`rows` maps a candidate's name to its scores; `controls` names the rows that are only there to compare with."""

    title: str
    rows: Mapping[str, Mapping[str, Score]]
    controls: tuple[str, ...] = ()
    notes: tuple[str, ...] = Factory(tuple)
    flags: tuple[str, ...] = ()
    """Warnings that every row shares."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Every score's name, in the order in which rows have them, which is that of reading."""
        return tuple(dict.fromkeys(name for scores in self.rows.values() for name in scores))

    def label(self, column: str) -> str:
        """What a column says in plain words; empty for a score that does not tell."""
        return next((s[column].label for s in self.rows.values() if column in s and s[column].label), "")

    @property
    def shown(self) -> tuple[str, ...]:
        """The columns that have a value in some row."""
        return tuple(c for c in self.columns if self.valued(c))

    def valued(self, column: str) -> dict[str, Score]:
        """The scores of a column that have a value, by row."""
        scores = {row: every[column] for row, every in self.rows.items() if column in every}
        return {row: score for row, score in scores.items() if not math.isnan(score.value)}

    def headings(self) -> tuple[str, ...]:
        """Column names with an arrow where one direction is better."""
        return tuple(name + self._arrow(name) for name in self.shown)

    def cells(self, row: str) -> tuple[str, ...]:
        """One row's values as text, flagged where there is a warning."""
        scores = self.rows[row]
        return tuple(shown(scores[name]) if name in scores else MISSING for name in self.shown)

    def best(self, column: str) -> str:
        """The candidate (not a control) with the best value of a column; empty when there is none, or a tie."""
        known = {row: score for row, score in self.valued(column).items() if row not in self.controls}
        wish = next((s.higher_is_better for s in known.values()), None)
        if wish is None or len(known) < 2:
            return ""
        top = (max if wish else min)(score.value for score in known.values())
        first = [row for row, score in known.items() if score.value == top]
        return first[0] if len(first) == 1 else ""

    def protocols(self) -> tuple[tuple[str, str], ...]:
        """(score, how it was measured, with n and what lies beside it) for every shown column."""
        return tuple((name, self._protocol(name)) for name in self.shown)

    def absent(self) -> tuple[tuple[str, str], ...]:
        """(score, reason) for every score without a value; one that only some rows lack names them."""
        reasons = []
        for name in self.columns:
            lacking = {row: scores[name].absent for row, scores in self.rows.items() if name in scores}
            if all(lacking.values()) and len(lacking) == len(self.rows):
                reasons.append((name, next(iter(lacking.values()))))
            else:
                reasons += [(f"{name} ({row})", reason) for row, reason in lacking.items() if reason]
        return tuple(reasons)

    def lacking(self, named: Collection[str]) -> dict[str, str]:
        """What the first row, which is judged, should have and has not, with the reasons: scores of the metrics that
        were `named`, or all.
        """
        if not self.rows:  # nothing was judged, as the notes say
            return dict.fromkeys(named, "; ".join(self.notes))
        judged = next(iter(self.rows.values()), {})
        absent = {name: score.absent for name, score in judged.items() if score.absent}
        return {name: reason for name, reason in absent.items() if name in named or len(absent) == len(judged)}

    def warnings(self) -> tuple[str, ...]:
        """The table's own and every candidate's warnings (controls are meant to look odd), each once."""
        lines = [
            f"{row}: {name}: {score.warning}"
            for row, scores in self.rows.items()
            if row not in self.controls
            for name, score in scores.items()
            if score.warning
        ]
        return tuple(dict.fromkeys([*self.flags, *lines]))

    def markdown(self) -> str:
        """The table, then its protocol, what is absent and the warnings."""
        lines = [f"### {self.title}", ""] if self.title else []
        if self.shown:  # a table without a score is none
            lines += ["| | " + " | ".join(map(_escaped, self.headings())) + " |", "|---|" + "---|" * len(self.shown)]
            for row in self.rows:
                cells = (f"**{c}**" if self.best(n) == row else c for n, c in zip(self.shown, self.cells(row)))
                lines.append(f"| {_escaped(row)} | " + " | ".join(cells) + " |")
            lines.append("")
        lines += [f"- {name}: {how}" for name, how in self.protocols()]
        lines += [f"- {name}: not measured: {reason}" for name, reason in self.absent()]
        lines += [f"- {FLAG} {line}" for line in self.warnings()]
        return "\n".join([*lines, *(f"- {note}" for note in self.notes)]) + "\n"

    def as_json(self) -> dict[str, Any]:
        """Everything as plain values; nan is null."""
        rows = {
            row: {name: scores[name].as_json() for name in self.columns if name in scores}
            for row, scores in self.rows.items()
        }
        notes = {"notes": list(self.notes), **({"flags": list(self.flags)} if self.flags else {})}
        return {"title": self.title, "controls": list(self.controls), "rows": rows, **notes}

    def _arrow(self, name: str) -> str:
        wish = next(iter(self.valued(name).values())).higher_is_better
        return "" if wish is None else " ↑" if wish else " ↓"

    def _protocol(self, name: str) -> str:
        scores = self.valued(name)
        # a candidate's score speaks for the column: the sets behind `beside` are the same in every row
        score = next((s for row, s in scores.items() if row not in self.controls), next(iter(scores.values())))
        beside = ", ".join(f"{k} {number(v)}" for k, v in score.beside.items() if k not in OWN)
        parts = (score.protocol, f"n = {score.n}" if score.n else "", beside)
        return "; ".join(p for p in parts if p) + "."


def number(value: float) -> str:
    """Three significant digits, and never more than three decimals.

    >>> [number(v) for v in (1056.4, 99.96, 9.998, 0.1234, -0.0001)]
    ['1056', '100', '10.0', '0.123', '0.000']
    """
    if math.isnan(value):
        return MISSING
    size = abs(float(f"{value:.3g}"))  # rounded, as it will be seen
    decimals = next((d for limit, d in ((100, 0), (10, 1), (1, 2)) if size >= limit), 3)
    return f"{round(value, decimals) + 0.0:.{decimals}f}"  # + 0.0: no minus before a nought


def shown(score: Score) -> str:
    """A score as a cell, with its spread where that is known."""
    spread = f" ± {number(score.beside[SPREAD])}" if SPREAD in score.beside and not score.absent else ""
    return number(score.value) + spread + (f" {FLAG}" if score.warning and not score.absent else "")


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")


def read_tables(path: Path) -> tuple[Table, ...]:
    """The tables of a `scores.json`, a direction each. Raises InputError when it holds anything else."""
    try:
        return tuple(_read_table(value) for value in read_json(path, EXPECTED).values())
    except (TypeError, KeyError, AttributeError, ValueError) as error:
        raise InputError(str(path), found=f"{type(error).__name__}: {error}", expected=EXPECTED) from None


def _read_table(plain: Mapping[str, Any]) -> Table:
    """What `Table.as_json` wrote."""
    rows = {row: {name: _read_score(s) for name, s in scores.items()} for row, scores in plain["rows"].items()}
    return Table(plain["title"], rows, tuple(plain["controls"]), tuple(plain["notes"]), tuple(plain.get("flags", ())))


def _read_score(plain: Mapping[str, Any]) -> Score:
    """What `Score.as_json` wrote: null stands for nan."""
    beside = {key: _number(value) for key, value in plain["beside"].items()}
    return Score(**{**plain, "value": _number(plain["value"]), "beside": beside})


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)
