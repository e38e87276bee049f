"""The background's PSNR on scenes of which it is known where the animals are."""

import numpy as np
import pytest
from attrs import evolve

from crosscade.evaluation.metrics.background import MOST_DB, BackgroundPsnr, backgrounds, widened
from crosscade.framework import evaluate
from crosscade.plugins.datasets.safari.dataset import render
from tests.evaluation.conftest import SIZE, TEST, fresh


def test_only_what_is_far_from_both_animals_counts(scenes):
    where = backgrounds(scenes)
    assert where.shape == (TEST, SIZE, SIZE)
    assert 0.1 < where.mean() < 0.6
    painted = scenes.source.copy()
    painted[~where] = 77
    samples = fresh(scenes)
    assert BackgroundPsnr().measure(samples.with_translated(painted))["background-psnr"].value == MOST_DB
    shifted = np.clip(scenes.source.astype(int) + 10, 0, 255).astype(np.uint8)
    score = BackgroundPsnr().measure(samples.with_translated(shifted))["background-psnr"]
    assert score.value == pytest.approx(20 * np.log10(255 / 10), abs=0.1)
    assert score.beside["another source"] < 20


@pytest.mark.parametrize("name", ["zebra", "giraffe", "elephant"])
def test_a_silhouette_is_where_a_scene_changes_with_its_coat(scenes, name):
    images = scenes.dataset.domains.a.test
    seed = images._seeds[2]
    coats = [render(name, coat, seed, 64)[0].astype(int) for coat in ("zebra", "giraffe", "elephant")]
    changed = np.abs(np.diff(coats, axis=0)).max((0, 3)) > 0
    covered = images.foreground(2, 64, name)
    assert not (changed & ~covered).any()
    assert changed.sum() > 0.7 * covered.sum()


def test_a_mask_is_widened_to_all_sides():
    mask = np.zeros((48, 48), np.uint8)
    mask[20, 30] = 1
    assert widened(mask).sum() == 9 * 9
    assert widened(mask)[16:25, 26:35].all()


def test_both_directions_have_the_score_and_other_data_none(scenes):
    for samples in (fresh(scenes), fresh(scenes).reversed(scenes.source)):
        assert evaluate(samples, ["background-psnr"])["background-psnr"].unit == "dB"
    assert evaluate(evolve(fresh(scenes), dataset=None), ["background-psnr"]) == {}
