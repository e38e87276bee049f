"""The starter that comes with the package is what `photo` begins with, and says where it is from."""

import json

import pytest
import torch

from crosscade.framework import Catalogue, InputError, read, resolve
from crosscade.framework.setup import Setup
from crosscade.framework.support import tensor_files
from crosscade.framework.support.device import Compute
from crosscade.framework.training.stages import build_stage
from crosscade.framework.training.start import Earlier
from crosscade.plugins.starters.pack import pack
from tests.framework.tiny import tiny_run

CATALOGUE = Catalogue.discover()
FOLDER = CATALOGUE.entry("starter", "photographs").offer.build()


@pytest.mark.parametrize("size", [96, 128, 256])
def test_it_gives_photo_all_that_has_no_losses_there_at_any_size(size):
    recipe = resolve(read("photo", CATALOGUE, settings=[f"image.size={size}"]), CATALOGUE)
    setup = Setup.of(recipe, CATALOGUE, Compute.as_it_is("cpu"))
    earlier = Earlier.opened(FOLDER, setup)
    for index in range(len(recipe.trained)):
        earlier.give(build_stage(setup, index))
    assert earlier.whole == ["inverter 3", "inverter 4", "inverter 5", "translators 4", "translators 3"]


def test_it_says_what_made_it_and_under_which_licence():
    manifest = json.loads((FOLDER / "bundle.json").read_text())
    assert manifest["command"].startswith("crosscade train --recipe starter ")
    assert "Apache-2.0" in manifest["licence"]
    assert sum(file.stat().st_size for file in FOLDER.rglob("*") if file.is_file()) < 8e6


def test_packing_keeps_what_both_directions_share_in_half_precision(tmp_path):
    shared = ("invert[0].shared=true", "translate[1].translator.shared=true")
    tiny_run(tmp_path / "run", *shared)
    pack(tmp_path / "run", tmp_path / "starter", "mine")
    files = sorted(str(f.relative_to(tmp_path / "starter")) for f in (tmp_path / "starter").rglob("*.safetensors"))
    assert files == ["a2b/inverter.safetensors", "a2b/level4.safetensors", "statistics.safetensors"]
    packed = tensor_files.read(tmp_path / "starter" / "a2b" / "inverter.safetensors")
    trained = tensor_files.read(tmp_path / "run" / "bundle" / "b2a" / "inverter.safetensors")
    for name, value in packed.items():
        assert value.dtype == torch.float16
        torch.testing.assert_close(value.float(), trained[name], atol=1e-3, rtol=1e-3)
    tiny_run(tmp_path / "begun", *shared, "translate[1].losses=[]", start=tmp_path / "starter")


def test_directions_with_networks_of_their_own_are_no_starter(tmp_path):
    tiny_run(tmp_path / "run")
    with pytest.raises(InputError, match=r"other weights than b2a's; expected shared = true"):
        pack(tmp_path / "run", tmp_path / "starter", "mine")
