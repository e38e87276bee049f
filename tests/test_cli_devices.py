"""Where a command computes: a device that is not there is refused at once, and so are processes that one would do."""

import pytest

from crosscade.framework.support import device
from tests.cli_tools import picture
from tests.exporters import tiny_export

LINE = "--device cuda:7: found no such device here; expected cpu or cuda:0. Use one of these, or auto."


@pytest.fixture
def one_gpu(monkeypatch):
    """A machine that says that it has one."""
    monkeypatch.setattr(device, "available", lambda: ["cpu", "cuda:0"])
    monkeypatch.setattr("torch.backends.cuda.is_built", lambda: True)


@pytest.mark.parametrize(
    "words",
    [
        ("train", "--recipe", "demo", "--out", "out"),
        ("doctor", "--recipe", "demo", "--out", "out"),
        ("demo", "--out", "out"),
        ("compare", "--methods", "cascade", "--images", "60", "--out", "out"),
        ("ablate", "losses", "--out", "out"),
        ("translate", "bundle", "one.png", "--out", "out"),
        ("evaluate", "bundle", "--out", "out"),
        ("app", "bundle", "--no-browser", "--port", "0"),
        ("report", "run", "--out", "out"),
    ],
)
def test_a_device_that_is_not_there(crosscade, bundle, whole, tmp_path, one_gpu, words):
    (tmp_path / "run").symlink_to(whole)
    picture(tmp_path / "one.png", 0)
    answer = crosscade(*words, "--device", "cuda:7")
    assert (answer.code, answer.error) == (2, LINE)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("words", [("evaluate",), ("app", "--no-browser", "--port", "0")])
def test_onnxruntime_runs_an_export_and_has_devices_of_its_own(crosscade, tmp_path, monkeypatch, words):
    monkeypatch.setattr(device, "available", lambda: ["cpu", "mps"])
    tiny_export.write(tmp_path / "export")
    answer = crosscade(words[0], "export", *words[1:], "--device", "mps")
    expected = "--device mps: found an export in export, which onnxruntime runs; expected auto, cpu, cuda or cuda:1"
    assert (answer.code, answer.error) == (2, expected)


def test_torchrun_is_for_what_processes_do_together(crosscade, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "4")
    refused = crosscade("translate", "bundle", "one.png", "--out", "out")
    expected = "command translate: found 4 processes, started by torchrun; expected one. Call it without torchrun."
    assert (refused.code, refused.error) == (2, expected)
    assert "unknown recipe" in crosscade("train", "--recipe", "dmeo", "--out", "out").error
    assert "unknown recipe" in crosscade("doctor", "--recipe", "dmeo").error
