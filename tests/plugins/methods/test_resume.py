"""Every baseline with one output from its packaged recipe: a run that was stopped and resumed is the one that was not.

MUNIT and DRIT: test_multimodal_runs.py.
"""

import signal

import pytest
import torch

from crosscade.framework.support.events import Events
from crosscade.framework.training.watcher import InterruptedRunError, RunWatcher
from tests.plugins.methods.baselines import run, small, translated

CRITIC = ["translate[0].losses[0].width=4", "translate[0].schedule.images=8"]
SMALL = {
    "cyclegan": [
        "translate[0].translator.width=4",
        "translate[0].translator.blocks=1",
        "translate[0].losses[0].pool=3",
        *CRITIC,
    ],
    "cut": ["translate[0].translator.width=4", "translate[0].translator.embedding=4", *CRITIC],
    "ganimorph": ["translate[0].translator.width=2", *CRITIC],
    "dfi": ["invert[0].inverter.width=16", "invert[0].schedule.images=8"],
}


@pytest.mark.parametrize("name", SMALL)
def test_a_run_stopped_and_resumed_equals_one_that_was_not(name, tmp_path, monkeypatch):
    recipe = small(name, *SMALL[name])
    whole = run(recipe, tmp_path / "whole")
    after = RunWatcher.after

    def stop(self, state, values, stopping):
        after(self, state, values, stopping)
        if state.step == 1:
            signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(RunWatcher, "after", stop)
        with pytest.raises(InterruptedRunError):
            run(recipe, tmp_path / "stopped")
    stopped = run(None, tmp_path / "stopped", resume=True)
    digests = [
        [e["state_sha256"] for e in Events(out / "events.jsonl").read() if e["event"] == "stage"]
        for out in (whole, stopped)
    ]
    assert digests[0] == digests[1]
    assert len(digests[0]) == 1, "either the translators or the inverters learn"
    images, made = translated(whole)
    assert torch.equal(made, translated(stopped)[1])
    assert not torch.equal(made, images)
