import pytest
import torch
from torch import nn
from torch.nn import functional as F

from crosscade.framework.testing import FakeGpu
from crosscade.plugins.layers.borders import ReflectedConv, joined, reflected


def learnt(function, x):
    leaf = x.clone().requires_grad_(True)
    y = function(leaf)
    # each pixel of the border counts differently
    weights = torch.linspace(-1, 2, y.numel(), dtype=y.dtype).view_as(y)
    (y * weights.to(y.device)).sum().backward()
    return y.detach(), leaf.grad


@pytest.mark.parametrize("pixels", [0, 1, 3])
def test_both_ways_to_mirror_agree_in_value_and_gradient(pixels):
    x = torch.randn(2, 3, 5, 7, dtype=torch.float64)
    one, other = learnt(lambda y: F.pad(y, (pixels,) * 4, mode="reflect"), x), learnt(lambda y: joined(y, pixels), x)
    assert torch.equal(one[0], other[0])
    assert (one[1] - other[1]).abs().max() < 1e-14


def test_a_convolution_with_a_mirrored_border_has_the_bits_and_the_keys_of_pytorchs():
    torch.manual_seed(0)
    theirs = nn.Conv2d(3, 4, 4, 2, 1, padding_mode="reflect")
    torch.manual_seed(0)
    ours = ReflectedConv(3, 4, 4, 2, 1)
    x = torch.randn(2, 3, 8, 8)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    for one, other in zip(learnt(ours, x), learnt(theirs, x)):
        assert torch.equal(one, other)


@pytest.mark.parametrize("deterministic", [False, True])
def test_a_deterministic_run_on_a_gpu_joins(deterministic, monkeypatch):
    joins = []
    monkeypatch.setattr("crosscade.plugins.layers.borders.joined", lambda x, n: joins.append(n) or joined(x, n))
    monkeypatch.setattr(torch, "are_deterministic_algorithms_enabled", lambda: deterministic)
    x = torch.randn(1, 2, 4, 4)
    with FakeGpu() as gpu:
        on_gpu = reflected(x.to(gpu.device), 1).cpu()
    assert joins == [1] * deterministic
    assert torch.equal(on_gpu, reflected(x, 1))
    assert joins == [1] * deterministic, "a processor's is deterministic as it is"
