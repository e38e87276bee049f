"""The table of a run, as a page."""

import platform
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

import torch
from attrs import frozen

CLOSE_DB = 35
INSTRUCTIONS = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_bf16", "amx_int8")

HEAD = """\
# Inference on a CPU

Times as fast as eager float32 torch, uint8 pictures in and out, and PSNR against it. Each ratio is the median of
{facts.rounds} turns in which the two were timed one after the other, by {clock}. The quickest exported route of at
least {close} dB is bold.

One direction of recipe `{facts.recipe}`'s cascade at {facts.size} px.{weights}
Threads: {threads}. {machine}
"""
FOOT = """
This page is made by

```bash
CROSSCADE_BENCH_BUNDLE=runs/zebra-giraffe CROSSCADE_BENCH_PAGE=docs/benchmarks.md make bench
```
"""

STEPS_HEAD = """\
# A training step on a CPU

The recipe `cyclegan` at its published widths (`strict`, 64), beside a plain float32 step with the same networks, losses
and pool, written with the library's layers. One thread's own time; each ratio is the median of {rounds} turns in which
the two were timed one after the other. {machine}

The last column says what limits it: how many times as fast one convolution of a residual block is, forward and
backward, in this arithmetic on this processor. Convolutions are most of a step: for it to gain more than they do, the
rest would have to gain more still.
"""
STEPS_FOOT = """
This page is made by

```bash
CROSSCADE_BENCH_STEPS_PAGE=docs/benchmarks-training.md make bench-training
```
"""


@frozen
class Row:
    """One route at one batch size: how many times as fast as eager float32, and how close to it."""

    route: str
    batch: int
    times_as_fast: float
    psnr_db: float


@frozen
class Step:
    """A training step at a size: how many plain float32 steps are done in its time."""

    size: int
    batch: int
    arithmetic: str
    times_as_fast: float
    convolution: float
    """The same of a residual block's convolution alone."""


@frozen
class Facts:
    """What a table is of."""

    recipe: str
    size: int
    trained: bool
    threads: int
    rounds: int


def page(rows: Sequence[Row], facts: Facts, machine: str, missing: Sequence[str] = ()) -> str:
    """Markdown; the quickest exported route of each batch size that is close enough is bold."""
    batches = sorted({row.batch for row in rows})
    found = {(row.route, row.batch): row for row in rows}
    exported = [r for r in rows if r.psnr_db >= CLOSE_DB and not {"eager", "torch.compile"} & {*r.route.split()}]
    best = {max((r for r in exported if r.batch == b), key=lambda r: r.times_as_fast, default=None) for b in batches}
    heads = [f"batch {b}" for b in batches]
    lines = ["| route | " + " | ".join(heads) + " | PSNR, dB |", "|---|" + "---|" * (len(heads) + 1)]
    for route in dict.fromkeys(row.route for row in rows):
        of = [found.get((route, b)) for b in batches]
        cells = [
            "" if r is None else f"**{r.times_as_fast:.2f}**" if r in best else f"{r.times_as_fast:.2f}" for r in of
        ]
        psnr = min(r.psnr_db for r in of if r is not None)
        lines.append(f"| {route} | {' | '.join(cells)} | {psnr:.1f} |")
    weights = "" if facts.trained else "\nIts weights are fresh: the speed is that of a trained one, the PSNR is not."
    threads = facts.threads or "as many as each backend likes"
    clock = "the thread's own time" if facts.threads == 1 else "the clock"
    head = HEAD.format(facts=facts, close=CLOSE_DB, clock=clock, weights=weights, threads=threads, machine=machine)
    notes = [f"- not measured: {line}" for line in missing]
    return "\n".join([head, *lines, *([""] if notes else []), *notes, FOOT])


def steps_page(steps: Sequence[Step], rounds: int, machine: str) -> str:
    """Markdown."""
    lines = [
        STEPS_HEAD.format(rounds=rounds, machine=machine),
        "| size | batch | arithmetic | times as fast | its convolutions alone |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {s.size} px | {s.batch} | {s.arithmetic} | {s.times_as_fast:.2f} | {s.convolution:.2f} |" for s in steps
    ]
    return "\n".join([*lines, STEPS_FOOT])


def this_machine() -> str:
    """Processor, its vector instructions, and the versions of what was timed."""
    name, flags = platform.processor() or platform.machine(), set[str]()
    information = Path("/proc/cpuinfo")
    if information.exists():
        entries = dict(line.split(":", 1) for line in information.read_text().splitlines() if ":" in line)
        keys = {key.strip(): value.strip() for key, value in entries.items()}
        name, flags = keys.get("model name", name), set(keys.get("flags", "").split())
    has = ", ".join(flag for flag in INSTRUCTIONS if flag in flags) or torch.backends.cpu.get_cpu_capability()
    versions = [f"torch {torch.__version__}"]
    for package in ("onnxruntime", "onnxruntime-gpu", "openvino"):
        try:
            versions.append(f"{package} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            continue
    return f"{name} ({has}); {', '.join(versions)}."
