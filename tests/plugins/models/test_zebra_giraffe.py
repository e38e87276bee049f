"""The model that comes with the package: whole, small, a translation without torch, and it says where it is from."""

import re
import shlex

import numpy as np
import pytest

from crosscade.exporters.runtime import load
from crosscade.framework import Catalogue, InputError, read_rgb
from crosscade.framework.bundle.named import located
from crosscade.framework.cli import parser
from crosscade.framework.recipe.read import recipe_from
from tests.exporters import tiny_export
from tests.test_floors import without_torch

NAME = "zebra-giraffe"
FOLDER = Catalogue.discover().get("model", NAME).build()


def test_it_translates_by_its_name_where_there_is_no_torch(tmp_path):
    code = f"""
from crosscade.exporters.runtime import load
model = load({NAME!r}, device="cpu")
assert model.previews("a2b") == ("level 5", "level 4")
example = model.examples("b2a", 1)[0]
assert model.strip([example], "b2a")[-1].shape == (1, 96, 96, 3)
"""
    done = without_torch(code)  # which repeats its golden pictures
    assert done.returncode == 0, done.stderr


def test_its_translations_are_others_than_their_sources():
    for way in load(NAME, check=False).manifest.directions.values():
        for golden in way.golden:
            source, translated = (read_rgb(FOLDER / name).astype(float) for name in (golden.source, golden.translated))
            assert np.abs(source - translated).mean() > 5


def test_it_is_small_and_says_what_made_it_and_under_which_licence():
    assert sum(file.stat().st_size for file in FOLDER.rglob("*") if file.is_file()) < 13e6
    text = (FOLDER / "README.md").read_text()
    assert "Apache-2.0" in text
    assert "target-shape" in text
    catalogue = Catalogue.discover()
    (command,) = re.findall(r"`crosscade (train [^`]*)`", text)
    recipe = recipe_from(parser(catalogue).parse_args(shlex.split(command)), catalogue)
    assert recipe.translate[1].translator.options.width == 128


def test_a_path_goes_before_a_name_and_an_unknown_name_is_the_path_that_it_is_not(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert located(NAME) == FOLDER
    assert located(f"crosscade:{NAME}") == FOLDER
    tiny_export.write(tmp_path / NAME)
    assert load(NAME, device="cpu").size == 16
    with pytest.raises(InputError, match="zebra-girafe: found nothing there"):
        load("zebra-girafe")
