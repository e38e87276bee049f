"""A command in a forked process of its own, with limits: whatever it does there, what came of it is known here."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from attrs import frozen

MEMORY = 2 << 30
"""Bytes that a command may take beyond those of the process that it is forked from."""
SECONDS = 60.0
"""Of the processor; of the clock ten times as many, as others use the machine as well."""


@frozen
class Ended:
    """How a command ended."""

    code: int
    """Its exit code; minus a signal's number where one ended it."""
    late: bool
    """Whether it had to be killed because it did not end."""
    error: str
    """What it wrote to stderr."""
    seconds: float
    """Of the processor."""
    bytes: int
    """The most memory that it had."""


def contained(
    work: Callable[[], int | None],
    scratch: Path,
    *,
    seconds: float = SECONDS,
    memory: int = MEMORY,
    meanwhile: Callable[[int], object] = lambda _: None,
) -> Ended:
    """Runs `work` in a child, whose exit code is what it returns; `meanwhile` gets the child's id once it has begun."""
    errors = scratch / "stderr"
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if not child:
        code = 70
        try:
            _confine(errors, seconds, memory)
            code = int(work() or 0)
        except KeyboardInterrupt:
            code = 130
        except BaseException as error:  # what escapes from a command is what the campaign looks for
            os.write(2, f"Traceback: {type(error).__name__}: {error}\n".encode("utf-8", "replace"))
        finally:
            with contextlib.suppress(Exception):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(code)
    meanwhile(child)
    code, late, usage = _wait(child, 10 * seconds)
    text = errors.read_bytes().decode(errors="replace") if errors.exists() else ""
    return Ended(code, late or code == -signal.SIGXCPU, text, usage.ru_utime + usage.ru_stime, usage.ru_maxrss << 10)


def _confine(errors: Path, seconds: float, memory: int) -> None:
    os.setsid()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    nothing, out = os.open(os.devnull, os.O_RDWR), os.open(errors, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for target, source in ((0, nothing), (1, nothing), (2, out)):
        os.dup2(source, target)
    sys.stdout, sys.stderr = (open(number, "w", encoding="utf-8", closefd=False) for number in (1, 2))  # noqa: SIM115
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + memory,) * 2)
    resource.setrlimit(resource.RLIMIT_CPU, (int(seconds), int(seconds) + 5))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _wait(child: int, seconds: float) -> tuple[int, bool, resource.struct_rusage]:
    until, late = time.monotonic() + seconds, False
    while True:
        ended, status, usage = os.wait4(child, os.WNOHANG)
        if ended:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child, signal.SIGKILL)  # what it has started and left
            return os.waitstatus_to_exitcode(status), late, usage
        if time.monotonic() > until and not late:
            late = True
            os.killpg(child, signal.SIGKILL)
        time.sleep(0.002)
