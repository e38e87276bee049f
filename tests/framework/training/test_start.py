"""A run that starts from an earlier one says what it takes over; a finished one given more minutes learns on."""

import json
import shutil

import pytest
import torch

from crosscade.evaluation.reports.run import about
from crosscade.framework import Catalogue, InputError, Reporter, RunError, StarterOffer, hookimpl, load, resolve, train
from crosscade.framework.runs.folder import RunFolder
from crosscade.framework.runs.state import RunState
from crosscade.framework.setup import Setup
from crosscade.framework.support import tensor_files
from crosscade.framework.support.device import Compute
from crosscade.framework.training import checkpoint
from crosscade.framework.training.start import Earlier
from tests.framework.tiny import tiny_recipe, tiny_run

STAGES = ("0-invert-level4", "1-translate-level5", "2-translate-level4", "3-refine")


def taken(run):
    return RunState.read(RunFolder(run)).taken


def files(run):
    return json.loads((run / "bundle" / "bundle.json").read_text())["files"]


@pytest.fixture(scope="module")
def started(whole, tmp_path_factory):
    """A run on other images, begun with what another has learnt."""
    run = tmp_path_factory.mktemp("started") / "run"
    tiny_run(run, "data.b=elephant", start=whole)
    return run


def test_networks_and_critics_begin_where_the_earlier_run_ended(whole, started):
    begun, learnt = tensor_files.read(started / "start.safetensors"), whole / "stages"
    deepest = tensor_files.read(learnt / f"{STAGES[1]}.safetensors")
    assert all(torch.equal(begun[f"{STAGES[1]}/modules.{name}"], value) for name, value in deepest.items())
    refined = tensor_files.read(whole / "bundle" / "a2b" / "inverter.safetensors")
    assert all(torch.equal(begun[f"{STAGES[0]}/modules.inverter4_b.{name}"], v) for name, v in refined.items())
    critics = tensor_files.read(learnt / f"{STAGES[3]}.critics.safetensors")
    assert all(torch.equal(begun[f"{STAGES[3]}/{name}"], value) for name, value in critics.items())


def test_what_was_taken_over_is_said_and_kept(whole, started):
    assert taken(started) == [
        f"taken over from {whole}: inverter 4 a, inverter 4 b, critic lsgan.a of invert level 4, "
        "critic lsgan.b of invert level 4, translators 5, critic wgan-gp.a of translate level 5, "
        "critic wgan-gp.b of translate level 5, translators 4, critic hinge.a of refine, critic hinge.b of refine"
    ]
    facts = json.loads((started / "bundle" / "bundle.json").read_text())
    told = [line.replace(str(whole), whole.name) for line in taken(started)]  # people share bundles, not paths
    assert (facts["start"], facts["taken"]) == (whole.name, told)
    assert load(started).domains.b == "elephant"


def test_it_learns_from_there(whole, tmp_path):
    """The first step's losses are those of trained networks, not of new ones."""

    def first(run):
        events = map(json.loads, (run / "events.jsonl").read_text().splitlines())
        return next(e["values"]["image-reconstruction"] for e in events if e["event"] == "step")

    tiny_run(tmp_path / "run", start=whole)
    assert first(tmp_path / "run") < first(whole)


def test_it_resumes_to_the_same_bits_without_the_earlier_run(whole, started, tmp_path, monkeypatch):
    shutil.copytree(whole, tmp_path / "earlier")
    tiny_run(tmp_path / "straight", "data.b=elephant", start=tmp_path / "earlier")
    save = checkpoint.save

    def dying(folder, tensors, meta):
        save(folder, tensors, meta)
        if meta["stage"] == 1:
            raise RunError("killed")

    monkeypatch.setattr(checkpoint, "save", dying)
    settings = ("data.b=elephant", "training.checkpoint_seconds=1e-9")
    with pytest.raises(RunError, match="killed"):
        tiny_run(tmp_path / "run", *settings, start=tmp_path / "earlier")
    monkeypatch.setattr(checkpoint, "save", save)
    shutil.rmtree(tmp_path / "earlier")
    tiny_run(tmp_path / "run", *settings, start=tmp_path / "earlier", resume=True)
    networks = {name: digest for name, digest in files(started).items() if name != "recipe.json"}
    assert networks.items() <= files(tmp_path / "straight").items()
    assert networks.items() <= files(tmp_path / "run").items()


def test_a_bundle_alone_gives_no_critics(whole, tmp_path):
    shutil.copytree(whole / "bundle", tmp_path / "bundle")
    tiny_run(tmp_path / "run", start=tmp_path / "bundle")
    first, *others = taken(tmp_path / "run")
    assert first.endswith("inverter 4 a, inverter 4 b, translators 5, translators 4")
    assert others == [
        "not taken over: critic lsgan.a of invert level 4, critic lsgan.b of invert level 4, critic wgan-gp.a of "
        "translate level 5, critic wgan-gp.b of translate level 5, critic hinge.a of refine, critic hinge.b of refine: "
        "none is kept there"
    ]


def test_other_sizes_components_and_levels_are_named(whole, tmp_path):
    tiny_run(
        tmp_path / "run",
        "image.size=128",
        "translate[0].translator.use=cyclegan-resnet",
        "translate[1].translator.style_width=16",
        "invert[0].inverter.width=16",
        start=whole,
    )
    told = "\n".join(taken(tmp_path / "run"))
    assert "not taken over: translators 5: it is 'deepest', here 'cyclegan-resnet'" in told
    assert "in part taken over: translators 4: " in told
    assert "in part taken over: critic wgan-gp.a of translate level 5: " in told


def test_what_cannot_be_started_from_is_refused_before_anything_is_written(whole, tmp_path):
    with pytest.raises(InputError, match=r"nowhere: found nothing there; expected a bundle folder or a finished run"):
        tiny_run(tmp_path / "run", start=tmp_path / "nowhere")
    assert not (tmp_path / "run").exists()
    setup = Setup.of(tiny_recipe(), Catalogue.discover(), Compute.as_it_is("cpu"))
    with torch.no_grad():
        next(setup.encoder.parameters()).add_(1)
    with pytest.raises(
        InputError, match=r"--start .* read the encoder 'efficientnet-lite0'; expected the same weights"
    ):
        Earlier.opened(whole, setup)
    shutil.copytree(whole, tmp_path / "itself")
    with pytest.raises(InputError, match="a folder that overlaps"):
        tiny_run(tmp_path / "itself", start=tmp_path / "itself", force=True)


@pytest.fixture(scope="module")
def short(tmp_path_factory):
    """A finished run that had some minutes."""
    run = tmp_path_factory.mktemp("short") / "run"
    tiny_run(run, minutes=0.02)
    return run


def test_a_finished_run_given_more_minutes_learns_on_in_its_last_stage(short, tmp_path):
    shutil.copytree(short, tmp_path / "run")
    tiny_run(tmp_path / "run", minutes=0.04, resume=True)
    state = RunState.read(RunFolder(tmp_path / "run"))
    assert (state.done, state.spent, state.minutes) == (True, 0.02, 0.04)
    before, after = files(short), files(tmp_path / "run")
    assert before["a2b/inverter4.safetensors"] == after["a2b/inverter4.safetensors"]
    assert before["a2b/inverter.safetensors"] != after["a2b/inverter.safetensors"]
    begun = tensor_files.read(tmp_path / "run" / "start.safetensors")
    refined = tensor_files.read(short / "bundle" / "b2a" / "inverter.safetensors")
    assert all(torch.equal(begun[f"{STAGES[3]}/modules.inverter4_a.{name}"], v) for name, v in refined.items())
    tiny_run(tmp_path / "run", minutes=0.04, resume=True)  # the same words again: it is finished
    assert files(tmp_path / "run") == after


def test_what_it_learnt_before_is_still_told_of(short, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(short, run)
    tiny_run(run, minutes=0.04, resume=True, command="more")
    tiny_run(run, minutes=0.06, resume=True, command="and more")
    first, lines = [(folder / "events.jsonl").read_text().splitlines() for folder in (short, run)]
    assert lines[: len(first)] == first
    refined = [event for event in map(json.loads, lines) if event.get("title") == "refine"]
    images = [event["images"] for event in refined if event["event"] == "step"]
    assert images == sorted(set(images))
    ends = {event["step"]: event["seconds"] for event in refined if event["event"] == "stage"}
    assert len(ends) == 3
    assert {f"3-refine-{step:06d}.png" for step in ends} <= {path.name for path in (run / "samples").iterdir()}
    recipe = json.loads((run / "bundle" / "recipe.json").read_text())
    assert recipe == json.loads((run / "recipe.json").read_text())
    assert resolve(recipe, Catalogue.discover()).refine.schedule.steps == max(ends)
    page = about(run, Catalogue.discover())
    assert dict(page.durations)["refine"] == pytest.approx(sum(ends.values()))
    assert page.command == "more && and more"


def test_one_that_is_killed_while_it_learns_on_ends_as_long(tmp_path, monkeypatch):
    run, save, settings = tmp_path / "run", checkpoint.save, ("training.checkpoint_seconds=1e-9",)
    tiny_run(run, *settings, minutes=0.02)

    def dying(folder, tensors, meta):
        save(folder, tensors, meta)
        raise RunError("killed")

    monkeypatch.setattr(checkpoint, "save", dying)
    with pytest.raises(RunError, match="killed"):
        tiny_run(run, *settings, minutes=0.06, resume=True)
    settled = json.loads((run / "recipe.json").read_text())
    monkeypatch.setattr(checkpoint, "save", save)
    tiny_run(run, *settings, resume=True)
    assert json.loads((run / "bundle" / "recipe.json").read_text()) == settled
    events = [json.loads(line) for line in (run / "events.jsonl").read_text().splitlines()]
    steps = [event["step"] for event in events if (event["event"], event.get("title")) == ("step", "refine")]
    assert steps == sorted(set(steps))
    assert steps[-1] == resolve(settled, Catalogue.discover()).refine.schedule.steps


def test_so_does_one_without_a_refinement(tmp_path):
    tiny_run(tmp_path / "run", "refine=none", minutes=0.02)
    before = files(tmp_path / "run")
    tiny_run(tmp_path / "run", "refine=none", minutes=0.04, resume=True)
    after = files(tmp_path / "run")
    assert [name for name in before if before[name] != after[name]] == [
        "a2b/level4.safetensors",
        "b2a/level4.safetensors",
        "recipe.json",
    ]
    assert len(RunState.read(RunFolder(tmp_path / "run")).health) == 4


def test_fewer_minutes_or_none_before_are_refused(short, whole):
    with pytest.raises(InputError, match=r"--resume: --minutes: found 0\.01; expected 0\.02.* --start"):
        tiny_run(short, minutes=0.01, resume=True)
    with pytest.raises(InputError, match=r"--resume: --minutes: found 3; expected nothing.* --start"):
        tiny_run(whole, minutes=3, resume=True)
    with pytest.raises(InputError, match=r"--resume: --start: found .*; expected '', which the run began with"):
        tiny_run(whole, start=short, resume=True)


def test_one_with_nothing_to_learn_is_given_no_more(whole, tmp_path):
    nothing = ("invert[0].losses=[]", "translate[0].losses=[]", "translate[1].losses=[]", "refine=none")
    tiny_run(tmp_path / "run", *nothing, start=whole, minutes=0.02)
    with pytest.raises(InputError, match=r"--resume: --minutes: found 0\.04; expected 0\.02"):
        tiny_run(tmp_path / "run", *nothing, minutes=0.04, resume=True)


def test_networks_without_losses_stay_what_they_begin_with(whole, tmp_path):
    tiny_run(tmp_path / "run", "translate[1].losses=[]", start=whole)
    stages = [tensor_files.read(run / "stages" / f"{STAGES[2]}.safetensors") for run in (whole, tmp_path / "run")]
    begun = tensor_files.read(tmp_path / "run" / "start.safetensors")
    kept = {f"{STAGES[2]}/modules.{name}": value for name, value in stages[1].items()}
    assert all(torch.equal(begun[name], value) for name, value in kept.items())
    assert stages[0].keys() == stages[1].keys()
    with pytest.raises(InputError, match=r"translate level 4, which has no losses: found nothing to start from"):
        tiny_run(tmp_path / "other", "translate[1].losses=[]")
    assert not (tmp_path / "other").exists()


def test_what_they_begin_with_is_kept_for_as_long_as_there_is_the_run(whole, tmp_path):
    run, words = RunFolder(tmp_path / "run"), ("translate[1].losses=[]",)
    tiny_run(run.path, *words, start=whole, minutes=0.02)
    tiny_run(run.path, *words, minutes=0.04, resume=True)
    learnt, kept = files(run.path), run.weights(STAGES[2])
    networks = kept.read_bytes()
    kept.unlink()
    tiny_run(run.path, *words, resume=True)
    assert (kept.read_bytes(), files(run.path)) == (networks, learnt)
    kept.unlink()
    run.start.unlink()
    with pytest.raises(InputError, match=r"start\.safetensors: found no such file; .* Put it back"):
        tiny_run(run.path, *words, resume=True)
    state = RunState.read(run)
    state.forget(run, run.start)  # as if there had never been one
    state.write(run)
    with pytest.raises(InputError, match=r"translate level 4, which has no losses: found nothing to start from"):
        tiny_run(run.path, *words, resume=True)


def test_a_recipe_names_its_starter(whole, tmp_path):
    class Strangers:
        @hookimpl
        def starters(self):
            yield StarterOffer(name="tiny", build=lambda: whole / "bundle", summary="of the tests")

    catalogue = Catalogue(Catalogue.discover().entries + Catalogue.of(Strangers()).entries)
    recipe = tiny_recipe("start=tiny", catalogue=catalogue)
    train(recipe, tmp_path / "run", catalogue=catalogue, report=Reporter(quiet=True))
    assert taken(tmp_path / "run")[0].endswith("inverter 4 a, inverter 4 b, translators 5, translators 4")
    with pytest.raises(InputError, match="'nobody'"):
        tiny_run(tmp_path / "other", "start=nobody")
