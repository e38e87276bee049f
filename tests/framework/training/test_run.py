"""A run from recipe to bundle, and that stopping it at any moment changes nothing."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from crosscade.framework import InputError, RunError, train
from crosscade.framework.support.events import Events
from crosscade.framework.training import checkpoint
from crosscade.framework.training import run as run_module
from crosscade.framework.training.watcher import InterruptedRunError, RunWatcher
from tests.framework.tiny import former, tiny_run, unhashed


def digests(run: Path) -> dict[str, str]:
    """The SHA-256 of each stage's final state (weights, moments, counters) and of every file of the bundle."""
    made = {e["title"]: e["state_sha256"] for e in Events(run / "events.jsonl").read() if e["event"] == "stage"}
    return made | json.loads((run / "bundle" / "bundle.json").read_text())["files"]


def test_a_run_leaves_a_bundle_events_and_samples(whole):
    events = Events(whole / "events.jsonl").read()
    titles = [e["title"] for e in events if e["event"] == "stage"]
    assert titles == ["invert level 4", "translate level 5", "translate level 4", "refine"]
    assert {e["level"] for e in events if e["event"] == "health"} == {5, 4}
    assert len(list((whole / "samples").glob("*.png"))) == 4
    assert json.loads((whole / "run.json").read_text())["done"]
    assert not (whole / "checkpoint.json").exists()


def test_every_stage_learns_something(whole):
    values = [e["values"] for e in Events(whole / "events.jsonl").read() if e["event"] == "step" and e["stage"] == 0]
    assert values[-1]["image-reconstruction"] < values[0]["image-reconstruction"]
    assert "lsgan" not in values[0], "it starts halfway"
    assert "lsgan" in values[-1]


def test_the_same_seed_gives_the_same_bits_and_another_seed_others(whole, tmp_path):
    tiny_run(tmp_path / "again")
    assert digests(tmp_path / "again") == digests(whole)
    tiny_run(tmp_path / "other", "training.seed=1")
    assert digests(tmp_path / "other") != digests(whole)


class _Killed(BaseException):
    """Stands in for kill -9: nothing in the program catches it."""


@pytest.mark.parametrize("moment", [0, 3, 5, 8, 11])
def test_a_run_cut_off_after_any_save_goes_on_to_the_same_bits(whole, tmp_path, monkeypatch, moment):
    saves = []
    save = checkpoint.save

    def dying(folder, tensors, meta):
        if len(saves) == moment:
            raise _Killed
        saves.append(meta)
        save(folder, tensors, meta)

    monkeypatch.setattr(checkpoint, "save", dying)
    with pytest.raises(_Killed):
        tiny_run(tmp_path / "run", "training.checkpoint_seconds=1e-9")
    monkeypatch.setattr(checkpoint, "save", save)
    tiny_run(tmp_path / "run", resume=True)
    assert {k: v for k, v in digests(tmp_path / "run").items() if k != "recipe.json"} == {
        k: v for k, v in digests(whole).items() if k != "recipe.json"
    }


SCRIPT = """
import sys
sys.path.insert(0, {tests!r})
from framework.tiny import tiny_run
tiny_run(__import__("pathlib").Path({out!r}), "training.checkpoint_seconds=0.01", resume={resume})
"""


def start(out: Path, *, resume: bool) -> subprocess.Popen[bytes]:
    """A run in a process of its own."""
    tests = str(Path(__file__).parents[2])
    code = SCRIPT.format(tests=tests, out=str(out), resume=resume)
    return subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE)


def test_kill_9_in_a_fresh_process_resumes_to_the_same_bits(whole, tmp_path):
    process = start(tmp_path / "run", resume=False)
    deadline = time.monotonic() + 120
    while not (tmp_path / "run" / "checkpoint.json").exists():
        assert process.poll() is None, process.stderr.read().decode()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    again = start(tmp_path / "run", resume=True)
    _, errors = again.communicate(timeout=240)
    assert again.returncode == 0, errors.decode()
    ours, theirs = digests(tmp_path / "run"), digests(whole)
    assert {k: v for k, v in ours.items() if k != "recipe.json"} == {
        k: v for k, v in theirs.items() if k != "recipe.json"
    }


def test_ctrl_c_saves_and_says_how_to_go_on(whole, tmp_path, monkeypatch):
    after, calls = RunWatcher.after, []

    def pressing(self, state, values, stop):
        after(self, state, values, stop)
        calls.append(state.step)
        if len(calls) == 5:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(RunWatcher, "after", pressing)
    with pytest.raises(InterruptedRunError, match=r"stopped at translate level 5, step 2 of 4\. Go on with.*--resume"):
        tiny_run(tmp_path / "run")
    monkeypatch.setattr(RunWatcher, "after", after)
    tiny_run(tmp_path / "run", resume=True)
    assert digests(tmp_path / "run") == digests(whole)


def test_a_non_finite_loss_stops_the_run_before_anything_is_saved(tmp_path):
    with pytest.raises(RunError, match=r"invert level 4, step \d.*expected a finite number.*learning_rate"):
        tiny_run(tmp_path / "run", "invert[0].schedule.learning_rate=1e30", "training.checkpoint_seconds=1e-9")
    saved = checkpoint.load(tmp_path / "run")
    if saved:
        assert all(torch.isfinite(t).all() for t in saved[0].values() if t.is_floating_point())


def test_a_device_without_memory_is_named_with_the_stage_and_what_to_lower(tmp_path, monkeypatch):
    def full(*_):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 GiB.\nStack")

    monkeypatch.setattr(run_module, "train_stage", full)
    with pytest.raises(RunError) as refused:
        tiny_run(tmp_path / "run")
    assert str(refused.value).startswith(
        "invert level 4, step 0: cpu: found not enough memory (CUDA out of memory. Tried"
    )
    assert "Lower the stage's schedule.batch or image.size" in str(refused.value)


def test_a_run_goes_on_on_the_device_that_it_began_with_or_says_that_it_is_not_there(whole, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(whole, run)
    state = json.loads((run / "run.json").read_text())
    assert (state["device"], state["gpu"], state["tf32"], state["processes"]) == ("cpu", "", False, 1)
    (run / "run.json").write_text(json.dumps(unhashed(state) | {"device": "cuda"}))
    with pytest.raises(
        InputError, match=r"--device cuda: found no such device here.*with --device it goes on elsewhere"
    ):
        tiny_run(run, resume=True)
    tiny_run(run, resume=True, device="cpu")


def test_other_data_than_the_run_began_with_is_refused(whole, tmp_path):
    with pytest.raises(InputError, match="not empty"):
        tiny_run(whole)
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "to-mother.txt").write_text("Dear")
    with pytest.raises(InputError, match="not empty, and not a run"):
        tiny_run(tmp_path / "letters", resume=True)


def test_to_go_on_with_nothing_is_to_begin(whole, tmp_path):
    """What starts a killed process again gives it the same words."""
    run = tmp_path / "run"
    run.mkdir()
    (run / ".run.json.8c2a.part").write_text("{")  # of a kill at the very start
    tiny_run(run, resume=True)
    assert digests(run) == digests(whole)
    with pytest.raises(InputError, match=r"recipe: found none; expected one, because .*nowhere has no run"):
        train(None, tmp_path / "nowhere", resume=True)


def test_a_changed_checkpoint_is_refused(tmp_path):
    checkpoint.save(tmp_path, {"x": torch.arange(4.0)}, {"stage": 0, "step": 1, "critic_step": 0})
    file = next(tmp_path.glob("*.safetensors"))
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(bytes(data))
    with pytest.raises(InputError, match="missing or changed"):
        checkpoint.load(tmp_path)


def test_resuming_with_other_settings_is_refused_and_names_the_key(whole):
    with pytest.raises(InputError, match=r"--resume: \$\.translate\[0\]\.schedule\.images.*found 80.*expected 8"):
        tiny_run(whole, "translate[0].schedule.images=80", resume=True)
    with pytest.raises(InputError, match=r"--resume: --minutes.*found 3"):
        tiny_run(whole, resume=True, minutes=3)


def test_a_run_begun_under_the_former_names_of_keys_goes_on_to_the_same_bits(whole, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(whole, run)
    state, recipe = (json.loads((run / name).read_text()) for name in ("run.json", "recipe.json"))
    (run / "run.json").write_text(json.dumps(unhashed(state) | {"asked": former(state["asked"]), "done": False}))
    (run / "recipe.json").write_text(json.dumps(former(recipe)))
    (run / "stages" / "3-refine.safetensors").unlink()
    tiny_run(run, "stages[0].schedule.images=8", "image.views=2", resume=True)
    assert digests(run) == digests(whole)
