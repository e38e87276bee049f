"""Sweeps: each variant differs in what it claims and in nothing else."""

import argparse
import json

import pytest

from crosscade.evaluation.experiments.protocol import Protocol
from crosscade.evaluation.experiments.sweeps import sweep as sweeps
from crosscade.evaluation.experiments.trials import fitting, images_seen, refusals, trials_of
from crosscade.framework import Catalogue, InputError
from crosscade.framework.recipe.read import override
from crosscade.framework.recipe.schema import plain
from crosscade.plugins.datasets.safari.dataset import Safari, SafariOptions
from tests.framework.tiny import TABLE

ALL = ("clip", "critic", "encoder", "levels", "losses", "residual")
SMALL = ("image.size=64", "data.train=4", "data.test=4")


@pytest.fixture(scope="module")
def catalogue():
    return Catalogue.discover()


def runs_of(sweep, catalogue, tmp_path, recipe="demo", **words):
    protocol = Protocol(
        **{"sweep": sweep, "minutes": 2.0, "recipe": recipe, "set": SMALL, "precision": "float32"} | words
    )
    return trials_of(protocol, catalogue, tmp_path)


@pytest.fixture(scope="module")
def variants(catalogue, tmp_path_factory):
    """The recipes of a packaged sweep on the demo's, by the variant's name."""
    out = tmp_path_factory.mktemp("sweeps")
    return lambda name: {run.variant.name: run.recipe for run in runs_of(sweeps.read(name), catalogue, out)}


def test_the_help_names_the_packaged_sweeps(catalogue):
    parser = argparse.ArgumentParser()
    catalogue.get("command", "ablate").arguments(parser)
    assert tuple(sweeps.packaged()) == ALL
    assert [name for name in ALL if f"{name}," not in parser.format_help()] == []


@pytest.mark.parametrize("name", ALL)
def test_no_two_variants_are_one_recipe(name, variants):
    made = variants(name)
    assert len(made) >= 4
    assert len({json.dumps(recipe.plain()) for recipe in made.values()}) == len(made)


@pytest.mark.parametrize("name", sorted(set(ALL) - {"encoder"}))
def test_every_variant_of_the_demo_can_be_trained(name, catalogue, tmp_path):
    runs = runs_of(sweeps.read(name), catalogue, tmp_path)
    assert list(refusals(runs, Safari(SafariOptions(train=4, test=4)), catalogue)) == []


def test_losses_are_left_out_at_the_deepest_level_alone(variants):
    made = variants("losses")
    counted = {n: {use.use for use in r.translate[0].losses if use.weight} for n, r in made.items()}
    assert counted == {
        "all three": {"wgan-gp", "cycle", "identity"},
        "no adversarial": {"cycle", "identity"},
        "no cycle": {"wgan-gp", "identity"},
        "no identity": {"wgan-gp", "cycle"},
        "adversarial only": {"wgan-gp"},
    }
    for recipe in made.values():
        assert [s.level for s in recipe.translate] == [s.level for s in recipe.invert] == [5]
        assert recipe.refine is None


def test_each_level_alone_is_translated_without_a_condition(variants):
    made = variants("levels")
    assert {n: [s.level for s in r.translate] for n, r in made.items()} == {
        "cascade": [5, 4, 3],
        "level 5 alone": [5],
        "level 4 alone": [4],
        "level 3 alone": [3],
        "cascade and refinement": [5, 4, 3],
    }
    assert [bool(r.refine) for r in made.values()] == [False, False, False, False, True]
    for name, downs in (("level 5 alone", 0), ("level 4 alone", 1), ("level 3 alone", 2)):
        (stage,), (inversion,) = made[name].translate, made[name].invert
        assert stage.translator.use == "deepest"
        assert stage.translator.options.downs == downs
        assert stage.losses == made["cascade"].translate[0].losses
        assert inversion == next(i for i in made["cascade"].invert if i.level == stage.level)


def test_open_choices_that_are_swept(variants):
    assert [r.training.clip_sigma for r in variants("clip").values()] == [2, 1, 1.5, 3]
    made = {n: r.translate[0].losses[0] for n, r in variants("critic").items()}
    reference = made["wgan-gp"].options
    assert made["mean head"].options.head == "mean" != reference.head
    assert made["four steps"].options.steps == 4 != reference.steps
    assert made["penalty every step"].options.penalty_every == 1 != reference.penalty_every
    paper = made["as the paper"].options
    assert (paper.width, paper.steps, paper.penalty_every, paper.learning_rate) == (256, 4, 1, 1e-4)
    for name in ("lsgan", "hinge"):
        assert made[name].use == name
        for key in ("width", "steps", "learning_rate", "betas"):
            assert getattr(made[name].options, key) == getattr(reference, key), "only the objective differs"
    made = {n: r.translate[0].translator.options for n, r in variants("residual").items()}
    assert [(o.residual, o.downs) for o in made.values()] == [(True, 0), (False, 0), (True, 2), (False, 2), (False, 2)]
    assert made["Table S1"].width == 512
    assert made["Table S1"].init == "normal"


def test_the_papers_critic_and_translator_are_those_of_its_recipe(variants, catalogue, tmp_path):
    reference = sweeps.from_table({"name": "n", "summary": "s", "variants": [{"name": "n", "only": 5}]})
    (paper,) = runs_of(reference, catalogue, tmp_path, recipe="paper")
    stage = paper.recipe.translate[0]
    assert variants("critic")["as the paper"].translate[0].losses[0] == stage.losses[0]
    assert variants("residual")["Table S1"].translate[0].translator == stage.translator


def test_encoders_that_are_not_at_hand_are_left_out(catalogue, tmp_path, monkeypatch):
    made = [r.recipe.encoder.use for r in runs_of(sweeps.read("encoder"), catalogue, tmp_path)]
    assert made == ["efficientnet-lite0", "vgg16-hed", "vgg19", "timm"]
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    table = {"variants": [{"name": n, "set": [f"encoder.use={n}"]} for n in ("vgg19", "efficientnet-lite0")]}
    sweep = sweeps.from_table({"name": "mine", "summary": "two", **table})
    dataset = Safari(SafariOptions(train=4, test=4))
    kept, refused = fitting(runs_of(sweep, catalogue, tmp_path, seeds=2), dataset, catalogue)
    assert [run.name for run in kept] == ["efficientnet-lite0-0", "efficientnet-lite0-1"]
    ((variant, error),) = refused.items()
    assert variant.name == "vgg19"
    assert "vgg19-dcbb9e9d.pth" in str(error)
    with pytest.raises(InputError, match="vgg19-dcbb9e9d"):
        fitting(runs_of(sweep, catalogue, tmp_path)[:1], dataset, catalogue)


def test_timm_is_given_the_same_strides(catalogue, tmp_path):
    pytest.importorskip("timm")
    run = runs_of(sweeps.read("encoder"), catalogue, tmp_path)[3]
    random = override(run.recipe.plain(), ["encoder.pretrained=false"])
    (tmp_path / "random.json").write_text(json.dumps(random))
    same = sweeps.from_table({"name": "n", "summary": "s", "variants": [{"name": "n"}]})
    runs = runs_of(same, catalogue, tmp_path, recipe=str(tmp_path / "random.json"))
    assert list(refusals(runs, Safari(SafariOptions(train=4, test=4)), catalogue)) == []
    encoder = catalogue.get("encoder", "timm").build(runs[0].recipe.encoder.options)
    assert [encoder.pyramid[s.level].stride for s in runs[0].recipe.translate] == [16, 8, 4]


def test_a_count_of_images_is_the_same_for_every_variant(catalogue, tmp_path):
    runs = runs_of(sweeps.read("levels"), catalogue, tmp_path, images=20_000, minutes=None)
    assert [images_seen(run.recipe) for run in runs] == [pytest.approx(20_000, rel=0.01)] * 5


def test_one_key_is_varied_without_a_file():
    made = sweeps.varied("translate[0].translator.residual=true,false")
    assert [v.name for v in made.variants] == ["residual=true", "residual=false"]
    assert made.variants[1].set == ("translate[0].translator.residual=false",)
    (one,) = sweeps.varied('translate[0].losses[cycle]={use="cycle", weight=3}').variants
    assert one.set == ('translate[0].losses[cycle]={use="cycle", weight=3}',)
    with pytest.raises(InputError, match="--vary training"):
        sweeps.varied("training.clip_sigma")
    with pytest.raises(InputError, match="'a=1' twice"):
        sweeps.varied("a=1,1")


def test_a_variant_may_be_another_recipe_or_get_more(catalogue, tmp_path):
    table = {"name": "n", "summary": "s", "only": 0, "variants": [
        {"name": "as it is", "set": [], "only": 0},
        {"name": "another", "set": ["training.clip_sigma=1"], "only": 0, "recipe": "cyclegan", "times": 3.0},
    ]}  # fmt: skip
    sweep = sweeps.from_table(table)
    assert plain(sweep) == table, "what is not said stays unsaid"
    runs = runs_of(sweep, catalogue, tmp_path, images=3_000, minutes=None)
    assert [run.recipe.name for run in runs] == ["demo", "cyclegan"]
    assert [images_seen(run.recipe) for run in runs] == pytest.approx([3_000, 9_000], rel=0.01)


def test_odd_sweeps_are_refused(catalogue, tmp_path):
    with pytest.raises(InputError, match=r"unknown sweep 'loses'.*did you mean 'losses'\?"):
        sweeps.read("loses")
    with pytest.raises(InputError, match=r"none\.toml"):
        sweeps.read(str(tmp_path / "none.toml"))
    file = tmp_path / "mine.toml"
    for text, said in (
        ("summary = ", "valid TOML"),
        ('summary = "s"', "no 'variants'"),
        ('summary = "s"\nvariants = []', "variants"),
        ('summary = "s"\n[[variants]]\nname = "a"\nsets = []', "did you mean 'set'"),
        ('summary = "s"\n[[variants]]\nname = "../a"', "name"),
        ('summary = "s"\n[[variants]]\nname = "a"\n[[variants]]\nname = "a"', "'a' twice"),
    ):
        file.write_text(text)
        with pytest.raises(InputError, match=said):
            sweeps.read(str(file))
    file.write_text('summary = "s"\n[[variants]]\nname = "a"\nset = ["training.clip=2"]')
    with pytest.raises(InputError, match=r"method 'a': unknown key 'clip' @ \$\.training"):
        runs_of(sweeps.read(str(file)), catalogue, tmp_path)
    (tmp_path / "tiny.json").write_text(json.dumps(TABLE))
    with pytest.raises(InputError, match=r"method 'all three': level 5 alone: found .*levels \[4\]"):
        runs_of(sweeps.read("losses"), catalogue, tmp_path, recipe=str(tmp_path / "tiny.json"))
