"""Whatever translates is opened by one function, and is the same to whoever uses it."""

import shutil

import numpy as np
import pytest

from crosscade.evaluation.opening import open_translator, strip_of
from crosscade.framework import Catalogue, InputError, Pair, Translator
from tests.exporters import tiny_export


def test_a_bundles_examples_are_its_runs_test_pictures(whole, tmp_path):
    opened = open_translator(str(whole), Catalogue.discover())
    assert isinstance(opened, Translator)
    assert opened.domains == Pair("zebra", "giraffe")
    for direction, side in (("a2b", "a"), ("b2a", "b")):
        tested = np.load(whole / "store" / f"{side}-test" / "images.npy")
        assert np.array_equal(opened.examples(direction, 4), tested[:4])
    shutil.copytree(whole / "bundle", tmp_path / "bundle")
    assert open_translator(tmp_path / "bundle", Catalogue.discover()).examples("a2b", 4) == []


def test_an_export_without_taps_shows_the_final_picture(tmp_path):
    opened = open_translator(tiny_export.write(tmp_path / "export", directions=("b2a",)), Catalogue.of())
    assert isinstance(opened, Translator)
    assert (opened.name, opened.domains, opened.directions) == ("tiny", Pair("day", "night"), ("b2a",))
    assert opened.previews("b2a") == ()
    assert np.array_equal(opened.examples("b2a", 1), tiny_export.pictures(2, seed=9)[:1])
    source, final = strip_of(opened, tiny_export.pictures(1, size=40), "b2a")
    assert np.array_equal(final, tiny_export.translated(source, "b2a"))
    with pytest.raises(InputError, match="direction 'a2b'"):
        opened.prepare("a2b")


def test_an_export_with_taps_names_what_it_shows(tmp_path):
    opened = open_translator(tiny_export.write(tmp_path / "export", taps=True), Catalogue.of())
    assert opened.previews("a2b") == ("level 3", "level 2")
    assert len(strip_of(opened, tiny_export.pictures(1), "a2b")) == 4
