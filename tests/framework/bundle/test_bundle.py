"""A bundle holds what was trained, each network on its right side, and translates as its parts would by hand."""

import json
import shutil

import numpy as np
import pytest
import torch

from crosscade.framework import DIRECTIONS, InputError, Translation, to_images
from crosscade.framework.bundle import bundle
from crosscade.framework.features.store import Store
from crosscade.framework.support import atomic, tensor_files
from tests.framework.tiny import former


@pytest.fixture(scope="module")
def loaded(whole):
    return bundle.load(whole)


@pytest.fixture(scope="module")
def pictures(whole):
    return np.array(Store(whole / "store" / "a-test").array("images"))


@pytest.mark.parametrize(
    ("folder", "file", "stage", "prefix"),
    [
        ("bundle", "a2b/level5", "1-translate-level5", "translators5.into_b."),
        ("bundle", "b2a/level5", "1-translate-level5", "translators5.into_a."),
        ("bundle", "a2b/level4", "3-refine", "translators4.into_b."),
        ("bundle", "b2a/level4", "3-refine", "translators4.into_a."),
        ("bundle", "a2b/inverter", "3-refine", "inverter4_b."),
        ("bundle", "b2a/inverter", "3-refine", "inverter4_a."),
        ("bundle", "a2b/inverter4", "0-invert-level4", "inverter4_b."),
        ("without-refine", "a2b/level4", "2-translate-level4", "translators4.into_b."),
        ("without-refine", "b2a/inverter", "0-invert-level4", "inverter4_a."),
    ],
)
def test_each_file_holds_the_network_that_was_trained_for_it(whole, folder, file, stage, prefix):
    trained = tensor_files.read(whole / "stages" / f"{stage}.safetensors")
    expected = {k.removeprefix(prefix): v for k, v in trained.items() if k.startswith(prefix)}
    found = tensor_files.read(whole / folder / f"{file}.safetensors")
    assert expected
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[k], expected[k]) for k in found)


@pytest.mark.parametrize(("direction", "source"), [("a2b", "a"), ("b2a", "b")])
def test_translation_is_the_composition_by_hand(whole, loaded, direction, source):
    images = Store(whole / "store" / f"{source}-test").images()
    cascade, normalise = loaded.cascade(direction), getattr(loaded.normalise, source)
    with torch.inference_mode():
        raw = loaded.encoder(images, [4, 5])
        deep = cascade.translators["5"](normalise.one(5, raw[5]), None)
        image = cascade.inverter(cascade.translators["4"](normalise.one(4, raw[4]), deep))
    made = Translation(loaded, direction).images([*Store(whole / "store" / f"{source}-test").array("images")])
    np.testing.assert_array_equal(made, to_images(image))


def test_training_and_translation_normalise_alike(whole, loaded):
    store = Store(whole / "store" / "a-test")
    features = loaded.normalise.a(loaded.encoder(store.images(), [4, 5]))
    for level in (4, 5):
        torch.testing.assert_close(features[level], store.features(f"level{level}"), atol=0.006, rtol=0)


def test_the_next_level_was_given_what_the_cascade_translates(whole, loaded):
    store, cascade = Store(whole / "store" / "a-test"), loaded.cascade("a2b")
    with torch.inference_mode():
        made = cascade.features(store.images())[5]
    torch.testing.assert_close(made, store.features("translated5"), atol=0.03, rtol=0)


def test_an_image_does_not_depend_on_its_batch(loaded, pictures):
    alone = np.concatenate([Translation(loaded).images([p]) for p in pictures])
    for batch in (3, 16):
        together = Translation(loaded, batch=batch).images(list(pictures)).astype(int)
        assert np.abs(together - alone).max() <= 1  # of 255: kernels round by the size of the batch


def test_a_strip_is_source_previews_and_final(loaded, pictures):
    translation = Translation(loaded)
    columns = translation.strip(list(pictures))
    assert len(columns) == 2, "level 5 has no inverter in this recipe"
    np.testing.assert_array_equal(columns[0], pictures)
    np.testing.assert_array_equal(columns[-1], translation.images(list(pictures)))


def test_pictures_of_any_size_come_out_square(loaded):
    wide = np.random.default_rng(0).integers(0, 255, (90, 200, 3)).astype(np.uint8)
    translation = Translation(loaded)
    assert translation.fit(wide).shape == (64, 64, 3)
    assert translation.images([wide, wide[:, :30]]).shape == (2, 64, 64, 3)


def test_a_gpu_translates_alike_and_the_bundle_stays_where_it_is(loaded, pictures, fake_gpu):
    expected = [Translation(loaded, device="cpu").strip(list(pictures), way) for way in DIRECTIONS]
    with fake_gpu as gpu:
        translation = Translation(loaded, device="cuda")
        found = [translation.strip(list(pictures), way) for way in DIRECTIONS]
        assert {p.device for p in translation.cascade("b2a").parameters()} == {gpu.device}
    np.testing.assert_array_equal(found, expected)
    assert {p.device.type for p in (*loaded.encoder.parameters(), *loaded.cascade().parameters())} == {"cpu"}


def test_the_manifest_says_what_it_is(whole, loaded):
    manifest = json.loads((whole / "bundle" / "bundle.json").read_text())
    files = {str(p.relative_to(whole / "bundle")) for p in (whole / "bundle").rglob("*") if p.is_file()}
    assert set(manifest["files"]) == files - {"bundle.json"}
    assert manifest["domains"] == {"a": "zebra", "b": "giraffe"}
    assert any(name.startswith("translator crosscade:adain") for name in manifest["components"])
    assert loaded.recipe.image.size == loaded.image.size == 64


def test_a_direction_that_there_is_not(loaded):
    with pytest.raises(InputError, match=r"direction 'a2c'.*a2b or b2a"):
        loaded.cascade("a2c")


def test_nothing_of_a_bundle_learns(loaded):
    cascade = loaded.cascade()
    assert not cascade.training
    assert not any(p.requires_grad for p in cascade.parameters())


def test_a_bundle_written_under_the_former_names_of_keys_is_read(loaded, tmp_path):
    shutil.copytree(loaded.folder, tmp_path / "bundle")
    file, manifest = tmp_path / "bundle" / "recipe.json", dict(loaded.manifest)
    file.write_text(json.dumps(former(loaded.recipe.plain())))
    manifest["files"] = manifest["files"] | {"recipe.json": atomic.sha256(file)}
    (tmp_path / "bundle" / "bundle.json").write_text(json.dumps(manifest))
    assert bundle.load(tmp_path).recipe == loaded.recipe
