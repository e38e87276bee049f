"""`crosscade compare` as a whole: the table, one budget, the same images for all, what fails, and a real training."""

import json
import sys

import numpy as np
import pytest

from crosscade.evaluation.experiments import jobs
from crosscade.evaluation.experiments.jobs import Cost
from crosscade.framework import write_png
from tests.framework.tiny import TABLE

COPY = """
import json, pathlib, shutil, sys
words = dict(zip(sys.argv[2::2], sys.argv[3::2]))
run = pathlib.Path(words["--out"])
shutil.copytree(sys.argv[1], run)
state = json.loads((run / "run.json").read_text())
del state["seal"]
state["minutes"] = float(words["--minutes"]) if "--minutes" in words else None
state["asked"] = json.loads(pathlib.Path(words["--recipe"]).read_text())
(run / "run.json").write_text(json.dumps(state))
"""
WORDS = ("compare", "--methods", "tiny.json,other.json", "--images", "8", "--data", "safari:zebra,giraffe")


@pytest.fixture
def recipes(tmp_path):
    for name in ("tiny", "other"):
        (tmp_path / f"{name}.json").write_text(json.dumps({**TABLE, "name": name}))


def test_the_command_writes_the_table_and_trains_nothing_twice(crosscade, recipes, whole, tmp_path, monkeypatch):
    monkeypatch.setattr(jobs, "TRAIN", (sys.executable, "-c", COPY, str(whole)))
    monkeypatch.setattr(jobs, "POLL_SECONDS", 0.1)
    assert crosscade("compare", "--methods", "tiny.json").code == 2, "no budget"
    answer = crosscade(*WORDS)
    assert answer.code == 0, answer
    markdown = (tmp_path / "compare" / "table.md").read_text(encoding="utf-8")
    assert "| tiny |" in markdown
    assert "too small" in markdown, "four test images are not judged, and the table says so"
    assert "Budget: 8 images of each domain a run" in markdown
    assert "open it in a browser" in answer.output
    assert (tmp_path / "compare" / "index.html").exists()
    again = crosscade(*WORDS)
    assert again.code == 2
    assert "--resume" in again.error
    cost = Cost.read(tmp_path / "compare" / "runs" / "other-0")
    more = crosscade("compare", "--resume", "--methods", "other.json")
    assert more.code == 0, more
    assert Cost.read(tmp_path / "compare" / "runs" / "other-0") == cost, "a finished run is not trained again"
    page = (tmp_path / "compare" / "index.html").read_text(encoding="utf-8")
    assert "crosscade compare --methods other.json --data safari:zebra,giraffe --images 8 --seeds 1" in page
    other = crosscade("compare", "--resume", "--images", "80")
    assert other.code == 2
    assert "which the run began with" in other.error


def test_the_table_is_written_when_a_run_fails_and_the_command_fails(crosscade, recipes, whole, tmp_path, monkeypatch):
    fail = "import sys\nif 'other' in str(sys.argv): sys.exit('crosscade: no room')\n"
    monkeypatch.setattr(jobs, "TRAIN", (sys.executable, "-c", fail + COPY, str(whole)))
    monkeypatch.setattr(jobs, "POLL_SECONDS", 0.1)
    answer = crosscade(*WORDS)
    assert answer.code == 1
    assert answer.error.startswith("the comparison: found other-0 failed; expected all of 2 runs in the table.")
    markdown = (tmp_path / "compare" / "table.md").read_text(encoding="utf-8")
    assert "| tiny |" in markdown
    assert "- ! other-0 failed: no room" in markdown
    monkeypatch.setattr(jobs, "TRAIN", (sys.executable, "-c", COPY, str(whole)))
    assert crosscade("compare", "--resume").code == 0


def test_all_runs_have_one_budget_and_the_same_images(crosscade, recipes, whole, tmp_path, monkeypatch):
    def draw(side, seed):
        for n, image in enumerate(np.random.default_rng(seed).integers(0, 256, (8, 70, 70, 3), np.uint8)):
            write_png(tmp_path / side / f"{n}.png", image)

    monkeypatch.setattr(jobs, "TRAIN", (sys.executable, "-c", COPY, str(whole)))
    monkeypatch.setattr(jobs, "POLL_SECONDS", 0.1)
    draw("a", 0)
    draw("b", 1)
    folders = ("--a", "a", "--b", "b", "--minutes", "0.5")
    answer = crosscade("compare", "--methods", "tiny.json", *folders)
    assert answer.code == 0, answer
    out = tmp_path / "compare"
    before = (out / "protocol.json").read_bytes()
    for minutes in ("0.4", "2"):
        answer = crosscade("compare", "--resume", "--minutes", minutes)
        assert answer.code == 2
        said = f"tiny-0: --minutes: found {float(minutes)}; expected 0.5, which the run began with"
        assert answer.error.startswith(said), "a longer one is not learnt on either: the others had no more"
    assert crosscade("compare", "--resume", "--methods", "tiny.json", "--minutes", "0.5").code == 0
    draw("b", 2)
    other = "the training images: found other images than this comparison began with"
    answer = crosscade("compare", "--resume", "--methods", "tiny.json,other.json")
    assert answer.code == 2
    assert answer.error.startswith(other)
    assert not (out / "runs" / "other-0").exists()
    assert (out / "protocol.json").read_bytes() == before
    draw("b", 1)
    change = "import pathlib\nfile = pathlib.Path('b/0.png')\nfile.with_name('9.png').write_bytes(file.read_bytes())\n"
    monkeypatch.setattr(jobs, "TRAIN", (sys.executable, "-c", change + COPY, str(whole)))
    answer = crosscade("compare", "--methods", "tiny.json", *folders, "--out", "changed")
    assert answer.error.startswith(other), "while it trained"
    assert not (tmp_path / "changed" / "table.md").exists()


@pytest.mark.slow
def test_the_command_trains(crosscade, recipes, tmp_path):
    answer = crosscade(*WORDS, "--jobs", "2")
    assert answer.code == 0, answer
    for name in ("tiny", "other"):
        cost = Cost.read(tmp_path / "compare" / "runs" / f"{name}-0")
        assert cost.cpu_seconds > 0.5
        assert cost.peak_bytes > 100 << 20
        assert (tmp_path / "compare" / "runs" / f"{name}-0" / "bundle" / "bundle.json").exists()
    plain = json.loads((tmp_path / "compare" / "table.json").read_text(encoding="utf-8"))
    assert plain["summary"]["rows"]["tiny"]["images"]["value"] == 8
