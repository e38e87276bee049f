"""What a machine with a GPU is asked in ten minutes: `make gpu-check`.

Each part runs in a process of its own and under its own time, and what it found is in the JSON file before the next
begins: a stop loses nothing. Whatever a part needs and does not find is said in its place. This module needs Python
alone; it runs from a checkout, installed or not.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.gpu.asked import At, NotHereError

ROOT = Path(__file__).parents[2]
PARTS: dict[str, tuple[str, int]] = {
    "versions": ("parts", 30),
    "losses": ("parts", 120),
    "resume": ("parts", 100),
    "minute": ("trained", 170),
    "export": ("trained", 50),
    "processes": ("parts", 20),
    "encode": ("speed", 40),
    "speed": ("speed", 90),
    "graphs": ("speed", 80),
    "photographs": ("trained", 600),
}
"""By name the module that has it, and the seconds that it may take."""
QUICK_SECONDS = 60


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; 1 when a part went wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.gpu.check", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--device", default="cuda", help="cuda, cuda:1 or cpu")
    parser.add_argument("--json", type=Path, default=Path("gpu-check.json"), help="where to write what is found")
    parser.add_argument("--seconds", type=float, default=600.0, help="for all parts together")
    parser.add_argument("--parts", default=",".join(PARTS), help="these only, of " + ", ".join(PARTS))
    parser.add_argument("--photographs", default="", help="folder with a folder of photographs a domain")
    parser.add_argument("--quick", action="store_true", help="whether all runs, on next to nothing")
    parser.add_argument("--work", type=Path, help="folder for files (default: one that is deleted)")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.one:
        at = At(given.device, given.work, given.quick, given.photographs, given.seconds, given.json)
        _write(given.json, found(given.one, at))
        return 0
    with tempfile.TemporaryDirectory() as temporary:
        folder = (given.work or Path(temporary)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        report = run(given.parts.split(","), given, folder)
    wrong = [name for name, part in report["parts"].items() if part["state"] not in ("right", "not here")]
    print(f"{given.json}: {'wrong: ' + ', '.join(wrong) if wrong else 'nothing wrong'}")
    return 1 if wrong else 0


def run(names: Sequence[str], given: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """All parts, one after the other; the file is written again after each."""
    began, environment = (
        time.monotonic(),
        {**os.environ, "PYTHONPATH": _path(folder), "CUBLAS_WORKSPACE_CONFIG": ":4096:8"},
    )
    report: dict[str, Any] = {"of": "crosscade gpu-check", "began": time.strftime("%Y-%m-%dT%H:%M:%S%z")}
    report |= {"device": given.device, "quick": given.quick, "seconds": 0.0, "parts": {}}
    for name in names:
        left = given.seconds - (time.monotonic() - began)
        seconds = min(left, QUICK_SECONDS if given.quick else PARTS[name][1])
        report["parts"][name] = _apart(name, given, folder, environment, seconds) if seconds > 1 else NO_TIME
        report["seconds"] = round(time.monotonic() - began, 1)
        _write(given.json, report)
        part = report["parts"][name]
        print(f"{name:12} {part['state']:10} {part.get('seconds', 0):6.1f} s  {part.get('why', '')}", flush=True)
    return report


NO_TIME = {"state": "no time", "why": "the parts before it took all of --seconds"}


def _apart(
    name: str, given: argparse.Namespace, folder: Path, environment: Mapping[str, str], seconds: float
) -> dict[str, Any]:
    """One part in its own process, which ends with all that it has started when its time is up."""
    answer, log = folder / f"{name}.json", folder / f"{name}.log"
    answer.unlink(missing_ok=True)
    command = [sys.executable, "-m", "tests.gpu.check", "--one", name, "--device", given.device, "--json", str(answer)]
    command += ["--work", str(folder), "--photographs", given.photographs, "--seconds", str(seconds)]
    began = time.monotonic()
    with log.open("w") as output:
        child = subprocess.Popen(
            [*command, *(["--quick"] if given.quick else [])],
            cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        try:
            child.wait(seconds)
            over = {"state": "crashed", "why": _end(log)} if child.returncode else {}
        except subprocess.TimeoutExpired:
            over = {"state": "no time", "why": f"more than {seconds:.0f} s; {_end(log)}"}
        finally:
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()
    part = json.loads(answer.read_text()) if answer.exists() else {}
    return {**part, **over, "seconds": round(time.monotonic() - began, 1)}


def found(name: str, at: At) -> dict[str, Any]:
    """What a part says, or why it cannot."""
    try:
        module = importlib.import_module(f"tests.gpu.{PARTS[name][0]}")
        said = getattr(module, name)(at)
    except ModuleNotFoundError as error:
        return {"state": "not here", "why": f"no module {error.name}: pip install -e '.[train]'"}
    except NotHereError as error:
        return {"state": "not here", "why": str(error)}
    except Exception as error:
        traceback.print_exc()
        return {"state": "failed", "why": f"{type(error).__name__}: {error}"[:500]}
    wrong = said.pop("wrong", [])
    return {"state": "wrong" if wrong else "right", **({"why": "; ".join(wrong)} if wrong else {}), "found": said}


def _path(folder: Path) -> str:
    """PYTHONPATH with the checkout as the package, unless that is installed."""
    paths = [os.environ.get("PYTHONPATH", "")]
    if importlib.util.find_spec("crosscade") is None:
        place = folder / "checkout"
        place.mkdir(exist_ok=True)
        if not (place / "crosscade").exists():
            (place / "crosscade").symlink_to(ROOT)
        paths.insert(0, str(place))
    return os.pathsep.join(filter(None, paths))


def _end(log: Path) -> str:
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1][-300:] if lines else "it said nothing"


def _write(path: Path, report: Mapping[str, Any]) -> None:
    part = path.with_name(f".{path.name}.part")
    part.write_text(json.dumps(report, indent=1) + "\n")
    part.replace(path)


if __name__ == "__main__":
    raise SystemExit(main())
