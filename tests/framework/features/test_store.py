"""Encode once: what is read back is what the encoder would give."""

import os

import numpy as np
import pytest
import torch

from crosscade.framework import ImageSet, InputError, RunError
from crosscade.framework.features import store
from crosscade.framework.recipe.recipe import ImageOptions
from crosscade.framework.support import atomic
from crosscade.framework.support.device import Compute
from crosscade.framework.testing.tools import TinyEncoder

FLOAT32 = Compute(torch.device("cpu"), 1, "float32")
OPTIONS = ImageOptions(size=32, load=40, crops=4)


def nothing(_: int) -> None:
    """Progress that nobody watches."""


class Pictures(ImageSet):
    """Ten pictures whose red and green tell where each pixel was: 6 a row, 5 a column. Blue is noise."""

    name = "pictures"

    def __len__(self) -> int:
        return 10

    def load(self, index: int, short_side: int) -> np.ndarray:
        y, x = np.mgrid[:short_side, : short_side + 8]
        noise = np.random.default_rng(index).integers(0, 255, x.shape)
        return np.stack([6 * y, 5 * x, noise], -1).astype(np.uint8)


@pytest.fixture
def made(tmp_path):
    """A store of them, its normaliser and its encoder."""
    store.cut(Pictures(), tmp_path / "images.npy", OPTIONS, train=True, seed=3, progress=nothing)
    encoder = TinyEncoder()
    whole, normalise, _ = store.build(tmp_path, encoder, [2, 3], FLOAT32, None, 1.5, nothing)
    return whole, normalise, encoder


def test_crops_differ_and_every_second_one_is_mirrored():
    crops = store.cut_crops(Pictures().load(0, 40), OPTIONS, (3, 0))
    for k, crop in enumerate(crops):
        rows, columns = crop[:, 0, 0].astype(int), crop[0, :, 1].astype(int)
        assert (np.diff(rows) == 6).all()
        assert (np.diff(columns) == (-5 if k % 2 else 5)).all()
    assert len({(int(v[0, 0, 0]), int(v[0].min(0)[1])) for v in crops}) > 1, "crops differ"
    unmirrored = store.cut_crops(Pictures().load(0, 40), ImageOptions(size=32, crops=4, mirror=False), (3, 0))
    assert (np.diff(unmirrored[:, 0, :, 1].astype(int)) == 5).all()


def test_crops_depend_on_seed_and_image_alone(made):
    whole, _, _ = made
    assert whole.array("images").shape == (40, 32, 32, 3)
    for n in (0, 7):
        crops = store.cut_crops(Pictures().load(n, 40), OPTIONS, (3, n))
        np.testing.assert_array_equal(whole.array("images")[n * 4 : n * 4 + 4], crops)
    assert (crops != store.cut_crops(Pictures().load(7, 40), OPTIONS, (4, 7))).any()


def test_stored_features_are_the_encoders_to_half_a_step_of_int8(made):
    whole, normalise, encoder = made
    rows = np.array([39, 0, 17, 17])
    raw = encoder(whole.images(rows), [2, 3])
    for level in (2, 3):
        expected = normalise.one(level, raw[level])
        found = whole.features(f"level{level}", rows)
        assert found.shape == expected.shape
        torch.testing.assert_close(found, expected, atol=0.5 / 127 + 2e-3, rtol=0)  # 2e-3: float16 on the way
        assert expected.abs().max() == 1, "some values are clamped"
        assert not torch.equal(found[0], found[1])


def test_the_test_set_is_the_centre_and_takes_the_training_sets_statistics(made, tmp_path):
    _, normalise, encoder = made
    folder = tmp_path / "test"
    store.cut(Pictures(), folder / "images.npy", OPTIONS, train=False, seed=3, progress=nothing)
    images = store.Store(folder).array("images")
    assert images[:, 0, 0, :2].tolist() == [[6 * 4, 5 * 8]] * 10
    test, same, _ = store.build(folder, encoder, [2], FLOAT32, normalise, 1.5, nothing)
    assert same is normalise
    expected = normalise.one(2, encoder(test.images(), [2])[2])
    torch.testing.assert_close(test.features("level2"), expected, atol=0.5 / 127 + 2e-3, rtol=0)


def test_only_a_whole_store_is_done(made, tmp_path):
    whole, _, _ = made
    assert whole.done

    def cut_off(rows):
        if rows.start:
            raise KeyboardInterrupt
        return torch.zeros(3, 12, 8, 8)

    with pytest.raises(KeyboardInterrupt):
        whole.put("translated2", (40, 8, 8, 12), 3, cut_off)
    assert not whole.has("translated2")
    assert not list(whole.folder.glob(".*")), "nothing of it is left"


def test_an_array_that_is_cut_short_is_named(made):
    whole, _, _ = made
    path = whole.folder / "level3.npy"
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(InputError, match=r"level3.npy: found a damaged array .* it is made again"):
        store.Store(whole.folder).array("level3")


def test_an_array_of_another_place_is_found_even_where_its_hash_fits(made):
    whole, _, encoder = made
    shapes = store.shapes(encoder, [2, 3], 32)
    assert whole.damaged(shapes) is None
    (whole.folder / "level2.npy").write_bytes((whole.folder / "level3.npy").read_bytes())
    whole.vouch("level2.npy")
    assert store.Store(whole.folder).damaged(shapes) == whole.folder / "level2.npy"


def test_a_pipe_in_an_arrays_place_does_not_wait_for_ever(made):
    whole, _, encoder = made
    path = whole.folder / "images.npy"
    path.unlink()
    os.mkfifo(path)
    again = store.Store(whole.folder)
    assert again.damaged(store.shapes(encoder, [2, 3], 32)) == path
    with pytest.raises(InputError, match=r"images.npy: found no regular file"):
        len(again)


@pytest.mark.parametrize("change", [{"files": "zebra"}, {"fingerprint": None}])
def test_a_record_of_another_kind_is_damaged(made, change):
    whole, _, encoder = made
    atomic.write_json(whole.folder / "done.json", whole.record | change, sealed=True)
    assert whole.damaged(store.shapes(encoder, [2, 3], 32)) == whole.folder / "done.json"


def test_other_pixels_are_other_content(made):
    whole, _, _ = made
    images = whole.array("images").copy()
    assert store.fingerprint(images) == whole.content
    images[5, 3, 3, 0] ^= 1
    assert store.fingerprint(images) != whole.content


def test_a_non_finite_feature_is_named(tmp_path):
    store.cut(Pictures(), tmp_path / "images.npy", OPTIONS, train=True, seed=0, progress=nothing)
    encoder = TinyEncoder()
    next(encoder.parameters()).data[0] = float("nan")
    with pytest.raises(RunError, match=r"features of level 3.*non-finite.*float32"):
        store.build(tmp_path, encoder, [3], FLOAT32, None, 1.5, nothing)
