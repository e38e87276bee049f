"""Overlap of silhouettes on discs whose overlap is known."""

import numpy as np
import pytest

from crosscade.evaluation.metrics.mask_overlap import MaskOverlap, boxed, masks, overlaps, plain
from crosscade.framework import EvaluationSet

SIZE, COUNT = 48, 24


def squares(places, side, size=SIZE):
    """White squares on black: (N, size, size, 3), with (row, column) of their upper left corners."""
    images = np.zeros((len(places), size, size, 3), np.uint8)
    for image, (top, left) in zip(images, places):
        image[top : top + side, left : left + side] = 230
    return images


@pytest.fixture(scope="module")
def animals():
    """Wide animals and tall ones in random places."""
    random = np.random.default_rng(0)

    def drawn(height, width, count=COUNT):
        images = np.zeros((count, SIZE, SIZE, 3), np.uint8)
        for image in images:
            top, left = random.integers(2, SIZE - height - 2), random.integers(2, SIZE - width - 2)
            image[top : top + height, left : left + width] = 200
        return images

    return EvaluationSet(
        source=drawn(12, 24), translated=drawn(24, 12), source_train=drawn(12, 24, 200),
        target_train=drawn(24, 12, 200), target_test=drawn(24, 12),
    )  # fmt: skip


def test_overlap_of_known_squares():
    here, moved, apart = (masks(squares([place], 16)) for place in ((8, 8), (8, 16), (30, 30)))
    assert overlaps(here, here) == 1
    assert overlaps(here, moved)[0, 0] == pytest.approx(16 * 8 / (16 * 24))
    assert overlaps(here, apart) == 0
    empty = masks(squares([(0, 0)], 0))
    assert not empty.any()
    assert overlaps(empty, empty) == 0


def test_boxes_are_filled_from_edge_to_edge():
    mask = np.zeros((2, 6, 8), bool)
    mask[0, 1, 2] = mask[0, 4, 5] = True
    found = boxed(mask)
    assert found[0, 1:5, 2:6].all()
    assert found[0].sum() == 16
    assert not found[1].any()


def test_translations_that_stay_in_place_beat_those_that_do_not(animals):
    stayed = np.ascontiguousarray(np.swapaxes(animals.source, 1, 2))  # another shape …
    middles = [np.argwhere(image[..., 0]).mean(0) for image in animals.source]
    turned = [np.argwhere(image[..., 0]).mean(0) for image in stayed]
    shifts = [np.round(m - t).astype(int) for m, t in zip(middles, turned)]
    stayed = np.stack([np.roll(image, shift, (0, 1)) for image, shift in zip(stayed, shifts)])  # … in the same place
    own = MaskOverlap().measure(animals.with_translated(stayed))
    lost = MaskOverlap().measure(animals)
    kept = MaskOverlap().measure(animals.with_translated(animals.source))
    for name in ("mask-iou", "box-iou"):
        floor, ceiling = (own[name].beside[k] for k in ("unrelated real target", "best real target"))
        assert lost[name].value < floor + 0.1 < own[name].value
        assert ceiling - 0.1 < own[name].value < kept[name].value
        assert kept[name].value == 1
        assert not own[name].warning
        assert "lost" in lost[name].warning
        assert own[name].higher_is_better is None


def test_black_outputs_overlap_nothing(animals):
    found = MaskOverlap().measure(animals.with_translated(np.zeros_like(animals.source)))
    assert found["mask-iou"].value == 0
    assert found["mask-iou"].warning


def test_nothing_is_cut_out_where_the_background_is_not_plain(scenes, animals):
    assert plain(animals.source)
    assert not plain(scenes.source_train)
    assert MaskOverlap().measure(scenes) == {}
