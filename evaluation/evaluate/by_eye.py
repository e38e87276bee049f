"""What a person counted on the sheets, among the scores."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import evolve

from ...framework import DIRECTIONS, Dataset, InputError
from ..reports.sheet import COUNT, whole_by_eye
from .judged import Judged


def counted(text: str, directions: Sequence[str], dataset: Dataset) -> list[int]:
    """The counts in `--whole`, one a direction. InputError for anything else, and for more than a sheet shows."""
    ways = [way for way in DIRECTIONS if way in directions]
    shown = [min(COUNT, len(way.source(dataset.domains).test)) for way in ways]
    words = text.split(",")
    if len(words) != len(shown) or not all(word.strip().isdecimal() for word in words):
        expected = f"one whole number for each of {', '.join(ways)}"
        raise InputError("--whole", found=f"'{text}'", expected=expected, cure="Like --whole 27,31.")
    for word, most in zip(words, shown):
        if int(word) > most:
            raise InputError("--whole", found=word, expected=f"at most {most}, the images of a sheet")
    return [int(word) for word in words]


def add_count(judged: Judged, whole: int) -> Judged:
    """With the score `whole` in the row of what is judged."""
    table, row = judged.table, next(iter(judged.candidates))
    shown, target = min(COUNT, len(judged.strip[0])), judged.title.rpartition(" → ")[2]
    score = whole_by_eye(whole, shown, target, f"sheets/{judged.direction}.png")
    rows = {**table.rows, row: {**table.rows.get(row, {}), "whole": score}}
    return evolve(judged, table=evolve(table, rows=rows))
