"""A run's pictures, curves and judged numbers, on one page and as files beside it."""

# N images, H W space

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from attrs import frozen

from ..framework import health
from ..framework.atomic import write_bytes, write_json
from ..framework.bundle import Bundle
from ..framework.events import Events
from ..framework.pictures import grid, write_png
from .charts import Curve, Series
from .judging import CASCADE, WITHOUT_REFINE, Judged
from .report import ReportData, Strip, png, write

PAGE_ROWS = 14


@frozen
class Page:
    """Where the page and its files are."""

    path: Path
    warnings: tuple[str, ...]


def write_page(out: Path, run: Path, bundle: Bundle, judged: Sequence[Judged]) -> Page:
    """Writes `out/index.html`, `out/strips/<direction>.png`, `out/scores.json` and `out/scores.md`."""
    state = json.loads((run / "run.json").read_text(encoding="utf-8"))
    events = Events(run / "events.jsonl").read()
    warnings = list(state.get("warnings", []))
    for j in judged:
        warnings += health.check_images(j.candidates[CASCADE], j.title)
    data = ReportData(
        title=f"{bundle.domains.a} ↔ {bundle.domains.b}",
        summary="Each row is a test image that training never saw, what each level of the cascade made of it, "
        "and the final translation.",
        command=str(state["command"]),  # the one that began it, not a later --resume
        recipe=json.dumps(bundle.recipe.plain(), indent=2, ensure_ascii=False),
        hardware=hardware(state),
        durations=tuple((e["title"], e["seconds"]) for e in events if e["event"] == "stage"),
        strips=tuple(strip(bundle, j) for j in judged),
        curves=tuple(curves(events)),
        tables=tuple(j.table for j in judged),
        protocol=(
            f"{len(judged[0].strips[0])} test images a direction, {bundle.image.size} px, centre crops; "
            f"the final weights of seed {bundle.recipe.training.seed}.",
        ),
        warnings=tuple(warnings),
    )
    for j in judged:
        # a row for each step, so that the picture is wide: source, each level, the final translation
        steps = [[np.asarray(v) for v in step[:PAGE_ROWS]] for step in j.strips]
        write_png(out / "strips" / f"{j.direction}.png", grid(steps))
    write_json(out / "scores.json", {j.direction: j.table.as_json() for j in judged})
    write_bytes(out / "scores.md", "\n".join(j.table.markdown() for j in judged).encode())
    return Page(write(data, out / "index.html"), tuple(warnings))


def strip(bundle: Bundle, judged: Judged) -> Strip:
    """Source | what each level decided | without refinement | final, evenly taken from the test images."""
    inverted = {s.level for s in bundle.recipe.inversions}
    levels = [s.level for s in bundle.recipe.stages[:-1] if s.level in inverted]
    names = ["source", *(f"level {i}" for i in levels), "translation"]
    columns = list(judged.strips)
    if WITHOUT_REFINE in judged.candidates:
        names.insert(-1, "before refinement")
        columns.insert(-1, judged.candidates[WITHOUT_REFINE])
    picked = np.linspace(0, len(columns[0]) - 1, min(PAGE_ROWS, len(columns[0]))).astype(int)
    return Strip(
        title=judged.title,
        columns=tuple(names),
        rows=tuple(tuple(png(column[n]) for column in columns) for n in picked),
    )


def curves(events: Sequence[dict[str, Any]]) -> list[Curve]:
    """One chart a stage: its weighted terms over images seen."""
    stages: dict[str, dict[str, list[tuple[float, float]]]] = {}
    for event in events:
        if event["event"] == "step":
            for name, value in event["values"].items():
                stages.setdefault(event["title"], {}).setdefault(name, []).append((event["images"], value))
    return [
        Curve(
            title,
            [Series(name, points) for name, points in series.items()],
            "images seen of each domain",
            "weighted term",
        )
        for title, series in stages.items()
    ]


def hardware(state: dict[str, Any]) -> str:
    """The machine in a line."""
    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        models = [v for v in cpuinfo.read_text(encoding="utf-8").splitlines() if v.startswith("model name")]
        name = models[0].partition(":")[2].strip() if models else name
    return f"{name}, {state['threads']} of {os.cpu_count()} threads, {state['precision']}, {platform.system()}"
