"""The starter that comes with the package is what `photo` begins with, and says where it is from."""

import json
import re
import shutil
import subprocess
import sys

import pytest
import torch

from crosscade.framework import Catalogue, InputError, read, resolve
from crosscade.framework.cli import answered
from crosscade.framework.setup import Setup
from crosscade.framework.support import tensor_files
from crosscade.framework.support.device import Compute
from crosscade.framework.training.stages import build_stage
from crosscade.framework.training.start import Earlier, rehearse_from
from crosscade.plugins.starters.pack import main, pack
from tests.docs_tools import DOCS
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


def test_another_encoder_is_refused_by_the_starters_own_name():
    setup = Setup.of(resolve(read("photo", CATALOGUE), CATALOGUE), CATALOGUE, Compute.as_it_is("cpu"))
    with torch.no_grad():
        next(setup.encoder.parameters()).add_(1)
    with pytest.raises(InputError, match=r"^starter 'photographs' @ \$\.start: found networks that read the encoder"):
        rehearse_from(str(FOLDER), setup)


def test_it_says_what_made_it_and_under_which_licence():
    manifest = json.loads((FOLDER / "bundle.json").read_text())
    assert manifest["command"].startswith("crosscade train --recipe starter ")
    assert "Apache-2.0" in manifest["licence"]
    assert sum(file.stat().st_size for file in FOLDER.rglob("*") if file.is_file()) < 8e6


SHARED = ("invert[0].shared=true", "translate[1].translator.shared=true")


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """A run whose directions share what a starter keeps."""
    run = tmp_path_factory.mktemp("shared") / "run"
    tiny_run(run, *SHARED)
    return run


def test_packing_keeps_what_both_directions_share_in_half_precision(shared, tmp_path):
    pack(shared, tmp_path / "starter", "mine")
    files = sorted(str(f.relative_to(tmp_path / "starter")) for f in (tmp_path / "starter").rglob("*.safetensors"))
    assert files == ["a2b/inverter.safetensors", "a2b/level4.safetensors", "statistics.safetensors"]
    packed = tensor_files.read(tmp_path / "starter" / "a2b" / "inverter.safetensors")
    trained = tensor_files.read(shared / "bundle" / "b2a" / "inverter.safetensors")
    for name, value in packed.items():
        assert value.dtype == torch.float16
        torch.testing.assert_close(value.float(), trained[name], atol=1e-3, rtol=1e-3)
    tiny_run(tmp_path / "begun", *SHARED, "translate[1].losses=[]", start=tmp_path / "starter")


def test_the_documented_command_packs_and_says_what(shared, tmp_path):
    text = (DOCS / "photographs.md").read_text()
    (words,) = re.findall(r"`python -m (crosscade\.plugins\.starters\.pack [^`]+)`", text)
    given = {"runs/starter": str(shared), "FOLDER": "starter", "LICENCE": "mine"}
    command = [sys.executable, "-m", *(given.get(word, word) for word in words.split())]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0
    assert re.fullmatch(r"a starter in starter, \d\.\d MB: level4, inverter\n", done.stderr)
    assert json.loads((tmp_path / "starter" / "bundle.json").read_text())["licence"] == "mine"


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ((), "the following arguments are required: bundle, folder, licence"),
        (("bundle", "bundle", "mine"), "a folder that overlaps bundle, which is read"),
        (("bundle", "bundle/starter", "mine"), "a folder that overlaps bundle, which is read"),
        (("bundle", "full", "mine"), "full: found a folder that is not empty; expected a new one"),
        (("nothing", "starter", "mine"), "nothing: found nothing there; expected a bundle folder"),
    ],
)
def test_packing_takes_nobodys_files_and_says_what_is_wrong(shared, tmp_path, monkeypatch, capsys, words, line):
    shutil.copytree(shared / "bundle", tmp_path / "bundle")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").touch()
    before = {path: path.is_file() and path.read_bytes() for path in tmp_path.rglob("*")}
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["pack", *words])
    assert answered(main) == 2
    said = capsys.readouterr().err
    assert line in said
    assert said.count("\n") == 1
    assert {path: path.is_file() and path.read_bytes() for path in tmp_path.rglob("*")} == before


def test_directions_with_networks_of_their_own_are_no_starter(tmp_path):
    tiny_run(tmp_path / "run")
    with pytest.raises(InputError, match=r"other weights than b2a's; expected shared = true"):
        pack(tmp_path / "run", tmp_path / "starter", "mine")
