"""A part of the campaign from its number to its table."""

from __future__ import annotations

import importlib
import json
import os
import platform
import time
from pathlib import Path

import torch

from crosscade.framework import Reporter

from .files import Files
from .graphs import Graphs
from .ledger import FAULTS, GOOD, MEANING, Ledger, Outcome, table
from .odd import Odd
from .subjects import Workshop
from .work import Cut

BEGIN, END = "<!-- the campaign's table -->", "<!-- end of it -->"
LATE = (
    "crosscade.framework.bundle.inference", "crosscade.framework.training.train", "crosscade.exporters.onnx.exporter",
    "crosscade.exporters.runtime.exported", "crosscade.evaluation.evaluate.judged", "crosscade.framework.rehearsal",
    "crosscade.evaluation.experiments.run", "crosscade.evaluation.reports.page", "crosscade.framework.results.files",
)  # fmt: skip
"""What commands import: once here, not in every child."""


def attack(part: str, count: int, seed: int, out: Path, workshop: Workshop | None = None) -> int:
    """Attempts `count` of a part (0: all that there are); the number of faults."""
    torch.set_num_threads(1)
    for module in LATE:
        importlib.import_module(module)
    workshop = workshop or Workshop(out / "workshop")
    os.environ["CROSSCADE_CACHE"] = str(workshop.folder / "cache")
    attacker = {
        "files": lambda: Files(workshop, seed), "graphs": lambda: Graphs(workshop, seed),
        "pictures": lambda: Odd(workshop, part), "folders": lambda: Odd(workshop, part),
    }.get(part, lambda: Cut(workshop, seed, part))()  # fmt: skip
    ledger, report = Ledger(out, part, seed), Reporter()
    started = time.monotonic()
    outcomes = ledger.fill(count or len(attacker), attacker.attempt, report)
    facts = {"date": time.strftime("%Y-%m-%d"), "seed": seed, "machine": machine()}
    (out / f"{part}-{seed}.facts").write_text(json.dumps({**facts, "seconds": time.monotonic() - started}))
    return sum(outcome.outcome in FAULTS for outcome in outcomes)


def machine() -> str:
    """The processor and what ran on it."""
    name = next((line.partition(": ")[2] for line in Path("/proc/cpuinfo").read_text().splitlines()
                 if line.startswith("model name")), platform.machine())  # fmt: skip
    return f"{name.strip()}, Python {platform.python_version()}, torch {torch.__version__}"


def outcomes_in(out: Path) -> list[Outcome]:
    """All that was written down."""
    return [
        Outcome(**json.loads(line)) for path in sorted(out.glob("*.jsonl")) for line in path.read_text().splitlines()
    ]


def write(out: Path, page: Path) -> None:
    """The page's table becomes that of the outcomes in `out`."""
    facts = [json.loads(path.read_text()) for path in sorted(out.glob("*.facts"))]
    seeds, dates = sorted({f["seed"] for f in facts}), sorted({f["date"] for f in facts})
    where = f"{' and '.join(dates)}, seed {', '.join(map(str, seeds))}, one core of {facts[0]['machine']}."
    meanings = "\n".join(f"- *{name}*: {MEANING[name]}." for name in (*GOOD, *FAULTS))
    before, rest = page.read_text(encoding="utf-8").split(BEGIN)
    after = rest.split(END)[1]
    body = f"{BEGIN}\n\n{where}\n\n{table(outcomes_in(out))}\n\n{meanings}\n\n{END}"
    page.write_text(before + body + after, encoding="utf-8")
