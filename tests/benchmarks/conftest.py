"""Settings from the environment, the routes of one run, and the table at its end.

CROSSCADE_BENCH_BUNDLE   a trained bundle (default: the demo's cascade, weights as drawn)
CROSSCADE_BENCH_THREADS  threads of every route (default: 1; 0: each backend's choice)
CROSSCADE_BENCH_ROUNDS   turns of each route (default: 20)
CROSSCADE_BENCH_PAGE     where the table is written as a page (default: it is only printed)
CROSSCADE_BENCH_STEPS_PAGE  the same of the training steps' table
"""

import os
from pathlib import Path

import pytest

from crosscade.framework.support.atomic import write_bytes
from tests.benchmarks.routes import Workshop
from tests.benchmarks.subject import subject
from tests.benchmarks.table import Facts, Row, Step, page, steps_page, this_machine

SETTINGS = {"BUNDLE": "", "THREADS": "1", "ROUNDS": "20", "PAGE": "", "STEPS_PAGE": ""}
ROWS, MISSING, FACTS = pytest.StashKey[list[Row]](), pytest.StashKey[list[str]](), pytest.StashKey[Facts]()
STEPS = pytest.StashKey[list[Step]]()


def setting(name: str) -> str:
    """One of SETTINGS."""
    return os.environ.get(f"CROSSCADE_BENCH_{name}", SETTINGS[name])


def pytest_configure(config):
    config.stash[ROWS], config.stash[MISSING] = [], []
    config.stash[STEPS] = []


@pytest.fixture(scope="session")
def workshop(tmp_path_factory, pytestconfig):
    chosen = subject(setting("BUNDLE"))
    threads, rounds = int(setting("THREADS")), int(setting("ROUNDS"))
    pytestconfig.stash[FACTS] = Facts(chosen.recipe, chosen.size, chosen.trained, threads, rounds)
    return Workshop(chosen, tmp_path_factory.mktemp("graphs"), threads)


def pytest_terminal_summary(terminalreporter, config):
    rows = config.stash.get(ROWS, [])
    if rows:
        made = page(rows, config.stash[FACTS], this_machine(), config.stash[MISSING])
        terminalreporter.write_line(made)
        if setting("PAGE"):
            write_bytes(Path(setting("PAGE")), made.encode())
    if steps := config.stash.get(STEPS, []):
        made = steps_page(steps, int(setting("ROUNDS")), this_machine())
        terminalreporter.write_line(made)
        if setting("STEPS_PAGE"):
            write_bytes(Path(setting("STEPS_PAGE")), made.encode())
