import numpy as np
import pytest
import torch
from attrs import evolve

from crosscade.evaluation.judges import shape_data
from crosscade.evaluation.judges import shape_share as shape_judge
from crosscade.evaluation.judges.shape_share import ShapeOptions, ShapeShare
from crosscade.evaluation.metrics.silhouettes import silhouettes
from crosscade.framework import Pair
from tests.evaluation.conftest import fresh

TINY = ShapeOptions(images_seen=3200, rendered=40, width=8)


@pytest.mark.parametrize("inverted", [False, True])
def test_silhouettes_forget_texture(inverted):
    rows, columns = np.mgrid[:64, :64]
    inside = (rows - 32) ** 2 + (columns - 32) ** 2 < 18**2
    plain, striped = np.zeros((2, 64, 64, 3), np.uint8)
    plain[inside], striped[inside] = 220, 220
    striped[inside & (columns % 6 < 3)] = 20
    images = np.stack([plain, striped])
    masks = silhouettes(255 - images if inverted else images, 64)[:, 0]
    assert ((masks[0] > 0).numpy() != inside).mean() < 0.03
    assert (masks[0] != masks[1]).float().mean() < 0.03
    grey = shape_data.grey(images, 64)
    assert (grey[0] != grey[1]).float().mean() > 0.1


def test_texture_blind_views_hide_colour():
    """Two images that differ by colour only cannot be told apart by the mean of what the judge sees."""
    random = torch.Generator().manual_seed(0)
    red = torch.tensor([0.6, -0.6, -0.6]).view(1, 3, 1, 1).expand(400, 3, 16, 16)
    blue = red.flip(1)
    seen = [shape_data.blind_to_texture(x, random).mean((1, 2, 3)) for x in (red, blue)]
    assert seen[0].std() > 0.2
    assert abs(float(seen[0].mean() - seen[1].mean())) < 0.1


def test_shape_judge_learns_from_swapped_textures(scenes, judge_cache, monkeypatch):
    (score,) = ShapeShare(TINY).measure(fresh(scenes)).values()
    assert {"held-out, own texture", "held-out, swapped texture"} <= set(score.beside)
    assert "texture-swapped" in score.protocol
    assert score.beside["held-out accuracy"] > 0.6
    assert score.value == pytest.approx(score.beside["real target"])  # the "translations" are the real target images
    # the other direction has the same judge, seen the other way round
    monkeypatch.setattr(shape_judge, "fit", lambda *a, **k: pytest.fail("trained again"))
    (back,) = ShapeShare(TINY).measure(scenes.reversed(scenes.target_test)).values()
    assert back.beside["untranslated source"] == pytest.approx(1 - score.beside["real target"])
    assert back.value == pytest.approx(1 - score.value)


@pytest.mark.parametrize(("accuracy", "views"), [(0.96, [300]), (0.8, [300, 900])])
def test_a_judge_that_is_not_good_learns_again_and_longer(scenes, judge_cache, monkeypatch, accuracy, views):
    learnt = []
    monkeypatch.setattr(shape_judge, "fit", lambda images, net, training, *_: learnt.append(training.images_seen))
    facts = {"untranslated source": 0.0, "real target": 1.0, "held-out accuracy": accuracy}
    monkeypatch.setattr(ShapeShare, "_held_out", staticmethod(lambda *_: facts))
    metric = ShapeShare(ShapeOptions(images_seen=300, rendered=8, width=8))
    (score,) = metric.measure(fresh(scenes)).values()
    assert learnt == views
    assert f"; {views[-1]} views at" in score.protocol
    assert bool(score.warning) == (accuracy < 0.95)
    metric.measure(fresh(scenes))
    assert learnt == views, "both attempts are in the cache"


def test_swapped_animals_have_the_right_bodies(scenes):
    extra = shape_data.Swapped.of(scenes, 8)
    zebra_shaped, giraffe_shaped = extra.train()
    assert zebra_shaped.shape == giraffe_shaped.shape == (8, *scenes.source.shape[1:])
    assert extra.domains.map(lambda d: d.name) == Pair("zebra+giraffe-texture", "giraffe+zebra-texture")
    back = shape_data.Swapped.of(scenes.reversed(scenes.source), 8)
    assert back.domains == extra.domains.swap(), "the source's shape comes first"
    assert shape_data.Swapped.of(evolve(scenes, dataset=None), 8) is None


def test_nothing_judges_the_shape_where_none_can_be_cut_out(photos):
    assert ShapeShare(TINY).measure(photos) == {}


def test_shape_judge_of_other_datasets_sees_silhouettes(scenes, judge_cache):
    rows, columns = np.mgrid[:32, :32]
    random = np.random.default_rng(0)

    def figures(count, wide):
        images = np.zeros((count, 32, 32, 3), np.uint8)
        for image in images:
            x, y, r = *random.integers(12, 20, 2), random.integers(6, 10)
            a, b = (r * 1.4, r * 0.6) if wide else (r * 0.6, r * 1.4)
            image[((columns - x) / a) ** 2 + ((rows - y) / b) ** 2 < 1] = random.integers(120, 255)
        return images

    ovals = evolve(
        fresh(scenes), source=figures(24, True), source_train=figures(80, True), target_train=figures(80, False),
        target_test=figures(24, False), translated=figures(24, False), source_truth=None, source_train_truth=None,
        target_train_truth=None, target_test_truth=None, dataset=None, load=0,
    )  # fmt: skip
    metric = ShapeShare(ShapeOptions(images_seen=1500, width=8))
    (score,) = metric.measure(ovals).values()
    assert "silhouettes" in score.protocol
    assert score.beside["held-out accuracy"] > 0.9
    assert score.value > 0.8
    (black,) = metric.measure(ovals.with_translated(np.zeros_like(ovals.source))).values()
    assert black.value == 0
