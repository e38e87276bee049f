"""What several test files share: one small trained run, made once a session."""

from pathlib import Path

import pytest

pytest_plugins = ["tests.cli_tools"]


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the tiny recipe that was never stopped. Look, do not touch: copy it to change something."""
    from .framework.tiny import tiny_run

    run = tmp_path_factory.mktemp("whole") / "run"
    tiny_run(run)
    return run
