"""`crosscade report`: a run's page from its folder alone."""

import json
import shutil
from contextlib import ExitStack

import pytest

from crosscade.evaluation.reports import command
from crosscade.evaluation.reports.run import about
from crosscade.evaluation.reports.table import Table
from crosscade.framework import Catalogue, Score
from crosscade.framework.support.folders import alone
from tests.framework.tiny import former, unhashed


@pytest.fixture
def run(whole, tmp_path):
    return shutil.copytree(whole, tmp_path / "run")


@pytest.fixture
def training(run):
    """Holds the run's folder, as what trains it does, until it is closed."""
    with ExitStack() as stack:
        stack.enter_context(alone(run))
        yield stack


def test_a_run_becomes_a_page_with_what_was_judged(crosscade, run):
    table = Table("zebra → giraffe", {"cascade": {"kid": Score(0.125, "by hand", 9)}})
    (run / "scores.json").write_text(json.dumps({"a2b": table.as_json()}))
    answer = crosscade("report", "run")
    assert answer.code == 0, answer
    assert "index.html: open it in a browser." in answer.output
    page = (run / "index.html").read_text(encoding="utf-8")
    assert page.count("data:image/png;base64,") == 2 * 3 * 4, "source, before refinement, translation of four a side"
    assert page.count("data:image/svg+xml") == 4, "a chart for each stage that learned"
    for piece in ("zebra ↔ giraffe", "before refinement", "0.125", "1 thread, float32", "stands for itself"):
        assert piece in page, piece


def test_the_page_may_go_elsewhere(crosscade, run, tmp_path):
    assert crosscade("report", "run", "--out", "page.html").code == 0
    assert (tmp_path / "page.html").exists()
    assert not (run / "index.html").exists()


def test_an_unfinished_run_shows_its_samples(crosscade, run):
    shutil.rmtree(run / "bundle")
    stages = {file.name.rpartition("-")[0] for file in (run / "samples").glob("*.png")}
    assert len(stages) == 4
    assert crosscade("report", "run").code == 0
    page = (run / "index.html").read_text(encoding="utf-8")
    assert page.count("data:image/png;base64,") == 4
    assert "After 4 steps: a test image a row." in page


def test_a_page_that_is_watched_is_written_again_until_the_run_ends(crosscade, run, training, monkeypatch):
    state, page, pages = json.loads((run / "run.json").read_text()), run / "index.html", []
    (run / "run.json").write_text(json.dumps(unhashed(state) | {"done": False}))

    def pass_time(_):
        pages.append(page.read_text(encoding="utf-8"))
        (run / "run.json").write_text(
            json.dumps(unhashed(state) | {"done": len(pages) > 1, "warnings": [f"turn {len(pages)}"]})
        )
        if len(pages) > 1:
            training.close()

    monkeypatch.setattr(command.time, "sleep", pass_time)
    assert crosscade("report", "run", "--watch").code == 0
    assert len(pages) == 2
    assert all('http-equiv="refresh"' in text for text in pages)
    assert "turn 1" in pages[1]
    last = page.read_text(encoding="utf-8")
    assert "turn 2" in last
    assert "refresh" not in last


def test_watching_ends_with_what_trains_the_run(crosscade, run, training, monkeypatch):
    state = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps(unhashed(state) | {"done": False}))
    monkeypatch.setattr(command.time, "sleep", lambda _: training.close())
    answer = crosscade("report", "run", "--watch")
    assert answer.output.endswith("Nothing trains it now. Go on with: crosscade train --out run --resume\n")
    assert "refresh" not in (run / "index.html").read_text(encoding="utf-8")


def test_a_run_that_ends_while_its_page_is_drawn_gets_its_last_page(crosscade, run, training, monkeypatch):
    state, draw = json.loads((run / "run.json").read_text()), command._write
    (run / "run.json").write_text(json.dumps(unhashed(state) | {"done": False}))

    def drawn(*how):
        page = draw(*how)
        if not json.loads((run / "run.json").read_text())["done"]:
            (run / "run.json").write_text(json.dumps(unhashed(state) | {"warnings": ["the last one"]}))
            training.close()
        return page

    monkeypatch.setattr(command, "_write", drawn)
    assert crosscade("report", "run", "--watch").code == 0
    page = (run / "index.html").read_text(encoding="utf-8")
    assert "the last one" in page
    assert "refresh" not in page


def test_a_finished_run_that_learns_on_is_watched(crosscade, run, training, monkeypatch):
    turns = []
    monkeypatch.setattr(command.time, "sleep", lambda _: turns.append(1) or training.close())
    assert crosscade("report", "run", "--watch").code == 0
    assert turns == [1]


def test_a_run_that_is_just_being_begun_is_waited_for(crosscade, run, training, monkeypatch):
    begun = (run / "run.json").rename(run / "later")
    monkeypatch.setattr(
        command.time, "sleep", lambda _: begun.rename(run / "run.json") if begun.exists() else training.close()
    )
    assert crosscade("report", "run", "--watch").code == 0


def test_a_run_begun_under_the_former_names_of_keys_tells_the_same(run):
    catalogue = Catalogue.discover()
    told = about(run, catalogue)
    state, recipe = (json.loads((run / name).read_text()) for name in ("run.json", "recipe.json"))
    (run / "run.json").write_text(json.dumps(unhashed(state) | {"asked": former(state["asked"])}))
    (run / "recipe.json").write_text(json.dumps(former(recipe)))
    assert about(run, catalogue).recipes == told.recipes


def test_gone_pictures_cost_the_strips_only(crosscade, run):
    for name in ("recipe.json", "bundle/recipe.json"):
        recipe = json.loads((run / name).read_text())
        recipe["data"] = {"use": "folder", "a": "gone", "b": "away"}
        (run / name).write_text(json.dumps(recipe))
    from crosscade.framework.support.atomic import read_json, sha256

    manifest = read_json(run / "bundle" / "bundle.json", "its own")
    manifest["files"]["recipe.json"] = sha256(run / "bundle" / "recipe.json")
    (run / "bundle" / "bundle.json").write_text(json.dumps(manifest))
    answer = crosscade("report", "run")
    assert answer.code == 0, answer
    assert any("no translations on the page: folder a = 'gone'" in line for line in answer.others), answer.others
    assert "After 4 steps" in (run / "index.html").read_text(encoding="utf-8")


def test_a_run_of_another_format_is_refused(crosscade, run):
    (run / "run.json").write_text('{"format": "other"}')
    answer = crosscade("report", "run")
    assert answer.code == 2
    assert "format 'other'" in answer.error


def test_what_is_no_run_is_refused_with_what_to_give(crosscade, tmp_path):
    (tmp_path / "demo" / "run").mkdir(parents=True)
    (tmp_path / "demo" / "run" / "run.json").write_text("{}")
    (tmp_path / "compare").mkdir()
    (tmp_path / "compare" / "protocol.json").write_text("{}")
    for folder, cure in (("demo", "demo/run"), ("compare", "--resume"), ("gone", "crosscade train")):
        answer = crosscade("report", folder)
        assert answer.code == 2
        assert cure in answer.error, answer.error
