"""MUNIT and DRIT from the packaged recipes: a run, a resume to the same bits, a bundle, many translations."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from crosscade.exporters import runtime as exports
from crosscade.exporters.onnx.exporter import OnnxExporter, OnnxOptions
from crosscade.framework import Catalogue, InputError, Reporter, Translation, read, resolve, train
from crosscade.framework.bundle import bundle
from crosscade.framework.recipe.read import override
from crosscade.framework.support.events import Events
from crosscade.framework.training import checkpoint
from tests.cli_tools import picture

RECIPES = {
    "munit": ["width=4", "blocks=1", "style_size=3"],
    "drit": ["width=4", "blocks=1", "style_size=3", "variant=concat"],
}
COMMON = [
    "data.train=6", "data.test=12", "image.size=32", "image.crops=2", "training.threads=1",
    "training.precision=float32", "training.ship_collapsed=true", "translate[0].schedule.images=8",
    "translate[0].schedule.batch=2",
]  # fmt: skip


def tiny_run(name, out, *settings, **arguments):
    """The packaged recipe with small networks, for four steps."""
    table = read(name, Catalogue.discover())
    changes = [*COMMON, *(f"translate[0].translator.{s}" for s in RECIPES[name])]
    for k, loss in enumerate(table["translate"][0]["losses"]):
        changes += [f"translate[0].losses[{k}].width=4"] * (loss["use"] == "multiscale")
        changes += [f"translate[0].losses[{k}].channels=16"] * (loss["use"] == "content-adversarial")
    recipe = resolve(override(table, [*changes, *settings]), Catalogue.discover())
    return train(recipe, out, report=Reporter(quiet=True), **arguments)


@pytest.fixture(scope="module", params=RECIPES)
def trained(request, tmp_path_factory):
    """Its name and its run. Look, do not touch."""
    run = tmp_path_factory.mktemp(request.param) / "run"
    tiny_run(request.param, run)
    return request.param, run


def digests(run):
    """The SHA-256 of each stage's final state and of every file of the bundle but the recipe."""
    made = {e["title"]: e["state_sha256"] for e in Events(run / "events.jsonl").read() if e["event"] == "stage"}
    files = json.loads((run / "bundle" / "bundle.json").read_text())["files"]
    return made | {k: v for k, v in files.items() if k != "recipe.json"}


class _Killed(BaseException):
    """Stands in for kill -9."""


def test_a_run_cut_off_after_a_save_goes_on_to_the_same_bits(trained, tmp_path, monkeypatch):
    name, whole = trained
    saves, save = [], checkpoint.save

    def dying(folder, tensors, meta):
        if len(saves) == 2:
            raise _Killed
        saves.append(meta)
        save(folder, tensors, meta)

    monkeypatch.setattr(checkpoint, "save", dying)
    with pytest.raises(_Killed):
        tiny_run(name, tmp_path / "run", "training.checkpoint_seconds=1e-9")
    monkeypatch.setattr(checkpoint, "save", save)
    tiny_run(name, tmp_path / "run", resume=True)
    assert "translate level 0" in digests(whole)
    assert digests(tmp_path / "run") == digests(whole)


def test_every_loss_of_the_recipe_is_there_and_finite(trained):
    name, run = trained
    values = [e["values"] for e in Events(run / "events.jsonl").read() if e["event"] == "step"][-1]
    uses = [loss["use"] for loss in read(name, Catalogue.discover())["translate"][0]["losses"]]
    assert {v.split("#")[0] for v in values if "/" not in v} == set(uses)
    assert all(np.isfinite(v) for v in values.values())


def test_a_loss_on_styles_is_refused_where_there_are_none(tmp_path):
    lacks = (
        r"loss 'style-reconstruction' @ \$.translate\[0\].losses\[3\]: found it needs drawn, recovered_styles, which "
    )
    with pytest.raises(InputError, match=lacks + "translator 'cyclegan-resnet' does not give"):
        tiny_run("munit", tmp_path / "run", "translate[0].translator.use=cyclegan-resnet")


def test_only_test_images_are_translated_between_the_stages(trained):
    _, run = trained
    assert (run / "store" / "a-test" / "translated0.npy").exists()
    assert not (run / "store" / "a-train" / "translated0.npy").exists(), "nobody would read it"


def test_a_bundle_gives_many_translations_and_takes_an_examples_style(trained):
    _, run = trained
    loaded = bundle.load(run)
    translation = Translation(loaded)
    photo, example, other = np.random.default_rng(0).integers(0, 255, (3, 40, 48, 3)).astype(np.uint8)
    assert translation.style_size() == 3
    made = translation.translate([photo] * 4)
    assert made.shape == (4, 32, 32, 3)
    assert len({v.tobytes() for v in made}) == 4
    cascade = translation.cascade()
    styles = [translation.style_of(v) for v in (example, other)]
    assert styles[0].shape == (1, 3)
    assert not torch.equal(*styles)
    net = cascade.translators["0"]
    images = torch.from_numpy(translation.fit(example)[None].copy()).permute(0, 3, 1, 2) / 127.5 - 1
    torch.testing.assert_close(styles[0], net.style_of(images))
    one, two = (translation.images([photo, example], torch.full((1, 3), number)) for number in (-2.0, 2.0))
    assert not np.array_equal(one, two)
    np.testing.assert_array_equal(one[1:], translation.images([example], torch.full((3,), -2.0)))


def test_a_gpu_is_given_the_styles_that_a_cpu_is_given(trained, fake_gpu):
    _, run = trained
    loaded, photo = bundle.load(run), np.random.default_rng(0).integers(0, 255, (40, 48, 3)).astype(np.uint8)
    here = Translation(loaded, device="cpu")
    with fake_gpu:
        there = Translation(loaded, device="cuda")
        np.testing.assert_array_equal(there.translate([photo] * 3, seed=1), here.translate([photo] * 3, seed=1))
        style = there.style_of(photo)
        np.testing.assert_array_equal(there.translate(photo, style=style), here.translate(photo, style=style))
    assert torch.equal(style, here.style_of(photo))


def test_a_bundle_and_its_export_give_the_same_pictures_at_a_seed(trained, tmp_path):
    _, run = trained
    loaded = bundle.load(run)
    dataset = loaded.catalogue.build("dataset", loaded.recipe.data)
    OnnxExporter(OnnxOptions(direction="a2b")).export(loaded, tmp_path, dataset, lambda line: None)
    exported, photo = exports.load(tmp_path), np.random.default_rng(0).integers(0, 255, (40, 48, 3)).astype(np.uint8)
    ours = {seed: Translation(loaded).translate([photo] * 3, seed=seed).astype(int) for seed in (0, 1)}
    theirs = {seed: exported.translate([photo] * 3, seed=seed) for seed in (0, 1)}
    for seed in ours:
        assert np.abs(ours[seed] - theirs[seed]).max() <= 1
    assert np.abs(ours[0] - theirs[1]).max() > 1, "a style is seen"


def command(crosscade, run, *words):
    return crosscade("translate", run, "one.png", "--out", "made", *words)


def test_the_command_writes_samples(trained, crosscade, tmp_path):
    _, run = trained
    picture(tmp_path / "one.png", 0)
    assert command(crosscade, run, "--samples", "3").code == 0
    files = sorted(p.name for p in (tmp_path / "made").iterdir())
    assert files == ["one-1.png", "one-2.png", "one-3.png", "results.csv"]
    assert len({(tmp_path / "made" / f).read_bytes() for f in files[:3]}) == 3


def test_the_command_puts_samples_in_one_row(trained, crosscade, tmp_path):
    _, run = trained
    picture(tmp_path / "one.png", 0)
    assert command(crosscade, run, "--samples", "3", "--strip").code == 0
    assert Image.open(tmp_path / "made" / "one.png").size == (4 + 4 * 36, 4 + 36), "the source and three"


def test_the_command_takes_the_style_of_an_example(trained, crosscade, tmp_path):
    name, run = trained
    for seed, file in enumerate(("one", "red", "blue")):
        picture(tmp_path / f"{file}.png", seed)
    made = []
    for example in ("red.png", "blue.png", "red.png"):
        assert command(crosscade, run, "--style", example, "--force").code == 0
        made.append((tmp_path / "made" / "one.png").read_bytes())
    assert made[0] == made[2]
    assert made[0] != made[1] or name == "drit", (
        "whose encoder starts near 0: four steps do not move it by a grey level"
    )


def test_styles_where_there_are_none(translate):
    for words in (("--samples", "2"), ("--style", "one.png")):
        answer = translate("bundle", "one.png", *words)
        assert answer.code == 2
        assert answer.error.startswith(
            f"{words[0]}: found recipe 'tiny', whose method gives one translation of an image"
        )
        assert answer.error.endswith("Leave it out, or train with --recipe munit or drit.")


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("--samples", "0"), "--samples: found 0; expected a number above 0"),
        (("--samples", "2", "--style", "one.png"), "argument --style: not allowed with argument --samples"),
    ],
)
def test_usage(translate, words, line):
    answer = translate("bundle", "one.png", *words)
    assert (answer.code, answer.error[: len(line)]) == (2, line)
