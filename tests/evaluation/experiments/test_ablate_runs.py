"""`crosscade ablate`: variants become runs, a table and a page; what was begun goes on."""

import json
import sys

import pytest

from crosscade.evaluation.experiments import jobs
from crosscade.evaluation.experiments.jobs import Cost
from tests.evaluation.experiments.test_compare_runs import COPY
from tests.framework.tiny import TABLE

MINE = """
summary = "two clamps and an encoder that is not there"
only = 4
[[variants]]
name = "clip 2"
[[variants]]
name = "clip 1"
set = ["training.clip_sigma=1", "translate[0].losses[cycle].weight=20"]
[[variants]]
name = "lost"
set = ["encoder={use='vgg19', weights='none.pth'}"]
"""
WORDS = ("ablate", "mine.toml", "--recipe", "tiny.json", "--images", "8", "--data", "safari:zebra,giraffe")


@pytest.fixture
def files(tmp_path):
    (tmp_path / "tiny.json").write_text(json.dumps(TABLE))
    (tmp_path / "mine.toml").write_text(MINE)


def test_the_command_trains_what_fits_and_goes_on_where_it_was(crosscade, files, whole, tmp_path, monkeypatch):
    monkeypatch.setattr(jobs, "TRAIN", (sys.executable, "-c", COPY, str(whole)))
    monkeypatch.setattr(jobs, "POLL_SECONDS", 0.1)
    assert crosscade("ablate").code == 2, "no sweep"
    assert "did you mean 'losses'" in crosscade("ablate", "losess").error
    both = crosscade("ablate", "losses", "--vary", "training.clip_sigma=1,2")
    assert "--vary" in both.error
    answer = crosscade(*WORDS, "--out", "out")
    assert answer.code == 0, answer
    out = tmp_path / "out"
    asked = json.loads((out / "runs" / "clip 1-0" / "run.json").read_text())["asked"]
    assert asked["training"]["clip_sigma"] == 1
    assert [s["level"] for s in asked["translate"]] == [4]
    assert "refine" not in asked
    markdown = (out / "table.md").read_text(encoding="utf-8")
    assert "| clip 2 |" in markdown
    assert "- clip 1: level 4 alone, its inversion, no refinement; training.clip_sigma=1; translate[0]" in markdown
    assert "- ! lost is left out: method 'lost': encoder vgg19" in markdown
    assert "Recipe: tiny.json. Sweep mine: two clamps" in markdown
    page = (out / "index.html").read_text(encoding="utf-8")
    assert "mine: zebra ↔ giraffe" in page
    assert 'alt="zebra → giraffe, clip 1: image 4"' in page
    stated = json.loads((out / "protocol.json").read_text())
    assert stated["format"] == "crosscade.ablate/1"
    assert [v["name"] for v in stated["sweep"]["variants"]] == ["clip 2", "clip 1", "lost"]

    assert "--resume" in crosscade(*WORDS, "--out", "out", "--device", "cpu").error
    cost = Cost.read(out / "runs" / "clip 1-0")
    (tmp_path / "mine.toml").unlink()
    again = crosscade("ablate", "--resume", "--out", "out", "--device", "cpu")
    assert again.code == 0, again
    assert Cost.read(out / "runs" / "clip 1-0") == cost, "a finished run is not trained again"
    page = (out / "index.html").read_text(encoding="utf-8")
    command = f"crosscade {' '.join(WORDS[:2])} --recipe tiny.json --data {WORDS[-1]} --images 8 --seeds 1 --device cpu"
    assert f"{command} --out out<" in page, "the command that makes it from nothing"
    assert "which the run began with" in crosscade("ablate", "--resume", "--out", "out", "--images", "80").error
    assert "format" in crosscade("compare", "--resume", "--out", "out").error


def test_two_minutes_where_no_budget_is_given(crosscade, files, whole, tmp_path, monkeypatch):
    monkeypatch.setattr(jobs, "TRAIN", (sys.executable, "-c", COPY, str(whole)))
    monkeypatch.setattr(jobs, "POLL_SECONDS", 0.1)
    answer = crosscade("ablate", "--vary", "training.clip_sigma=2", "--recipe", "tiny.json", "--set", "data.test=4")
    assert answer.code == 0, answer
    assert json.loads((tmp_path / "ablate" / "protocol.json").read_text())["minutes"] == 2
    page = (tmp_path / "ablate" / "index.html").read_text(encoding="utf-8")
    assert "crosscade ablate --vary training.clip_sigma=2 --recipe tiny.json" in page
    assert "--set data.test=4" in page
    assert "2 minutes of training a run" in (tmp_path / "ablate" / "table.md").read_text(encoding="utf-8")
    assert "expected 2.0, which the run began with" in crosscade("ablate", "--resume", "--minutes", "3").error


@pytest.mark.slow
def test_variants_of_a_small_recipe_are_trained(crosscade, files, tmp_path):
    answer = crosscade(*WORDS, "--seeds", "2", "--jobs", "2")
    assert answer.code == 0, answer
    runs = tmp_path / "ablate" / "runs"
    for name in ("clip 2-0", "clip 1-0", "clip 2-1", "clip 1-1"):
        assert (runs / name / "bundle" / "bundle.json").exists()
        assert Cost.read(runs / name).cpu_seconds > 0.5
