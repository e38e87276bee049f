"""t-SNE of source, target and translations: what it separates, and that it is the same each time."""

import numpy as np
import pytest
from attrs import evolve

from crosscade.evaluation.metrics.image_statistics import POOLED
from crosscade.evaluation.reports import embedding
from crosscade.framework import to_tensor
from crosscade.framework.bundle import bundle as bundles
from crosscade.framework.metrics.metric import Memo


@pytest.fixture(scope="module")
def trained(whole):
    return bundles.load(whole)


def test_sets_that_differ_lie_apart_and_like_lies_by_like():
    random = np.random.default_rng(0)
    source, target, like_target = (random.normal(size=(40, 20)) + shift for shift in (0, 8, 8))
    points = embedding.embed(source, target, like_target)
    assert [p.shape for p in points] == [(40, 2)] * 3
    here, there, made = (p.mean(0) for p in points)
    assert np.linalg.norm(made - there) < 0.3 * np.linalg.norm(made - here)
    again = embedding.embed(source, target, like_target)
    assert all((one == other).all() for one, other in zip(points, again))


def test_few_points_have_a_smaller_perplexity():
    assert embedding.perplexity(900) == 30
    assert embedding.perplexity(31) == 10
    assert embedding.embed(np.eye(4), np.eye(4))[1].shape == (4, 2)


def test_the_drawing_says_what_it_shows_and_is_the_same_each_time(scenes):
    drawn = embedding.figure(scenes, POOLED, "zebra → giraffe")
    for text in (b"zebra (source)", b"giraffe (target)", b"translations"):
        assert text in drawn.picture
    for colour in (b"#2067a8", b"#cc3311", b"#12a5bd"):
        assert colour in drawn.picture
    assert "24 + 24 + 24" in drawn.note
    assert "pooled features of efficientnet-lite0" in drawn.note
    assert drawn.picture == embedding.figure(scenes, POOLED, "zebra → giraffe").picture


def test_a_bundle_shows_its_own_encoder_at_its_deepest_level(trained, scenes, fake_gpu):
    extractor = embedding.deepest(trained)
    assert "level 5" in extractor.protocol
    found = extractor.of(scenes, "source")
    maps = trained.encoder(to_tensor(scenes.source[:3]), [5])[5]
    np.testing.assert_allclose(found[:3], maps.mean((2, 3)), rtol=1e-4, atol=1e-6)
    with fake_gpu as gpu:
        on_gpu = embedding.deepest(trained.on(gpu.device)).of(evolve(scenes, common=Memo()), "source")
    np.testing.assert_array_equal(on_gpu, found)


def test_pixels_are_no_deep_features(trained):
    stage = evolve(trained.recipe.translate[0], level=0)
    assert embedding.deepest(evolve(trained, recipe=evolve(trained.recipe, translate=(stage,)))) is POOLED
