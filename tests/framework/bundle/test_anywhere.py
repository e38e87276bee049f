"""What a run and a bundle need of the machine that they were made on: nothing but the encoder's weights."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from attrs import frozen

from crosscade.framework import Catalogue, EncoderOffer, InputError, Reporter, hookimpl, load, option, train
from crosscade.framework.bundle.anywhere import encoder_of, public, recipe_of
from crosscade.framework.bundle.bundle import weights_hash
from crosscade.framework.recipe.recipe import Component
from crosscade.framework.support.atomic import sha256
from crosscade.framework.testing.tools import TinyEncoder
from tests.cli_tools import picture
from tests.framework.tiny import tiny_recipe


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run on folders that are gone now, and the hashes of its bundle's tensors."""
    home = tmp_path_factory.mktemp("home")
    a, b = home / "pictures" / "zebras", home / "pictures" / "horses"
    for k in range(5):
        picture(a / f"{k}.png", k)
        picture(b / f"{k}.png", k + 10)
    recipe = tiny_recipe(f"data={{use='folder', a='{a}', b='{b}'}}")
    bundle = train(recipe, home / "run", report=Reporter(quiet=True), command=f"crosscade train --a {a} --b {b}")
    hashes = tensors(bundle)
    shutil.rmtree(home / "pictures")
    return SimpleNamespace(folder=home / "run", bundle=bundle, hashes=hashes, home=home)


def tensors(bundle):
    return {path.relative_to(bundle).as_posix(): sha256(path) for path in bundle.rglob("*.safetensors")}


def test_a_run_goes_on_after_its_data_moved(run):
    (run.folder / "stages" / "3-refine.safetensors").unlink()
    shutil.rmtree(run.bundle)
    assert tensors(train(None, run.folder, resume=True, report=Reporter(quiet=True))) == run.hashes


def test_a_damaged_store_asks_for_the_data_again(run, tmp_path):
    folder = shutil.copytree(run.folder, tmp_path / "run")
    (folder / "store" / "a-train" / "level4.npy").write_bytes(b"")
    with pytest.raises(InputError, match=r"zebras.*found nothing there"):
        train(None, folder, resume=True, report=Reporter(quiet=True))


def test_a_bundle_names_no_folder_of_its_maker(run, tmp_path):
    for name in ("bundle.json", "recipe.json"):
        text = (run.bundle / name).read_text(encoding="utf-8")
        assert str(run.home) not in text
        assert "zebras" in text
    assert load(run.bundle).recipe.data.options.a == str(run.home / "pictures" / "zebras"), "in its run it knows"
    assert load(shutil.copytree(run.bundle, tmp_path / "copy")).recipe.data.options.a == "zebras"


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("/mine/private/my zebras", "my zebras"),
        ("crosscade train --a /mine/private/zebras --out=/scratch/x/run", "crosscade train --a zebras --out=run"),
        ({"files": ["~/secret/one.png: damaged", 3]}, {"files": ["one.png: damaged", 3]}),
        ("a share of 1/2, and/or runs/mine", "a share of 1/2, and/or runs/mine"),
    ],
)
def test_of_a_path_the_name_is_told(value, told):
    assert public(value) == told


@frozen
class FileOptions:
    weights: str = option("", "path of the weights")


class Plugin:
    """An encoder whose weights are a number in a file."""

    own = ""

    def build(self, options):
        path = options.weights or self.own
        try:
            number = float(Path(path).read_text())
        except OSError:
            raise InputError("encoder filed", found=f"no file at {path}", expected="a number") from None
        encoder = TinyEncoder()
        with torch.no_grad():
            next(encoder.parameters()).add_(number)
        return encoder

    @hookimpl
    def encoders(self):
        yield EncoderOffer(name="filed", build=self.build, options=FileOptions, summary="of a number")


def test_weights_are_found_by_their_hash_where_they_are(tmp_path):
    plugin = Plugin()
    catalogue = Catalogue.of(plugin)
    for name, number in {"right": "0.5", "wrong": "0.7"}.items():
        (tmp_path / name).write_text(number)
    right, wrong, gone = (str(tmp_path / name) for name in ("right", "wrong", "gone"))
    digest = weights_hash(plugin.build(FileOptions(right)))

    def found(own, given):
        plugin.own = own
        recipe = SimpleNamespace(encoder=Component("filed", FileOptions(given), place="$.encoder"))
        return weights_hash(encoder_of(recipe, catalogue, digest, weights_hash))

    assert [found("", right), found(right, gone), found(right, wrong), found(right, "")] == [digest] * 4
    for own, given, reason in ((wrong, gone, "no file at"), (gone, wrong, "other weights than"), (wrong, "", "other")):
        with pytest.raises(InputError, match=f"{reason}.*--set encoder.weights=PATH"):
            found(own, given)


@pytest.mark.parametrize("setting", ["image.size=32", "encoder.use=vgg19", "weights=x"])
def test_nothing_else_of_a_bundle_can_be_set(tmp_path, setting):
    with pytest.raises(InputError, match="expected an option of the encoder"):
        recipe_of(tmp_path, {}, Catalogue(), [setting])
