"""What the app can serve."""

import shutil

import numpy as np
import pytest

from crosscade.evaluation.app.models import opened
from crosscade.framework import Catalogue, InputError
from tests.exporters import tiny_export


def test_a_bundles_examples_are_its_runs_test_pictures(whole, tmp_path):
    served = opened(str(whole), Catalogue.discover())
    assert served.ways == {"a2b": ("zebra", "giraffe"), "b2a": ("giraffe", "zebra")}
    for direction, side in (("a2b", "a"), ("b2a", "b")):
        tested = np.load(whole / "store" / f"{side}-test" / "images.npy")
        assert np.array_equal(served.examples[direction], tested[:4])
    shutil.copytree(whole / "bundle", tmp_path / "bundle")
    assert opened(str(tmp_path / "bundle"), Catalogue.discover()).examples == {"a2b": [], "b2a": []}


def test_an_export_without_taps_shows_the_final_picture(tmp_path):
    served = opened(str(tiny_export.write(tmp_path / "export", directions=("b2a",))), Catalogue.of())
    assert served.ways == {"b2a": ("night", "day")}
    loaded = served.load("b2a")
    assert loaded.columns == ("source", "final")
    source, final = loaded.strip(tiny_export.pictures(1, size=40)[0], 1, 0)
    assert np.array_equal(final, tiny_export.translated(source, "b2a"))
    with pytest.raises(InputError, match="direction 'a2b'"):
        served.load("a2b")
