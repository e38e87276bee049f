from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from crosscade.framework import ImageSpec, InputError, LevelSpec, Pair
from crosscade.framework.testing.checks import check_loss
from crosscade.framework.testing.tools import uniform
from crosscade.plugins.losses import multiscale as module
from crosscade.plugins.losses.multiscale import MultiScale, MultiScaleOptions

PIXELS = LevelSpec(0, "pixels", 3, 1)
(OFFER,) = module.losses()


def made(size=32, **options):
    return MultiScale(MultiScaleOptions(**options), here=PIXELS, image=ImageSpec(size))


def test_the_published_critics():
    """MUNIT's: three scales of four strided convolutions, 64 to 512 channels, N(0, 0.02), 16.54 million for both."""
    torch.manual_seed(0)
    loss = made(256)
    assert sum(p.numel() for p in loss.parameters()) == 16_542_342
    for scale in loss.critic_a.scales:
        layers = [m for m in scale if isinstance(m, nn.Conv2d)]
        assert [(m.kernel_size[0], m.stride[0], m.out_channels) for m in layers] == [
            (4, 2, 64), (4, 2, 128), (4, 2, 256), (4, 2, 512), (1, 1, 1),
        ]  # fmt: skip
        assert layers[2].weight.std().item() == pytest.approx(0.02, rel=0.02)
        assert not any(m.bias.any() for m in layers)
    assert [tuple(y.shape) for y in loss.critic_a(uniform(1, 3, 256, 256))] == [
        (1, 1, 16, 16), (1, 1, 8, 8), (1, 1, 4, 4),
    ]  # fmt: skip


@pytest.mark.parametrize(("size", "strided", "scales"), [(256, 4, 3), (96, 4, 3), (64, 4, 3), (32, 4, 2), (28, 3, 2)])
def test_as_many_scales_as_fit(size, strided, scales):
    loss = made(size, strided=strided, width=2)
    assert len(loss.critic_a.scales) == scales
    assert len(loss.critic_a(uniform(1, 3, size, size))) == scales


def test_what_does_not_fit_is_refused():
    with pytest.raises(InputError, match=r"scales = 3 with 4 strided convolutions on 32 x 32.*at most 2"):
        made(32, scales=3)
    with pytest.raises(InputError, match=r"map of 8 x 8.*Use fewer `strided`"):
        made(8)


def lsgan(real, fake):
    return (real - 1).square().mean() + fake.square().mean(), (fake - 1).square().mean()


def bce(real, fake):
    ones, zeros = torch.ones_like(real), torch.zeros_like(fake)
    critic = F.binary_cross_entropy(real.sigmoid(), ones) + F.binary_cross_entropy(fake.sigmoid(), zeros)
    return critic, F.binary_cross_entropy(fake.sigmoid(), ones)


def hinge(real, fake):
    return F.relu(1 - real).mean() + F.relu(1 + fake).mean(), -fake.mean()


@pytest.mark.parametrize("reference", [lsgan, bce, hinge])
@pytest.mark.parametrize("fakes", [("fake",), ("fake", "varied")])
def test_the_terms_by_hand(reference, fakes):
    loss = made(32, objective=reference.__name__, fakes=fakes, width=4, strided=2)
    sets = {name: Pair(uniform(2, 3, 32, 32, seed=k), uniform(2, 3, 32, 32, seed=k + 1)) for k, name in
            enumerate(("real", "fake", "varied"))}  # fmt: skip
    view = SimpleNamespace(**sets)
    critic = generator = 0.0
    for name in fakes:
        for net, real, fake in zip(loss.critics, sets["real"], sets[name]):
            for layers in net.scales:
                found = reference(layers(real), layers(fake))
                critic, generator = critic + found[0].item(), generator + found[1].item()
                real, fake = (F.avg_pool2d(x, 3, 2, 1, count_include_pad=False) for x in (real, fake))
    assert loss.critic_terms(view, 0)["critic"].item() == pytest.approx(critic, rel=1e-4)
    assert loss.terms(view)["adversarial"].item() == pytest.approx(generator, rel=1e-4)
    assert loss.needs == {"real", *fakes}


@pytest.mark.parametrize("objective", ["lsgan", "bce", "hinge"])
def test_contract(objective):
    options = MultiScaleOptions(objective=objective, width=4, strided=2, slope=0.01)
    check_loss(OFFER, here=PIXELS, image=ImageSpec(16), options=options)
