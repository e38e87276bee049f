"""What people see while a run works: bars with an ETA on a terminal, plain lines elsewhere."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from attrs import define, field
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from ..errors import printable

LINE_SECONDS = 20.0
PIPED = 1000
"""Columns."""


class Terminal(Console):
    """A console on which text is text, whoever wrote it: no escapes, no markup, nothing highlighted."""

    def __init__(self, **how: Any) -> None:
        super().__init__(**{"markup": False, "emoji": False, "highlight": False, **how})

    def render_str(self, text: str, **how: Any) -> Text:
        """As any console's, of what may be shown."""
        return super().render_str(printable(text), **how)


def as_wide_as_it_takes() -> Terminal:
    """The terminal; where there is none, lines of any length: nobody cuts or folds what is piped."""
    piped = not sys.stdout.isatty() and "COLUMNS" not in os.environ
    return Terminal(width=PIPED if piped else None)


@define
class Bar:
    """One bar. `advance(n)` moves it, `show(step, values)` sets it with some numbers beside it."""

    reporter: Reporter
    title: str
    total: int
    done: int = 0
    task: TaskID | None = None
    weight: float = 0.0
    started: float = field(factory=time.monotonic)
    began_at: int = 0
    _spoken: float = field(factory=time.monotonic)

    def advance(self, n: int = 1) -> None:
        """`n` more are done."""
        self.show(self.done + n, {})

    def show(self, step: int, values: Mapping[str, float]) -> None:
        """`step` are done; `values` are shown beside the bar."""
        moved, self.done = step - self.done, step
        text = printable("  ".join(f"{k} {v:.3g}" for k, v in values.items()))
        live = self.reporter.live
        if live is not None and self.task is not None:
            live.update(self.task, completed=step)
            if text:
                live.update(self.task, text=text)
            if self.reporter.whole is not None and self.weight:
                live.advance(self.reporter.whole, moved * self.weight)
        elif time.monotonic() - self._spoken > LINE_SECONDS:
            self._spoken = time.monotonic()
            speed = (step - self.began_at) / max(1e-9, time.monotonic() - self.started)
            left = (self.total - step) / speed if speed else 0.0
            self.reporter.say(f"{self.title}: {step} of {self.total}, {_clock(left)} left  {text}")


class Reporter:
    """Says what is going on. Made once a command; `quiet` says only warnings."""

    def __init__(self, console: Console | None = None, *, quiet: bool = False) -> None:
        self.console = console or Terminal(stderr=True)
        self.quiet = quiet
        self.live: Progress | None = None
        self.whole: TaskID | None = None
        self.warnings: list[str] = []
        self._weights: list[float] = []

    def say(self, text: str) -> None:
        """A line for people."""
        if not self.quiet:
            self.console.print(printable(text), markup=False, soft_wrap=True)

    def warn(self, text: str) -> None:
        """A warning, said once."""
        if text not in self.warnings:
            self.warnings.append(text)
            self.console.print(f"warning: {printable(text)}", markup=False, soft_wrap=True)

    @contextmanager
    def bars(self) -> Iterator[None]:
        """Bars are drawn while this is open (on a terminal)."""
        if self.quiet or not self.console.is_terminal or self.live is not None:
            yield
            return
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[text]}", markup=False),
        )
        with Progress(*columns, console=self.console) as self.live:
            try:
                yield
            finally:
                self.live, self.whole = None, None

    @contextmanager
    def stage(self, title: str, total: int) -> Iterator[Bar]:
        """A bar of its own."""
        with self.bars():
            bar = Bar(self, title, total)
            if self.live is not None:
                bar.task = self.live.add_task(printable(title), total=total, text="")
            yield bar

    @contextmanager
    def run(self, steps: Sequence[int], seconds: Sequence[float] | None) -> Iterator[None]:
        """A bar for the whole run of stages of these steps, weighted by their expected seconds where known."""
        self._weights = [(s / n if n else 0.0) for s, n in zip(seconds, steps)] if seconds else [1.0] * len(steps)
        with self.bars():
            if self.live is not None:
                self.whole = self.live.add_task(
                    "whole run", total=round(sum(w * n for w, n in zip(self._weights, steps))), text=""
                )
            yield

    def skip(self, index: int, steps: int) -> None:
        """Stage `index` was already done."""
        if self.live is not None and self.whole is not None:
            self.live.advance(self.whole, steps * self._weights[index])

    @contextmanager
    def training(self, index: int, title: str, total: int, start: int) -> Iterator[Bar]:
        """Stage `index`'s bar, from step `start`."""
        bar = Bar(self, title, total, done=start, began_at=start, weight=self._weights[index] if self._weights else 0.0)
        if self.live is not None:
            bar.task = self.live.add_task(printable(title), total=total, completed=start, text="")
            self.skip(index, start)
        self.say(f"{title}: {total} steps" + (f", from step {start}" if start else ""))
        yield bar
        self.say(f"{title}: done in {_clock(time.monotonic() - bar.started)}")


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
