"""Distances of feature sets against torchmetrics, and how wide their intervals are."""

import numpy as np
import pytest
import torch
from torchmetrics.image.fid import FrechetInceptionDistance
from torchmetrics.image.kid import KernelInceptionDistance

from crosscade.evaluation.metrics import kid
from crosscade.evaluation.metrics.extractors import GreyPixels, Pooled
from crosscade.evaluation.metrics.frechet import Frechet, FrechetOptions, frechet_distance
from crosscade.evaluation.metrics.jackknife import SPREAD, half_width, how
from crosscade.evaluation.metrics.kid import KernelDistance
from crosscade.evaluation.reports.table import shown
from tests.evaluation.conftest import TEST


def kernel_distance(x, y):
    return KernelDistance("kd", GreyPixels()).between(x, y)


class Vectors(torch.nn.Module):
    """An 'extractor' for torchmetrics whose images are the features themselves."""

    num_features = 12

    def forward(self, images):
        return images.flatten(1)


@pytest.fixture
def sets():
    random = np.random.default_rng(0)
    mixed = random.normal(size=(12, 12))
    return random.normal(size=(150, 12)) @ mixed, 1.3 * random.normal(size=(150, 12)) @ mixed + 0.4


def by_torchmetrics(metric, x, y):
    metric.set_dtype(torch.float64)
    for features, real in ((y, True), (x, False)):
        metric.update(torch.from_numpy(features).reshape(-1, 3, 2, 2), real=real)
    return metric.compute()


def test_frechet_distance_agrees_with_torchmetrics(sets):
    expected = by_torchmetrics(FrechetInceptionDistance(feature=Vectors(), normalize=True), *sets)
    assert frechet_distance(*sets) == pytest.approx(float(expected), rel=1e-6)


@pytest.mark.filterwarnings("ignore:Metric .Kernel Inception Distance")
def test_kernel_distance_agrees_with_torchmetrics(sets):
    theirs = KernelInceptionDistance(feature=Vectors(), subsets=1, subset_size=150, normalize=True)
    expected, _ = by_torchmetrics(theirs, *sets)
    assert kernel_distance(*sets) == pytest.approx(float(expected), rel=1e-6)


def test_kernel_distance_is_unbiased_where_the_frechet_distance_is_not():
    random = np.random.default_rng(1)
    few = [(random.normal(size=(30, 6)), random.normal(size=(40, 6))) for _ in range(60)]
    kernel = np.array([kernel_distance(x, y) for x, y in few])
    assert abs(kernel.mean()) < 3 * kernel.std() / np.sqrt(len(few))
    frechet = np.array([frechet_distance(x, y) for x, y in few])
    assert frechet.min() > 0.1


@pytest.mark.parametrize("metric", [Frechet, KernelDistance])
def test_the_interval_is_as_wide_as_the_scores_of_other_draws_are_spread(metric):
    random = np.random.default_rng(2)
    made, reference = metric("d", GreyPixels()), random.normal(size=(500, 8))
    draws = [random.normal(size=(200, 8)) * 1.5 + 0.5 for _ in range(40)]
    values = [made.between(x, reference) for x in draws]
    widths = [half_width(made.statistic(x, reference), len(x)) for x in draws]
    assert np.mean(widths) == pytest.approx(1.96 * np.std(values), rel=0.35)


def test_interval_of_a_mean_is_the_textbooks():
    values = np.random.default_rng(3).normal(size=400)
    expected = 1.96 * values.std(ddof=1) / np.sqrt(400)
    assert half_width(lambda rows: float(values[rows].mean()), 400) == pytest.approx(expected, rel=0.4)
    assert half_width(lambda rows: 1.0, 400) == 0
    few = values[:10]
    assert half_width(lambda rows: float(few[rows].mean()), 10) == pytest.approx(2.262 * few.std(ddof=1) / 10**0.5)
    assert "a jackknife of 10 groups" in how(10)
    assert "a jackknife of 20 groups" in how(20) == how(400)


def test_measures_with_an_interval_and_the_hash_of_the_weights(scenes):
    metric = KernelDistance("kd-efficientnet-lite0", Pooled(), FrechetOptions(components=0))
    target = metric.measure(scenes)["kd-efficientnet-lite0"]
    source = metric.measure(scenes.with_translated(scenes.source))["kd-efficientnet-lite0"]
    assert target.value < 0.2 * source.value
    assert 0 < target.beside[SPREAD] < source.value
    assert target.n == TEST
    assert shown(target).count("±") == 1
    assert "weights SHA-256" in target.protocol
    assert "never" not in target.protocol
    assert "95 %" in target.protocol


def test_a_distance_over_another_network_is_not_called_kid():
    assert [offer.name for offer in kid.metrics()] == ["kd-efficientnet-lite0", "kd-vgg16-hed"]
