"""What several test files share: one small trained run, made once a session."""

from pathlib import Path

import pytest

from tests.browsing import system_chromium

pytest_plugins = ["tests.cli_tools"]


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the tiny recipe that was never stopped. Look, do not touch: copy it to change something."""
    from tests.framework.tiny import tiny_run

    run = tmp_path_factory.mktemp("whole") / "run"
    tiny_run(run)
    return run


@pytest.fixture
def fake_gpu(monkeypatch):
    """A GPU that is not there but answers to `--device cuda`; what is computed while it is entered may lie on it."""
    import torch

    from crosscade.framework.support import device
    from crosscade.framework.testing import FakeGpu

    monkeypatch.setattr(device, "available", lambda: ["cpu", "cuda:0"])
    monkeypatch.setattr(torch.cuda, "get_rng_state", lambda _: torch.get_rng_state())
    monkeypatch.setattr(torch.cuda, "set_rng_state", lambda *_: None)
    return FakeGpu()


@pytest.fixture(scope="module")
def browser():
    """The system's Chromium, or the one that CROSSCADE_CHROMIUM names."""
    found = system_chromium()
    if not found:
        pytest.skip("no Chromium here: install it, or name it in CROSSCADE_CHROMIUM")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as tool:
        yield tool.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu"])
