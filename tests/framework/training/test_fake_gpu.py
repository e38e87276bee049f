"""Training on the GPU that is not there: the CPU's bits, and a planted defect is named with its line."""

import signal

import pytest
import torch

from crosscade.framework import InputError
from crosscade.framework.support.events import Events
from crosscade.framework.training import loop
from crosscade.framework.training.watcher import InterruptedRunError, RunWatcher
from crosscade.plugins.losses.reconstruction import ImageReconstruction
from tests.framework.on_fake_gpu import train_on_fake_gpu, without_the_first
from tests.framework.tiny import tiny_recipe


def states(run):
    return [event["state_sha256"] for event in Events(run / "events.jsonl").read() if event["event"] == "stage"]


def test_a_run_stopped_and_resumed_on_a_gpu_has_the_cpus_bits_and_no_step_waits(whole, tmp_path, monkeypatch):
    after = RunWatcher.after

    def stop(self, state, values, stopping):
        after(self, state, values, stopping)
        if (state.stage.index, state.step) == (1, 2):
            signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(RunWatcher, "after", stop)
        patch.setattr(loop, "READ_SECONDS", 0.0)  # every step's numbers are read, so that it can stop after each
        with pytest.raises(InterruptedRunError):
            train_on_fake_gpu(tiny_recipe(), tmp_path / "run", "float32")
    steps, reads = train_on_fake_gpu(None, tmp_path / "run", "float32", resume=True)
    assert states(tmp_path / "run") == states(whole)
    assert not without_the_first(steps)
    assert {len(waits) for waits in reads.values()} == {1}


def spoilt(monkeypatch, spoil):
    terms = ImageReconstruction.terms
    monkeypatch.setattr(ImageReconstruction, "terms", lambda self, view: spoil(terms(self, view)))


def test_a_number_that_a_loss_looks_at_is_named_with_its_line(tmp_path, monkeypatch):
    def look(terms):
        (value,) = terms.values()
        return terms if value.item() > -1 else {}

    spoilt(monkeypatch, look)
    steps, _ = train_on_fake_gpu(tiny_recipe(), tmp_path / "run", "float32")
    named = without_the_first(steps)
    assert len(named) == 6, "three steps each of the inversion and of the refinement"
    for line in named:
        assert "test_fake_gpu.py" in line
        assert "`return terms if value.item() > -1 else {}` waits for the GPU" in line


def test_a_tensor_that_a_loss_leaves_on_the_cpu_is_named_with_its_line(tmp_path, monkeypatch):
    spoilt(monkeypatch, lambda terms: {name: (value * torch.ones(2)).mean() for name, value in terms.items()})
    with pytest.raises(InputError, match=r"test_fake_gpu.py:\d+: `.*torch.ones\(2\).*is given a CPU tensor"):
        train_on_fake_gpu(tiny_recipe(), tmp_path / "run", "float32")
