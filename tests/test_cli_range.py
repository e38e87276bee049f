"""Pictures of 12 bits in files of 16: white is said once, for training, and holds wherever the bundle is used."""

import json

import numpy as np
import pytest
from PIL import Image

from crosscade.evaluation.app import server
from crosscade.exporters.runtime import load as load_export
from crosscade.framework import InputError, load, read_rgb
from crosscade.framework.data.dataset import WHITE
from crosscade.framework.support import atomic
from crosscade.plugins.datasets.folder import FolderDataset, FolderOptions
from tests.framework.tiny import TABLE

WHITE_12 = 4095
DATA = ("--a", "day", "--b", "night")


def camera(path, seed, white=WHITE_12, size=72):
    """A grey picture whose white is `white`, in a file of 16 bits."""
    path.parent.mkdir(parents=True, exist_ok=True)
    shares = np.random.default_rng(seed).random((size, size))
    Image.fromarray((shares * white).round().astype(np.uint16)).save(path)


@pytest.fixture
def place(tmp_path):
    (tmp_path / "tiny.json").write_text(json.dumps(TABLE))
    for number, folder in enumerate(DATA[1::2]):
        for k in range(4):
            camera(tmp_path / folder / f"{k}.png", 4 * number + k)
    camera(tmp_path / "dark.png", 9)
    camera(tmp_path / "bright.png", 9, WHITE)
    return tmp_path


def test_one_picture_is_the_same_picture_by_either_white(place):
    dark, bright = (read_rgb(place / f"{name}.png", white=white) for name, white in
                    (("dark", WHITE_12), ("bright", WHITE)))  # fmt: skip
    assert np.abs(dark.astype(int) - bright).max() <= 1
    assert read_rgb(place / "dark.png").max() <= 16


def test_what_white_is_holds_from_training_to_every_use(crosscade, place):
    answer = crosscade("train", "--recipe", "tiny.json", *DATA, "--set", f"data.range={WHITE_12}", "--out", "run")
    assert answer.code == 0, answer.error
    assert not any("nearly black" in line for line in answer.others)
    store = np.load(place / "run" / "store" / "a-train" / "images.npy")
    assert store.mean() > 100, "the training saw them as they are"
    assert load("run").white == WHITE_12
    assert crosscade("translate", "run", "dark.png", "--out", "made").code == 0
    # what a bundle makes of the camera's file is what it makes of its pixels
    expected = translated(load("run"), read_rgb("dark.png", white=WHITE_12))
    np.testing.assert_array_equal(read_rgb("made/dark.png"), expected)
    assert crosscade("export", "run", *DATA, "--direction", "a2b", "--out", "export").code == 0
    assert crosscade("run", "export", "dark.png", "--out", "ran", "--device", "cpu").code == 0
    assert np.abs(read_rgb("ran/dark.png").astype(int) - expected).max() <= 2
    export = load_export("export", device="cpu")
    seen = server._picture((place / "dark.png").read_bytes(), export.white).seen
    np.testing.assert_array_equal(seen, read_rgb("dark.png", white=WHITE_12))
    answer = crosscade("evaluate", "run", *DATA, "--out", "judged")
    assert (answer.code, any("nearly black" in line for line in answer.others)) == (0, False), answer


def translated(bundle, picture):
    from crosscade.framework import Translation

    return Translation(bundle, device="cpu").translate(picture)


def test_a_manifest_that_names_no_white_is_refused(bundle):
    path = bundle / "bundle.json"
    for white in (0, WHITE + 1, "4095", True, None):
        table = atomic.read_json(path, "its own")
        path.write_text(json.dumps(table | {"white": white}))
        with pytest.raises(InputError, match=r"'white' = .*expected 1 to 65535"):
            load(bundle)


@pytest.mark.parametrize(
    ("white", "range_", "said"),
    [(WHITE_12, WHITE, "--set data.range=4095"), (WHITE_12, WHITE_12, ""), (WHITE, WHITE, ""),
     (WHITE, WHITE_12, "cut where it is brighter than data.range")],
)  # fmt: skip
def test_a_range_that_does_not_fit_is_said(tmp_path, white, range_, said):
    for side in "ab":
        for k in range(2):
            camera(tmp_path / side / f"{k}.png", k, white)
    lines = FolderDataset(FolderOptions(str(tmp_path / "a"), str(tmp_path / "b"), range=range_)).set_aside
    assert len(lines) == (4 if said else 0)
    assert all(said in line for line in lines)
