"""What came of each attempt, one line a file's line, so that a part goes on where it stopped; and the table of it."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

from attrs import asdict, frozen

from crosscade.framework import Reporter

from .contain import MEMORY, Ended

HELD, REFUSED, OWN = "held", "refused clearly", "taken as written"
BADLY, SILENT, CRASH, HANG, MEMORY_OVER = "refused badly", "silently other", "crash", "hang", "over memory"
LOST = "lost"
GOOD = (HELD, REFUSED, OWN)
FAULTS = (BADLY, SILENT, CRASH, HANG, MEMORY_OVER, LOST)
MEANING = {
    HELD: "the result is that of the sound thing, bit for bit",
    REFUSED: "one line that says what is wrong with which file",
    OWN: "what an attacker wrote and vouched for is taken, as a picture or a network of its own",
    BADLY: "a raw exception, or no line",
    SILENT: "another result, and not a word",
    CRASH: "the process ended by a signal",
    HANG: "no end within its time",
    MEMORY_OVER: f"more than {MEMORY >> 30} GiB beyond what a process has to begin with",
    LOST: "what was there before, or could have been gone on with, is gone",
}


@frozen
class Outcome:
    """Of one attempt."""

    number: int
    kind: str
    """What was attacked."""
    how: str
    outcome: str
    seconds: float
    said: str = ""


def judged(ended: Ended, result: object, expected: object, *, own: bool) -> tuple[str, str]:
    """The outcome of a command, and the line that it said; `own` where what was changed vouches for itself."""
    lines = [line for line in ended.error.splitlines() if line.startswith("crosscade: ")]
    said = (lines or ended.error.splitlines()[-1:] or [""])[-1]
    if ended.late:
        return HANG, said
    if ended.code < 0:
        return CRASH, f"signal {-ended.code}: {said}"
    if "memory: not enough" in said or ended.bytes > MEMORY:
        return MEMORY_OVER, said
    if "Traceback" in ended.error or said.startswith("crosscade: unexpected "):
        return BADLY, said
    if ended.code:
        return (REFUSED if len(lines) == 1 or "could not be read" in ended.error else BADLY), said
    if result == expected:
        return HELD, ""
    return (OWN if own else SILENT), said


class Ledger:
    """The outcomes of one part in `folder`."""

    def __init__(self, folder: Path, part: str, seed: int) -> None:
        self.path, self.part = folder / f"{part}-{seed}.jsonl", part
        lines = self.path.read_text(encoding="utf-8").splitlines() if self.path.exists() else []
        self.outcomes = [Outcome(**json.loads(line)) for line in lines if line.endswith("}")]

    def fill(self, count: int, attempt: Callable[[int], Outcome], report: Reporter) -> list[Outcome]:
        """Attempts the numbers below `count` that were not attempted yet. Those of faults are said at once."""
        done = {outcome.number for outcome in self.outcomes}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        started = time.monotonic()
        with report.stage(self.part, count) as bar, self.path.open("a", encoding="utf-8") as file:
            for number in range(count):
                if number not in done:
                    outcome = attempt(number)
                    self.outcomes.append(outcome)
                    file.write(json.dumps(asdict(outcome)) + "\n")
                    file.flush()
                    if outcome.outcome in FAULTS:
                        report.say(
                            f"{self.part} {number}, {outcome.kind}, {outcome.how}: {outcome.outcome}: {outcome.said}"
                        )
                bar.advance(1)
        report.say(f"{self.part}: {len(self.outcomes)} in {time.monotonic() - started:.0f} s")
        return self.outcomes


def table(outcomes: Iterable[Outcome]) -> str:
    """A row a kind, a column an outcome."""
    counts: dict[str, Counter[str]] = {}
    slowest: Counter[str] = Counter()
    for each in outcomes:
        counts.setdefault(each.kind, Counter())[each.outcome] += 1
        slowest[each.kind] = max(slowest[each.kind], each.seconds)
    columns = [*GOOD, *FAULTS]
    lines = [f"| | tried | {' | '.join(columns)} | longest, CPU s |", "|---" * (len(columns) + 3) + "|"]
    whole: Counter[str] = Counter()
    for kind in sorted(counts):
        whole += counts[kind]
    for name, row in [*sorted(counts.items()), ("all", whole)]:
        cells = " | ".join(f"{row[c]:,}" if row[c] else "0" for c in columns)
        longest = max(slowest.values()) if name == "all" else slowest[name]
        lines.append(f"| {name} | {row.total():,} | {cells} | {longest:.1f} |")
    return "\n".join(lines)
