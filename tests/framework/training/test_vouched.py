"""What a run reads back is what it wrote, or that is said: one flipped bit never becomes another bundle."""

import json
import os
import shutil
from pathlib import Path

import pytest
import torch

from crosscade.framework import InputError
from crosscade.framework.training import checkpoint
from crosscade.framework.training.watcher import InterruptedRunError, RunWatcher
from tests.framework.tiny import tiny_run, unhashed
from tests.framework.training.test_run import digests


def flip(file: Path, byte: int = -1) -> None:
    """One bit of a file."""
    content = bytearray(file.read_bytes())
    content[byte] ^= 1
    file.write_bytes(bytes(content))


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """A run that a Ctrl-C has stopped in its second stage, with two checkpoints of it."""
    run, after = tmp_path_factory.mktemp("stopped") / "run", RunWatcher.after

    def pressing(self, state, values, stop):
        after(self, state, values, stop or (state.stage.index, state.step) == (1, 3))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RunWatcher, "after", pressing)
        with pytest.raises(InterruptedRunError):
            tiny_run(run, "training.checkpoint_seconds=1e-9")
    return run


@pytest.fixture
def run(stopped, tmp_path):
    """A copy of it."""
    return Path(shutil.copytree(stopped, tmp_path / "run"))


def resumed(run: Path) -> dict[str, str]:
    """What became of it, but for the recipe, which saves more often."""
    tiny_run(run, resume=True)
    return {name: digest for name, digest in digests(run).items() if name != "recipe.json"}


def expected(whole: Path) -> dict[str, str]:
    return {name: digest for name, digest in digests(whole).items() if name != "recipe.json"}


@pytest.mark.parametrize("name", ["stages/0-invert-level4.safetensors", "recipe.json"])
def test_a_changed_file_that_is_read_back_is_refused(name, run):
    flip(run / name, -5)
    with pytest.raises(InputError, match=rf"{Path(name).name}: found sha256 .*; expected .*…\. It "):
        tiny_run(run, resume=True)


def test_a_changed_state_is_refused(run):
    text = (run / "run.json").read_text()
    (run / "run.json").write_text(text.replace('"ready": true', '"ready": false'))
    with pytest.raises(InputError, match=r"run\.json: found changed since it was written"):
        tiny_run(run, resume=True)


@pytest.mark.parametrize("name", ["a-train/level4.npy", "b-test/images.npy", "b.safetensors"])
def test_a_damaged_store_is_made_again(name, run, whole, capfd):
    flip(run / "store" / name)
    assert resumed(run) == expected(whole)


def test_a_store_that_lost_its_end_is_made_again(run, whole):
    os.truncate(run / "store" / "a-train" / "images.npy", 9000)
    assert resumed(run) == expected(whole)


def test_translations_that_were_damaged_are_made_again(whole, tmp_path):
    run = Path(shutil.copytree(whole, tmp_path / "run"))
    (run / "stages" / "3-refine.safetensors").unlink()
    flip(run / "store" / "a-train" / "translated5.npy")
    assert resumed(run) == expected(whole)


@pytest.mark.parametrize("trouble", ["step", "tensors", "pointer"])
def test_of_a_damaged_checkpoint_the_one_before_it_is_taken(trouble, run, whole):
    pointer = run / "checkpoint.json"
    meta = json.loads(pointer.read_text())
    assert (meta["stage"], meta["step"]) == (1, 3)
    if trouble == "step":
        pointer.write_text(json.dumps(meta | {"critic_step": 2}))
    elif trouble == "pointer":
        pointer.write_text("{")
    else:
        flip(run / meta["file"])
    said: list[str] = []
    assert checkpoint.newest(run, said.append)["step"] == 2
    assert len(said) == 1
    assert "The checkpoint before it, of step 2, is taken." in said[0]
    assert resumed(run) == expected(whole)


def test_when_both_checkpoints_are_damaged_that_is_said(run):
    for file in run.glob("checkpoint-*.safetensors"):
        flip(file)
    with pytest.raises(InputError, match=r"missing or changed.*Delete checkpoint\.json and checkpoint-before\.json"):
        tiny_run(run, resume=True)


def test_two_checkpoints_are_kept_and_no_more(tmp_path):
    for step in range(1, 5):
        checkpoint.save(tmp_path, {"x": torch.full((4,), step)}, {"stage": 0, "step": step, "critic_step": 0})
        kept = sorted(path.name for path in tmp_path.glob("*.safetensors"))
        assert kept == [f"checkpoint-0-{n}.safetensors" for n in (step - 1, step) if n]
    checkpoint.save(tmp_path, {"x": torch.full((4,), 4)}, {"stage": 0, "step": 4, "critic_step": 0})
    assert len(list(tmp_path.glob("*.safetensors"))) == 2, "the same once more does not push the other out"
    checkpoint.clear(tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_store_that_was_made_before_the_hashes_is_taken_as_it_is(whole, tmp_path):
    run = Path(shutil.copytree(whole, tmp_path / "run"))
    (run / "stages" / "3-refine.safetensors").unlink()
    for file in [*run.glob("store/*/done.json"), run / "run.json"]:
        file.write_text(json.dumps(unhashed(json.loads(file.read_text()))))
    times = {path: path.stat().st_mtime_ns for path in run.glob("store/*/level4.npy")}
    assert resumed(run) == expected(whole)
    assert times == {path: path.stat().st_mtime_ns for path in run.glob("store/*/level4.npy")}, (
        "nothing is encoded again"
    )
