"""Tables of scores read back from the JSON beside a result. Torch-free."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...framework import InputError, Score
from ...framework.support.atomic import read_json
from .table import Table

EXPECTED = "scores as `crosscade evaluate --out` writes them"


def read_tables(path: Path) -> tuple[Table, ...]:
    """The tables of a `scores.json`, a direction each. Raises InputError when it holds anything else."""
    try:
        return tuple(table(value) for value in read_json(path, EXPECTED).values())
    except (TypeError, KeyError, AttributeError, ValueError) as error:
        raise InputError(str(path), found=f"{type(error).__name__}: {error}", expected=EXPECTED) from None


def table(plain: Mapping[str, Any]) -> Table:
    """What `Table.as_json` wrote."""
    rows = {row: {name: score(values) for name, values in scores.items()} for row, scores in plain["rows"].items()}
    return Table(plain["title"], rows, tuple(plain["controls"]), tuple(plain["notes"]))


def score(plain: Mapping[str, Any]) -> Score:
    """What `Score.as_json` wrote: null stands for nan."""
    beside = {key: _number(value) for key, value in plain["beside"].items()}
    return Score(**{**plain, "value": _number(plain["value"]), "beside": beside})


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)
