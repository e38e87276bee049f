"""Methods against one another: who runs, within which budget, and what the table makes of it."""

import argparse
import copy
import json
import math
import re
import shutil

import pytest
from attrs import evolve

from crosscade.evaluation.experiments import run as comparison
from crosscade.evaluation.experiments.jobs import Cost
from crosscade.evaluation.experiments.page import write_files
from crosscade.evaluation.experiments.protocol import Protocol
from crosscade.evaluation.experiments.results import merge, score
from crosscade.evaluation.experiments.trials import Trial, images_seen, refusals, scaled, started, trials_of
from crosscade.evaluation.experiments.variant import Variant
from crosscade.evaluation.metrics.jackknife import SPREAD, how
from crosscade.framework import Catalogue, InputError, Reporter, RunError, Score
from crosscade.framework.bundle import bundle
from crosscade.framework.support import device
from crosscade.framework.support.folders import Held
from crosscade.plugins.datasets.safari.dataset import Safari, SafariOptions
from tests.framework.tiny import TABLE, tiny_recipe

QUIET = Reporter(quiet=True)


@pytest.fixture(scope="module")
def catalogue():
    return Catalogue.discover()


def protocol(out, methods="cascade", **words):
    given = dict.fromkeys(("minutes", "images", "seeds", "data", "a", "b"))
    arguments = argparse.Namespace(**given | {"set": [], "resume": False, "out": out, "device": "auto"} | words)
    return Protocol.asked("compare", arguments, methods=methods)


def trials(tmp_path, catalogue, *, images=60, **words):
    return trials_of(protocol(tmp_path, images=images, **words), catalogue, tmp_path)


def test_a_run_for_each_method_and_seed_on_the_same_images(tmp_path, catalogue):
    runs = trials(tmp_path, catalogue, methods="cascade,cyclegan", seeds=2, set=["image.size=64"])
    assert [r.name for r in runs] == ["cascade-0", "cyclegan-0", "cascade-1", "cyclegan-1"]
    assert [r.recipe.name for r in runs[:2]] == ["demo", "cyclegan"]
    assert {r.recipe.image.size for r in runs} == {64}
    assert {r.recipe.training.threads for r in runs} == {1}
    assert len({r.recipe.training.precision for r in runs} - {"auto"}) == 1, "chosen once, for all"
    assert [r.recipe.training.seed for r in runs] == [0, 0, 1, 1]
    assert len({str(r.recipe.data.plain()) for r in runs}) == 1


def test_a_budget_of_images_is_the_same_sum_for_every_method(tmp_path, catalogue):
    runs = trials(tmp_path, catalogue, methods="cascade,cyclegan,dfi", images=30_000)
    for run in runs:
        assert images_seen(run.recipe) == pytest.approx(30_000, rel=0.01), run.name
    assert runs[2].recipe.invert[0].schedule.images == 30_000, "all that learns of dfi; its translator does not"
    recipe = tiny_recipe()
    assert images_seen(recipe) == 4 * 8
    twice = scaled(recipe, 64)
    assert [s.schedule.images for s in (*twice.invert, *twice.translate, twice.refine)] == [16] * 4
    assert images_seen(scaled(recipe, 1)) == 4 * 2, "no stage vanishes"


def test_a_control_may_get_more_of_the_budget(tmp_path, catalogue):
    (tmp_path / "mine@home.json").write_text(json.dumps(TABLE))
    asked_for = f"cyclegan,cyclegan@3,{tmp_path / 'mine@home.json'}@0.5"
    settings = [f"{key}={value}" for key, value in (("data.train", 8), ("data.test", 4), ("image.crops", 1))]
    runs = trials(tmp_path, catalogue, methods=asked_for, images=30_000, set=settings)
    assert [run.name for run in runs] == ["cyclegan-0", "cyclegan@3-0", "mine@home@0.5-0"]
    assert [run.variant.times for run in runs] == [1, 3, 0.5]
    seen = [images_seen(run.recipe) for run in runs]
    assert seen == pytest.approx([30_000, 90_000, 15_000], rel=0.01)
    with pytest.raises(InputError, match="a factor above 0"):
        protocol(tmp_path, methods="cyclegan@0", images=60).variants()


def test_a_longer_run_begins_first(tmp_path, catalogue, monkeypatch):
    class BegunError(Exception):
        pass

    def begin(jobs, *_):
        raise BegunError(*(job.run.name for job in jobs))

    monkeypatch.setattr(comparison, "run_jobs", begin)
    asked = protocol(tmp_path, methods="cyclegan,munit,cyclegan@3,drit", images=60)
    out = tmp_path / "out"
    with pytest.raises(BegunError) as begun, Held(out, lambda: None) as held:
        comparison.run(trials_of(asked, catalogue, out), asked, Safari(SafariOptions()), catalogue, out=held)
    assert begun.value.args == ("cyclegan@3-0", "cyclegan-0", "munit-0", "drit-0")


def test_what_cannot_be_compared_is_refused(tmp_path, catalogue):
    for words in ({}, {"minutes": 1.0, "images": 5}, {"minutes": -1.0}, {"images": 5, "seeds": 0}, {"images": 0}):
        with pytest.raises(InputError):
            protocol(tmp_path, **words)
    with pytest.raises(InputError, match="--methods"):
        protocol(tmp_path, methods=None, images=60)
    with pytest.raises(InputError, match="twice"):
        trials(tmp_path, catalogue, methods="cyclegan,cyclegan")
    (tmp_path / "small.json").write_text(json.dumps(TABLE))
    with pytest.raises(InputError, match=r"small.*\$\.data"):
        trials(tmp_path, catalogue, methods=f"cascade,{tmp_path / 'small.json'}")


def test_a_recipe_that_cannot_work_is_refused_before_any_training(tmp_path, catalogue):
    table = copy.deepcopy(TABLE)
    table["translate"][0]["losses"].append({"use": "style-reconstruction"})
    (tmp_path / "odd.json").write_text(json.dumps(table))
    runs = trials(tmp_path, catalogue, methods=str(tmp_path / "odd.json"))
    ((variant, error),) = refusals(runs, Safari(SafariOptions(train=4, test=4)), catalogue)
    assert variant is runs[0].variant
    assert re.search(r"method 'odd': .*style-reconstruction.* @ \$\.translate\[0\]", str(error))


def test_a_method_with_nothing_to_begin_with_is_refused_before_any_training(tmp_path, catalogue):
    table = copy.deepcopy(TABLE)
    table["invert"][0]["losses"] = []
    (tmp_path / "bare.json").write_text(json.dumps(table))
    runs = trials(tmp_path, catalogue, methods=str(tmp_path / "bare.json"))
    ((_, error),) = refusals(runs, Safari(SafariOptions(train=4, test=4)), catalogue)
    assert re.search(r"method 'bare': invert level \d, which has no losses: found nothing to start from", str(error))


def test_resuming_needs_no_argument_twice(tmp_path):
    first = protocol(tmp_path, methods="cascade,dfi", images=60, seeds=3, set=["image.size=64"])
    (tmp_path / "protocol.json").write_text(json.dumps(first.plain()))
    assert protocol(tmp_path, methods=None, resume=True) == first
    assert protocol(tmp_path, methods="cascade,dfi,cyclegan", resume=True).methods.endswith("cyclegan")
    (tmp_path / "protocol.json").write_text('{"format": "other"}')
    with pytest.raises(InputError, match="format 'other'"):
        protocol(tmp_path, resume=True)


def test_the_cascade_of_photographs_is_another_recipe_begun_with_a_starter(tmp_path, catalogue):
    folders = {"data": None, "a": str(tmp_path / "a"), "b": str(tmp_path / "b")}
    own = protocol(tmp_path, methods="cascade,cyclegan", images=60, **folders)
    assert [variant.recipe for variant in own.variants()] == ["photo", "cyclegan"]
    there = trials_of(own, catalogue, tmp_path)
    (note,) = started(there)
    assert note.startswith("cascade begins with the starter `photographs`; ")
    drawn = protocol(tmp_path, methods="cascade", images=60)
    assert [variant.recipe for variant in drawn.variants()] == ["demo"]
    assert started(trials_of(drawn, catalogue, tmp_path)) == []


def test_a_comparison_stays_on_its_device(tmp_path, monkeypatch):
    monkeypatch.setattr(device, "available", lambda: ["cpu", "cuda:0", "cuda:1"])
    monkeypatch.setattr(device, "choose", lambda precision, place: f"as on {place}")
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    first = protocol(tmp_path, images=60)
    assert (first.device, first.precision) == ("cuda", "as on cuda:0")
    budget = first.notes(["cuda:0", "cuda:1"])[0]
    assert budget.endswith("at most 2 at a time, each on a GPU of its own; as on cuda:0 on cuda.")
    assert "--device cuda --jobs 2" in first.command_line(2, False, tmp_path)
    (tmp_path / "protocol.json").write_text(json.dumps(first.plain()))
    assert protocol(tmp_path, resume=True) == first
    assert protocol(tmp_path, resume=True, device="cuda:1") == evolve(first, device="cuda:1")
    monkeypatch.setattr(device, "available", lambda: ["cpu"])
    with pytest.raises(InputError, match="--device cuda: found no such device here; expected cpu"):
        protocol(tmp_path, resume=True)
    assert protocol(tmp_path, resume=True, device="cpu") == evolve(first, device="cpu")


OLD = {
    "format": "crosscade.compare/1", "methods": "cascade,cyclegan@3", "minutes": 1.5, "images": None, "seeds": 2,
    "data": "safari:zebra,giraffe", "a": None, "b": None, "set": None, "precision": "bfloat16",
}  # fmt: skip


def test_the_file_of_a_protocol_stays_as_it_was(tmp_path):
    (tmp_path / "protocol.json").write_text(json.dumps(OLD))
    stored = protocol(tmp_path, methods=None, resume=True)
    assert json.dumps(stored.plain()) == json.dumps(OLD | {"device": "cpu"})
    assert [v.times for v in stored.variants()] == [1, 3]
    assert stored.notes(["cpu"])[0] == "cyclegan@3 has 3 times the budget."


def test_seeds_become_a_mean_and_a_spread():
    seeds = [
        Score(v, f"by hand; {how(9)}", 9, beside={"floor": 1.0, SPREAD: 5.0}, warning="w") for v in (1.0, 2.0, 6.0)
    ]
    merged = merge(seeds)
    assert merged.value == 3.0
    assert merged.beside == {"floor": 1.0, SPREAD: pytest.approx(7**0.5)}
    assert merged.protocol == "by hand; mean ± standard deviation of 3 seeds"
    assert merged.warning == "w"
    assert merge(seeds[:1]) is seeds[0]
    part = merge([*seeds[:2], Score.missing("killed")])
    assert part.value == 1.5
    assert "1 without a value" in part.protocol
    assert math.isnan(merge([Score.missing("killed")] * 2).value)


@pytest.fixture(scope="module")
def compared(whole, tmp_path_factory, catalogue):
    """Two 'methods', one of them with two seeds, that are one and the same run; judged on a few scenes."""
    out = tmp_path_factory.mktemp("compare")
    runs = []
    for method, seed, cpu, times in (("ours", 0, 60.0, 1), ("ours", 1, 60.0, 1), ("theirs", 0, 240.0, 2)):
        run = out / "runs" / f"{method}-{seed}"
        shutil.copytree(whole, run)
        Cost(cpu, 90.0, 3 << 20, begun=1, measured=1).write(run)
        runs.append(Trial(Variant(method, times=times), seed, bundle.load(run, catalogue).recipe, run))
    dataset = Safari(SafariOptions(train=16, test=12))
    metrics = ["fd-pixels", "kd-efficientnet-lite0", "black-outputs"]
    return out, runs, score(runs, dataset, catalogue, QUIET, ["Budget: none."], metrics)


def test_methods_stand_in_rows_and_directions_in_columns(compared):
    _, _, found = compared
    table = found.summary
    assert list(table.rows) == ["ours", "theirs", "untranslated source", "real target"]
    headings = [c for c in table.columns if c.startswith("fd-pixels")]
    assert headings == ["fd-pixels a2b", "fd-pixels b2a"]
    ours, theirs = (table.rows[m]["fd-pixels a2b"] for m in ("ours", "theirs"))
    assert ours.value == pytest.approx(theirs.value), "the same weights"
    assert ours.beside[SPREAD] == pytest.approx(0, abs=1e-9)
    assert theirs.beside[SPREAD] > 0, "one seed: the interval over images"
    assert table.notes[:2] == ("a2b: zebra → giraffe; b2a: giraffe → zebra.", "Budget: none.")
    assert "black-outputs" in found.directions[0].table.rows["theirs"]
    assert any("64 px" in note for note in table.notes)


def test_what_a_method_costs_stands_beside_its_scores(compared):
    _, runs, found = compared
    row = found.summary.rows["theirs"]
    assert row["CPU minutes"].value == 4.0
    assert row["CPU minutes"].warning.startswith("1.33 times"), "of what twice the budget lets one expect"
    assert row["minutes"].value == 1.5
    assert row["images"].value == 32
    assert row["images/s"].value == pytest.approx(32 / 240)
    assert row["peak MiB"].value == 3
    made = bundle.load(runs[0].run)
    cascades = [made.cascade(d) for d in ("a2b", "b2a")]
    assert row["parameters, M"].value == pytest.approx(
        sum(p.numel() for c in cascades for p in (*c.translators.parameters(), *c.inverter.parameters())) / 1e6
    )
    assert row["frozen, M"].value > 1
    assert "CPU minutes" not in found.summary.rows["real target"]


def test_the_grid_has_the_source_each_method_and_the_nearest_training_images(compared):
    grid = compared[2].directions[1].grid
    assert list(grid) == ["source", "ours", "theirs", "nearest training image to ours's"]
    assert {images.shape for images in grid.values()} == {(6, 64, 64, 3)}


def test_files_of_a_comparison(compared, catalogue):
    out, runs, found = compared
    asked = Protocol(methods="ours,theirs", images=32)
    page = write_files(out, found, asked, runs, ["drit-0 failed: no memory"], "crosscade compare", catalogue)
    text = page.read_text(encoding="utf-8")
    assert text.count("data:image/png;base64,") == 2 * 4 * 6
    assert 'alt="zebra → giraffe, theirs: image 6"' in text
    assert "drit-0 failed: no memory" in text
    markdown = (out / "table.md").read_text(encoding="utf-8")
    assert markdown.count("### ") == 3
    assert markdown.count("Budget: none.") == 3, "the protocol stands with every table"
    assert "weights SHA-256" in markdown
    assert "drit-0 failed" in markdown
    plain = json.loads((out / "table.json").read_text(encoding="utf-8"))
    assert plain["runs"]["ours-1"]["cpu_seconds"] == 60.0
    assert plain["directions"]["a2b"]["rows"]["ours"]["fd-pixels"]["value"] > 0
    assert (out / "grids" / "b2a.png").exists()
    assert (out / "sheets" / "ours-0-b2a.png").exists()


def test_a_cost_that_was_not_seen_to_its_end_is_not_claimed(compared, catalogue):
    _, runs, _ = compared
    from crosscade.evaluation.experiments.results import facts

    run = runs[2]
    cost = Cost.read(run.run)
    evolve(cost, begun=2).write(run.run)
    found = facts(run, bundle.load(run.run, catalogue))
    cost.write(run.run)
    assert math.isnan(found["CPU minutes"].value)
    assert found["images"].value == 32


def test_nothing_finished_is_nothing_to_compare(catalogue):
    with pytest.raises(RunError, match="no finished run"):
        score([], Safari(SafariOptions(train=16, test=12)), catalogue, QUIET)
