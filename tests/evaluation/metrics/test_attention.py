"""Where a network looks: on maps whose centre is known, and on drawn animals whose place is."""

import numpy as np
import pytest

from crosscade.evaluation.metrics.attention import MAP, STRONGEST, Place, centres, correlation, strongest
from tests.evaluation.conftest import fresh


def test_centre_and_strongest_part_of_a_known_map():
    maps = np.zeros((2, 5, 5))
    maps[0, 1, 3] = maps[1, 4, 0] = 1
    assert centres(maps) == pytest.approx(np.array([[0.7, 0.3], [0.1, 0.9]]))
    falling = np.stack([np.add.outer(4 - np.arange(5.0), np.arange(5.0)), np.add.outer(np.arange(5.0), np.zeros(5))])
    masks = strongest(falling)
    assert masks.mean((1, 2)) == pytest.approx(STRONGEST, abs=0.03)
    assert masks[:, 0, -1].tolist() == [True, False], "the first is strong at the upper right"
    assert masks[:, -1, 0].tolist() == [False, True], "the second below"


def test_a_collapsed_set_correlates_with_nothing():
    x = np.array([0.1, 0.4, 0.7])
    assert correlation(x, 2 * x) == pytest.approx(1)
    assert correlation(x, np.full(3, 0.5)) == 0


def test_a_network_looks_at_the_animal(photos, scenes):
    found = centres(MAP.strength(photos, "source"))
    assert np.corrcoef(found[:, 0], scenes.source_truth["centre_x"])[0, 1] > 0.6


def test_place_of_the_source_itself_and_of_others(photos):
    same = Place().measure(photos)
    assert {name: score.value for name, score in same.items()} == pytest.approx(
        {"place-iou": 1, "place-x": 1, "place-y": 1}
    )
    overlap = same["place-iou"]
    assert overlap.beside["unrelated real target"] < overlap.beside["mirrored source"] < 1
    assert not overlap.warning
    others = Place().measure(photos.with_translated(np.roll(photos.source, 7, 0)))
    assert others["place-iou"].value < overlap.beside["mirrored source"]
    assert "place and size are lost" in others["place-iou"].warning
    assert abs(others["place-x"].value) < 0.6


def test_a_control_of_another_length_is_held_against_the_first_sources(photos):
    scores = Place().measure(photos.with_translated(photos.source[:9]))
    assert scores["place-iou"].n == 9
    assert scores["place-x"].value == pytest.approx(1)


def test_nothing_is_measured_where_the_place_is_known(scenes):
    assert Place().measure(fresh(scenes)) == {}
