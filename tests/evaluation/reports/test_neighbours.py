"""Nearest training images against brute force, and what the page shows of them."""

import io

import numpy as np
import pytest
from attrs import evolve
from PIL import Image

from crosscade.evaluation.metrics.extractors import GreyPixels
from crosscade.evaluation.metrics.image_statistics import POOLED, Nearest, distances
from crosscade.evaluation.reports.neighbours import COLUMNS, ROWS, Neighbours
from crosscade.framework.metrics.metric import Memo


def brute_force(x, y):
    """Distances (N, M), each by its definition."""
    return np.array([[np.sqrt(((one - other) ** 2).sum()) for other in y] for one in x])


def test_distances_agree_with_brute_force():
    random = np.random.default_rng(0)
    x, y = 3 + random.normal(size=(40, 300)), 3 + random.normal(size=(70, 300))
    np.testing.assert_allclose(distances(x, y), brute_force(x, y), rtol=1e-6)


def test_neighbours_agree_with_brute_force_over_real_features(scenes):
    train, translated, test = (POOLED.of(scenes, w) for w in ("target_train", "translated", "target_test"))
    away = brute_force(translated, train)
    found = Neighbours.of(scenes)
    np.testing.assert_array_equal(found.nearest, np.argsort(away, axis=1)[:, :3])
    np.testing.assert_allclose(found.distances, np.sort(away, axis=1)[:, :3], rtol=1e-6)
    np.testing.assert_allclose(found.real, brute_force(test, train).min(1), rtol=1e-6)


def test_the_ratio_is_the_score(scenes):
    made = scenes.with_translated(scenes.source)
    found = Neighbours.of(made)
    score = Nearest().measure(made)["nearest-training"]
    assert found.ratio == score.value
    assert f"{found.ratio:.2f}" in found.figure("a → b").note
    by_hand = brute_force(POOLED.of(made, "translated"), POOLED.of(made, "target_train")).min(1).mean()
    assert found.ratio == pytest.approx(by_hand / found.real.mean(), rel=1e-6)


def test_there_is_no_ratio_to_real_images_that_are_training_images(scenes):
    known = evolve(scenes, target_test=scenes.target_train[:24], shared=Memo(), own=Memo())
    assert np.isnan(Neighbours.of(known, GreyPixels()).ratio)


def test_a_copied_training_image_is_found_and_shown_beside_its_copy(scenes):
    copied = scenes.target_train[[7, 3] * (len(scenes.source) // 2)]
    made = scenes.with_translated(copied)
    found = Neighbours.of(made, GreyPixels())
    assert found.nearest[:4, 0].tolist() == [7, 3, 7, 3]
    assert found.distances[:, 0].max() < 1e-3 < found.real.min()
    strip = found.strip(made, "zebra → giraffe")
    assert strip.columns == COLUMNS
    assert len(strip.rows) == ROWS
    first = [np.asarray(Image.open(io.BytesIO(cell))) for cell in strip.rows[0]]
    np.testing.assert_array_equal(first[0], scenes.source[0])
    np.testing.assert_array_equal(first[1], scenes.target_train[7])
    np.testing.assert_array_equal(first[2], scenes.target_train[7])
    assert "grey pixels" in strip.note


def test_the_same_distances_make_the_same_drawing(scenes):
    found = Neighbours.of(scenes, GreyPixels())
    drawn = found.figure("zebra → giraffe")
    assert drawn.picture == found.figure("zebra → giraffe").picture
    assert b"translations" in drawn.picture
