"""An export is tried in a process of its own first, which a hostile graph may end, fill or keep busy.

The other process checks the folder, reads a direction's graph and repeats its golden pictures, on the CPU, within
limits of memory, of processor time and of time. A signal there is an error here. Where the system knows no such limits
(Windows), time alone is limited. Torch-free.
"""

# S the export's image size

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from ...framework import CrosscadeError, InputError, RunError
from ..safety.graph import Facts, check_graph
from ..safety.manifest import Manifest

BASE_BYTES, COPIES, FILE_COPIES = 2 << 30, 2, 4
"""Memory for Python and a runtime, and so often for what the graph computes and for the files."""
SHARE = 0.75
"""Never more of the machine's memory than this."""
BASE_SECONDS, OPERATIONS_A_SECOND, MOST_SECONDS = 3.0, 1e9, 600.0
"""Processor time alike: a twentieth of what one core computes."""
CURE = "Do not run it if it is not yours; if it is, --trust (trust=True) leaves out the trial."
ERRORS: dict[str, type[CrosscadeError]] = {"InputError": InputError, "RunError": RunError}


def tried(folder: Path, manifest: Manifest, direction: str, **how: Any) -> None:
    """Raises what a trial of the direction raised, or RunError when it ended otherwise; `how` is as `load` takes it."""
    limits = limits_of(manifest, direction, check_graph(folder / manifest.directions[direction].file))
    request = json.dumps({"folder": str(folder), "direction": direction, "how": how, "limits": limits})
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    wall, where = 4 * limits["seconds"] + 20, f"{folder} {direction}"
    try:
        ended = subprocess.run(
            [sys.executable, "-P", "-m", __name__, request],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=wall,
            env=environment,
        )
    except subprocess.TimeoutExpired:
        raise RunError(where, found=f"a graph that is still at work after {wall:.0f} s", cure=CURE) from None
    code, said = ended.returncode, ended.stdout.decode(errors="replace").splitlines()
    with contextlib.suppress(ValueError, IndexError):
        if answer := json.loads(said[-1]):
            kind = ERRORS.get(answer.pop("kind"), RunError)
            raise kind(answer.pop("where"), **answer)
        if code == 0:
            return
    complaint = (ended.stderr.decode(errors="replace").splitlines() or ["nothing was said"])[-1]
    raise RunError(where, found=ending(code, limits["seconds"], complaint), expected="a graph that runs", cure=CURE)


def limits_of(manifest: Manifest, direction: str, facts: Facts) -> dict[str, float]:
    """What a trial may take: `bytes` and `seconds`."""
    batch, cost = max(facts.costs.items())
    share = len(manifest.directions[direction].golden) / batch
    files = sum(file.bytes for file in manifest.files.values())
    wanted = BASE_BYTES + FILE_COPIES * files + int(COPIES * share * cost.bytes)
    if hasattr(os, "sysconf"):
        wanted = min(wanted, int(SHARE * os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")))
    return {"bytes": wanted, "seconds": min(MOST_SECONDS, BASE_SECONDS + share * cost.operations / OPERATIONS_A_SECOND)}


def ending(code: int, seconds: float, complaint: str) -> str:
    """How a trial ended that gave no answer, as the `found` of an error."""
    if code >= 0:
        return f"a graph on which a trial ended with code {code} ({complaint:.120})"
    name = signal.Signals(-code).name
    if name in ("SIGXCPU", "SIGKILL"):
        return f"a graph that is still at work after {seconds:.0f} s of a processor, or takes all memory"
    return f"a graph on which a trial ended with {name}"


def main(request: str) -> None:
    """The trial: says `{}` on its last line, or what was wrong."""
    asked = json.loads(request)
    _limit(asked["limits"]["bytes"], asked["limits"]["seconds"])
    from .exported import load

    answer: dict[str, str] = {}
    try:
        exported = load(asked["folder"], device="cpu", threads=1, trust=True, **asked["how"])
        exported.prepare(asked["direction"])
        if not asked["how"]["check"]:
            exported.translate(exported.examples(asked["direction"], 1), asked["direction"])
    except CrosscadeError as error:
        answer = {"kind": type(error).__name__, "where": error.where, "found": error.found}
        answer |= {"expected": error.expected, "cure": error.cure}
    except MemoryError:
        answer = {"kind": "RunError", "where": asked["folder"], "found": "a graph that takes all memory", "cure": CURE}
    sys.stdout.write("\n" + json.dumps(answer) + "\n")


def _limit(memory: int, seconds: float) -> None:
    try:
        import resource
    except ImportError:
        return
    for kind, soft, hard in (
        (resource.RLIMIT_AS, memory, memory),
        (resource.RLIMIT_CPU, int(seconds) + 1, int(seconds) + 2),
        (resource.RLIMIT_CORE, 0, 0),
    ):
        with contextlib.suppress(ValueError, OSError):  # a system that knows the name and not the limit
            resource.setrlimit(kind, (soft, hard))


if __name__ == "__main__":
    main(sys.argv[1])
