"""A run that has no bundle yet shows what it has learnt so far."""

import copy
import json
import shutil

import pytest

from crosscade.framework import Catalogue, InputError, Reporter, Translation, load, resolve, train
from crosscade.framework.runs.folder import RunFolder
from crosscade.framework.support import tensor_files
from crosscade.framework.training import checkpoint
from crosscade.framework.training.samples import bundle_so_far
from tests.framework.tiny import TABLE


@pytest.fixture
def run(whole, tmp_path):
    """A copy of the small run, as if it had been stopped before its bundle was written."""
    shutil.copytree(whole, tmp_path / "run", ignore=shutil.ignore_patterns("bundle", "without-refine"))
    return tmp_path / "run"


def so_far(run, tmp_path):
    """What it says, and the hashes of the networks and statistics that the bundle has."""
    said = bundle_so_far(RunFolder(run), Catalogue.discover(), tmp_path / "made")
    return said.partition(": ")[2], hashes(tmp_path / "made" / "bundle")


def hashes(bundle):
    files = json.loads((bundle / "bundle.json").read_text())["files"]
    return {name: digest for name, digest in files.items() if name != "recipe.json"}


def test_what_is_trained_but_for_its_bundle_is_that_bundle(run, whole, tmp_path):
    assert so_far(run, tmp_path) == ("refine is done", hashes(whole / "bundle"))


def test_before_refinement_it_is_what_refinement_begins_with(run, whole, tmp_path):
    (run / "stages" / "3-refine.safetensors").unlink()
    assert so_far(run, tmp_path) == ("translate level 4 is done", hashes(whole / "without-refine"))


def test_a_stage_that_is_being_trained_shows_its_checkpoints_average(run, whole, tmp_path):
    weights = run / "stages" / "3-refine.safetensors"
    tensors = tensor_files.read(weights).items()
    both = {f"average.{k}": v for k, v in tensors} | {f"modules.{k}": v + 1 for k, v in tensors}
    checkpoint.save(run, both, {"stage": 3, "step": 2, "critic_step": 0})
    weights.unlink()
    before = sorted(run.rglob("*"))
    assert so_far(run, tmp_path) == ("refine is at step 2 of 4", hashes(whole / "bundle"))
    assert sorted(run.rglob("*")) == before, "it may be at work: nothing of it is touched"


def test_levels_that_have_not_begun_are_left_out(tmp_path):
    table = {key: value for key, value in copy.deepcopy(TABLE).items() if key != "refine"}
    table["invert"].append({**table["invert"][0], "level": 5, "losses": [{"use": "image-reconstruction"}]})
    run, catalogue = tmp_path / "run", Catalogue.discover()
    train(resolve(table, catalogue), run, report=Reporter(quiet=True))
    shutil.rmtree(run / "bundle")
    (run / "stages" / "3-translate-level4.safetensors").unlink()
    said, files = so_far(run, tmp_path)
    assert said == "translate level 5 is done; levels below 5 have not begun, which leaves pictures blurred"
    assert {name for name in files if name.startswith("a2b")} == {
        "a2b/level5.safetensors", "a2b/inverter5.safetensors", "a2b/inverter.safetensors",
    }  # fmt: skip
    translation = Translation(load(tmp_path / "made", catalogue))
    assert translation.translate(translation.fit(tmp_path / next((run / "samples").glob("0-*")))).shape == (64, 64, 3)


def test_where_nothing_could_be_shown_it_is_one_line(run, tmp_path):
    for stage in ("1-translate-level5", "2-translate-level4", "3-refine"):
        (run / "stages" / f"{stage}.safetensors").unlink()
    with pytest.raises(InputError, match=r"run: found a run in which invert level 4 is done; expected a level that "):
        so_far(run, tmp_path)


def test_its_encoder_may_be_set_as_a_finished_runs(translate, run, tmp_path):
    weights = "--set=encoder.weights=gone.pth"
    assert "no file at gone.pth" in translate("run", "one.png", weights).error
    assert "found a trained bundle; expected an option of the encoder" in translate("run", "one.png", "--set=x=1").error


def test_a_damaged_checkpoint_is_passed_over_and_kept(tmp_path):
    for step in (1, 2):
        checkpoint.save(tmp_path, {}, {"stage": 0, "step": step, "critic_step": 0})
    (tmp_path / "checkpoint-0-2.safetensors").write_bytes(b"cut")
    assert checkpoint.glance(tmp_path)[1]["step"] == 1
    assert (tmp_path / "checkpoint.json").exists()


def test_the_command_says_that_it_is_no_finished_run(translate, run, tmp_path):
    answer = translate("run", "one.png")
    assert (answer.code, answer.others[0]) == (0, "warning: run has no bundle yet: refine is done")
    assert (tmp_path / "made" / "one.png").exists()
