"""Recipes, runs, bundles and exports that 0.1.0 wrote are read, and do what they did: `fixtures/old/README.md`."""

import json
import shutil
import tomllib
from pathlib import Path

import numpy as np
import pytest

from crosscade.framework import Catalogue, read, read_rgb, resolve
from crosscade.framework.recipe.read import override

OLD = Path(__file__).parent / "fixtures" / "old"
NEAR = 2
"""How many of 255 grey levels a picture may be off, because another processor rounds otherwise."""
CATALOGUE = Catalogue.discover()
SETTINGS = ["inversions[0].schedule.images=20", "stages[1].losses[identity].weight=3", "image.views=4", "refine=none"]


def assert_same_pictures(made: Path, expected: Path):
    names = sorted(path.name for path in expected.iterdir())
    assert sorted(path.name for path in made.glob("*.png")) == names
    for name in names:
        difference = np.abs(read_rgb(made / name).astype(int) - read_rgb(expected / name))
        assert difference.max() <= NEAR, name


def steps(run: Path):
    """What a run logged, but for its numbers."""
    events = [json.loads(line) for line in (run / "events.jsonl").read_text().splitlines()]
    return [(e["title"], e["step"]) for e in events if e["event"] in ("step", "stage")]


@pytest.mark.parametrize("name", ["recipe.toml", "recipe.json"])
def test_a_recipe_means_what_it_meant(name):
    asked = resolve(read(str(OLD / name), CATALOGUE), CATALOGUE)
    for run in ("cascade", "cascade-stopped"):
        state = json.loads((OLD / run / "run.json").read_text())
        assert asked == resolve(state["asked"], CATALOGUE)
        assert asked == resolve(read(str(OLD / run / "recipe.json"), CATALOGUE), CATALOGUE)


def test_settings_of_old_keys_are_understood():
    table = tomllib.loads((OLD / "recipe.toml").read_text())
    plain = json.dumps(resolve(override(table, SETTINGS), CATALOGUE).plain())
    assert '"images": 20' in plain
    assert '"weight": 3.0' in plain
    assert '"refine": {' not in plain


@pytest.mark.parametrize("name", ["cascade", "drit"])
@pytest.mark.parametrize("direction", ["a2b", "b2a"])
def test_a_bundle_translates_as_it_did(name, direction, crosscade, tmp_path):
    answer = crosscade("translate", OLD / name, OLD / "sources", "--direction", direction, "--out", "made")
    assert answer.code == 0, answer.error
    assert_same_pictures(tmp_path / "made", OLD / "expected" / f"{name}-{direction}")


def test_a_bundle_draws_the_styles_that_it_drew(crosscade, tmp_path):
    assert crosscade("translate", OLD / "drit", OLD / "sources", "--samples", 2, "--out", "made").code == 0
    assert_same_pictures(tmp_path / "made", OLD / "expected" / "drit-samples")


def test_an_export_is_checked_and_runs(crosscade, tmp_path):
    answer = crosscade("run", OLD / "drit.onnx", "--check", "--device", "cpu")
    assert answer.code == 0, answer.error
    answer = crosscade("run", OLD / "drit.onnx", OLD / "sources", "--device", "cpu", "--out", "made")
    assert answer.code == 0, answer.error
    assert len(list((tmp_path / "made").glob("*.png"))) == 2
    assert any("exported as crosscade.onnx/1" in line for line in answer.others), "its seeds draw other styles now"
    samples = OLD / "expected" / "drit-samples"
    first = sorted(path.name for path in samples.iterdir())[0]
    made = read_rgb(tmp_path / "made" / f"{first.rpartition('-')[0]}.png").astype(int)
    assert np.abs(made - read_rgb(samples / first)).max() <= NEAR, "namely those that its bundle always drew"


def test_a_run_that_was_stopped_goes_on_to_what_it_would_have_been(crosscade, tmp_path):
    shutil.copytree(OLD / "cascade-stopped", tmp_path / "run")
    answer = crosscade("train", "--recipe", OLD / "recipe.toml", "--out", "run", "--resume")
    assert answer.code == 0, answer.error
    for direction in ("a2b", "b2a"):
        crosscade("translate", "run", OLD / "sources", "--direction", direction, "--out", direction)
        assert_same_pictures(tmp_path / direction, OLD / "expected" / f"cascade-{direction}")
    assert steps(tmp_path / "run") == steps(OLD / "cascade")


def test_a_bundle_has_the_scores_that_it_had(crosscade, tmp_path):
    answer = crosscade("evaluate", OLD / "cascade", "--metrics", "diversity,fd-pixels,sharpness", "--out", "judged")
    assert answer.code == 0, answer.error
    old, new = (json.loads((run / "scores.json").read_text()) for run in (OLD / "cascade", tmp_path / "judged"))
    for direction, table in old.items():
        assert new[direction]["rows"]["cascade"].keys() == table["rows"]["cascade"].keys()
        for name, score in table["rows"]["cascade"].items():
            assert new[direction]["rows"]["cascade"][name]["value"] == pytest.approx(score["value"], rel=0.02), name


def test_a_report_shows_a_run_and_its_scores(crosscade, tmp_path):
    shutil.copytree(OLD / "cascade", tmp_path / "run")
    answer = crosscade("report", "run")
    assert answer.code == 0, answer.error
    page = (tmp_path / "run" / "index.html").read_text()
    for words in ("old-cascade", "crosscade train --recipe cascade.toml --out run", "fd-pixels", "refine"):
        assert words in page
