from types import SimpleNamespace

import pytest
import torch

from crosscade.framework import InputError, Pair
from crosscade.framework.testing.checks import check_loss
from crosscade.framework.testing.tools import TinyEncoder
from crosscade.plugins.losses import reconstruction as module
from crosscade.plugins.losses.reconstruction import METRICS, FeatureOptions, ImageOptions, ImageReconstruction

OFFERS = {offer.name: offer for offer in module.losses()}
# two channels of mean 2 and 20, biased deviation 1 and 10; u is 3 and 10 above
V = torch.tensor([[[[1.0, 3.0]], [[10.0, 30.0]]]])
U = V + torch.tensor([3.0, 10.0]).view(1, 2, 1, 1)


def feature(**options):
    return OFFERS["feature-reconstruction"].make(FeatureOptions(**options), encoder=TinyEncoder())


@pytest.mark.parametrize(("norm", "expected"), [("l1", 0.5 + 0.1), ("l2", 0.25 + 0.01)])
def test_pixels_by_hand(norm, expected):
    zeros, n = torch.zeros(2, 3, 4, 4), torch.ones(2, 3, 4, 4)
    view = SimpleNamespace(reconstructed=Pair(0.5 * n, -0.1 * n), images=Pair(zeros, zeros))
    assert ImageReconstruction(ImageOptions(norm)).terms(view)["image"].item() == pytest.approx(expected)


@pytest.mark.parametrize(
    ("metric", "expected"),
    [("relative", 6.5 / 11), ("standardised", (3 + 1) / 2), ("l2-normalised", (9 + 1) / 2)],
)
def test_metrics_by_hand(metric, expected):
    assert METRICS[metric](U, V).item() == pytest.approx(expected)


@pytest.mark.parametrize("metric", METRICS)
def test_metrics_do_not_depend_on_scale_and_bear_dead_channels(metric):
    assert METRICS[metric](50 * U, 50 * V).item() == pytest.approx(METRICS[metric](U, V).item(), rel=1e-4)
    dead = torch.cat([V, torch.zeros_like(V)], 1)
    noise = torch.cat([U, 0.01 * torch.ones_like(V)], 1)
    assert METRICS[metric](noise, dead).item() < 10
    assert METRICS[metric](torch.zeros_like(V), torch.zeros_like(V)).item() == 0


def test_levels_are_averaged_or_weighted():
    made, real = {1: U, 2: U, 3: V}, {1: V, 2: V, 3: V}
    view = SimpleNamespace(encoded_reconstructed=Pair(made, real), encoded_real=Pair(real, real))
    one = 6.5 / 11
    assert feature().encodes == (1, 2, 3)
    assert feature().terms(view)["feature"].item() == pytest.approx(2 / 3 * one)
    assert feature(levels=(1, 3)).terms(view)["feature"].item() == pytest.approx(one / 2)
    assert feature(weights=(1.0, 1.0, 0.5)).terms(view)["feature"].item() == pytest.approx(2 / 2.5 * one)


def test_weights_must_match_the_levels():
    with pytest.raises(InputError, match="expected 1 numbers"):
        feature(levels=(1,), weights=(1.0, 2.0))
    with pytest.raises(InputError, match="level 7"):
        feature(levels=(7,))


@pytest.mark.parametrize("on", ["inversion", "refinement"])
@pytest.mark.parametrize("name", OFFERS)
def test_contract(name, on):
    check_loss(OFFERS[name], on=on)


@pytest.mark.parametrize("metric", METRICS)
def test_contract_of_every_metric(metric):
    check_loss(OFFERS["feature-reconstruction"], on="inversion", options=FeatureOptions(metric=metric))
