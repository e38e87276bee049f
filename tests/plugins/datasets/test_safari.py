"""The drawn scenes: the same everywhere, true to what is said of them, any shape in any texture."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest
from numpy.typing import NDArray

from crosscade.framework import InputError
from crosscade.framework.testing import check_dataset
from crosscade.plugins.datasets.safari.coats import COATS, Window
from crosscade.plugins.datasets.safari.dataset import Safari, SafariOptions, SafariSet, render, shape_and_texture
from crosscade.plugins.datasets.safari.scene import SHAPES, plan

ANIMALS = ("zebra", "giraffe", "elephant")


def animal_mask(shape: str, seed: object, size: int = 96) -> NDArray[np.bool_]:
    """Where the coat shows: what differs between the textures of one scene."""
    images = [render(shape, texture, seed, size)[0] for texture in ANIMALS]  # type: ignore[arg-type]
    return np.ptp(np.stack(images), axis=0).max(-1) > 12


def test_is_a_sound_dataset() -> None:
    check_dataset(Safari(SafariOptions(train=4, test=2)))
    check_dataset(Safari(SafariOptions(a="elephant", b="elephant+zebra-texture", train=2, test=2)))


def test_same_pictures_in_another_process() -> None:
    code = (
        "import hashlib; from crosscade.plugins.datasets.safari.dataset import SafariSet;"
        "print(hashlib.sha256(b''.join(SafariSet(d, 'train', 3, 5).load(2, 64).tobytes()"
        " for d in ('zebra', 'giraffe+elephant-texture'))).hexdigest())"
    )
    env = {**os.environ, "PYTHONHASHSEED": "77"}
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env, check=True).stdout
    here = b"".join(SafariSet(d, "train", 3, 5).load(2, 64).tobytes() for d in ("zebra", "giraffe+elephant-texture"))
    assert other.strip() == hashlib.sha256(here).hexdigest()


def test_seed_domain_split_and_index_all_matter_and_the_count_does_not() -> None:
    images = [
        SafariSet(*key).load(index, 32).tobytes()
        for *key, index in (
            ("zebra", "train", 3, 0, 0),
            ("zebra", "train", 3, 0, 1),
            ("zebra", "test", 3, 0, 0),
            ("zebra", "train", 3, 1, 0),
            ("giraffe", "train", 3, 0, 0),
            ("zebra+giraffe-texture", "train", 3, 0, 0),
        )
    ]
    assert len(set(images)) == len(images)
    assert SafariSet("zebra", "train", 900, 0).load(1, 32).tobytes() == images[1]


@pytest.mark.parametrize("shape", ANIMALS)
def test_truth_agrees_with_the_pixels(shape: str) -> None:
    inside = agrees = both = 0
    for index in range(24):
        image, truth = render(shape, shape, [7, index], 96)
        assert image.shape == (96, 96, 3)
        mask = animal_mask(shape, [7, index])
        assert 0.03 < mask.mean() < 0.8
        if truth["count"] != 1:
            continue
        x, y = float(truth["torso_x"]), float(truth["torso_y"])
        both += 1
        inside += not (0 <= x < 1 and 0 <= y < 1) or bool(mask[int(y * 96), int(x * 96)])
        # The head (with the trunk or the neck) reaches further from the torso than the tail does.
        columns = np.flatnonzero(mask.any(0)) / 96
        if columns[0] > 0.02 and columns[-1] < 0.97:
            agrees += truth["facing"] * ((columns[0] + columns[-1]) / 2 - x) > 0
            assert abs((columns[0] + columns[-1]) / 2 - float(truth["centre_x"])) < 0.06
        else:
            agrees += 1
    assert both > 8
    assert inside == both
    assert agrees == both


def test_truth_arrays_cover_what_happens() -> None:
    truth = SafariSet("zebra", "train", 200, 0).truth
    assert set(truth) == {"species", "count", "facing", "torso_x", "torso_y", "centre_x", "centre_y", "size"}
    assert all(len(values) == 200 for values in truth.values())
    assert set(truth["species"]) == {"zebra"}
    assert 0.2 < np.mean(truth["count"] == 2) < 0.4
    assert set(np.unique(truth["facing"])) == {-1, 0, 1}
    assert abs(float(np.mean(truth["facing"]))) < 0.25  # type: ignore[arg-type]
    assert (truth["count"][truth["facing"] == 0] == 2).all()
    # Pinned: other scenes under the same seed would make old results incomparable.
    assert render("zebra", "zebra", 1, 16)[1] == pytest.approx(
        {
            "species": "zebra",
            "count": 1,
            "facing": 1,
            "torso_x": 0.139370,
            "torso_y": 0.420461,
            "centre_x": 0.2,
            "centre_y": 0.483564,
            "size": 0.773697,
        },
        abs=1e-5,
    )


def test_same_scene_at_every_size() -> None:
    for shape in ANIMALS:
        large, small = render(shape, shape, 3, 256)[0], render(shape, shape, 3, 64)[0]
        reduced = large.reshape(64, 4, 64, 4, 3).mean((1, 3))
        assert np.abs(reduced - small).mean() < 3
        assert render(shape, shape, 3, 256)[1] == render(shape, shape, 3, 64)[1]


def test_equal_seeds_give_equal_backgrounds_and_places() -> None:
    images, truths = zip(*(render(s, s, 11, 96) for s in ANIMALS))
    free = ~np.any([animal_mask(s, 11) for s in ANIMALS], axis=0)
    free[40:] = False  # below the horizon lie the animals' shadows
    assert free.mean() > 0.1
    assert np.abs(images[0][free].astype(int) - images[1][free]).mean() < 8
    assert len({(t["count"], t["facing"], t["centre_x"], t["centre_y"], t["size"]) for t in truths}) == 1


def test_texture_swaps_keep_the_outline_and_recolour_details() -> None:
    own, other = plan("zebra", 5), plan("zebra", 5)
    assert all(
        np.array_equal(p.polygon, q.polygon) for p, q in zip(own.animals[0].shape.parts, other.animals[0].shape.parts)
    )
    image = render("zebra", "elephant", 5, 128)[0].astype(int)
    mask = animal_mask("zebra", 5, 128)
    assert np.median(np.ptp(image, axis=-1)[mask]) < 40  # grey, though its details are colourful


@pytest.mark.parametrize("name", ANIMALS)
def test_no_seams_in_a_coat(name: str) -> None:
    """Looked at four times as closely, what is smooth steps a quarter as much, and a seam steps as much as before."""
    shape = SHAPES["elephant"](np.random.default_rng(0))
    steepest = []
    for n in (300, 1200):
        window = Window(-0.9, 0.6, 1.8 / n, -1.2 / n, n, n)
        share = COATS[name](shape, window, np.random.default_rng(1)).share
        steepest.append([np.abs(np.diff(share, axis=axis)).mean(1 - axis).max() for axis in (0, 1)])
    assert (np.array(steepest[1]) < 0.5 * np.array(steepest[0])).all()


def test_wrong_names_are_explained() -> None:
    assert shape_and_texture("zebra+giraffe-texture") == ("zebra", "giraffe")
    with pytest.raises(InputError, match="did you mean 'giraffe'"):
        Safari(SafariOptions(b="girafe"))
    for bad in ("zebra+giraffe", "zebra-texture", "", "lion+zebra-texture"):
        with pytest.raises(InputError):
            shape_and_texture(bad)
    with pytest.raises(InputError, match="twice"):
        Safari(SafariOptions(a="zebra", b="zebra"))
    with pytest.raises(ValueError):
        SafariOptions(train=0)


@pytest.mark.benchmark
@pytest.mark.parametrize("animal", ANIMALS)
def test_drawing_speed(benchmark: object, animal: str) -> None:
    images = SafariSet(animal, "train", 10_000, 0)
    for i in range(40):  # textures are made when first needed
        images.load(i, 108)
    indices = iter(range(40, 10_000))
    benchmark(lambda: images.load(next(indices), 108))  # type: ignore[operator]
