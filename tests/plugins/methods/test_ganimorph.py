from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from crosscade.framework import ImageSpec, InputError, Pair
from crosscade.framework.testing.checks import check_loss, check_translator
from crosscade.framework.testing.tools import Deepest, require_exports, uniform
from crosscade.plugins.methods.ganimorph import loss as ganimorph_loss
from crosscade.plugins.methods.ganimorph import translator as ganimorph
from crosscade.plugins.methods.ganimorph.loss import (
    EVERY,
    DilatedCritic,
    Ganimorph,
    GanimorphLossOptions,
    matching,
    ms_ssim,
)
from crosscade.plugins.methods.ganimorph.translator import GanimorphOptions, build
from tests.plugins.methods.baselines import IMAGE, PIXELS, run, small, translated

(TRANSLATOR,) = ganimorph.translators()
(LOSS,) = ganimorph_loss.losses()
TINY = GanimorphLossOptions(width=4)


def convolutions(net, kind=nn.Conv2d):
    return [m for m in net.modules() if isinstance(m, kind)]


def test_the_published_generator():
    net = build(GanimorphOptions(strict=True), here=PIXELS, image=ImageSpec(128)).into.a
    assert [m.weight.shape[:2] for m in convolutions(net, nn.ConvTranspose2d)] == [
        (512, 256),
        (256, 128),
        (128, 64),
        (64, 3),
    ]
    wide = {(m.in_channels, m.out_channels) for m in convolutions(net) if m.kernel_size == (4, 4)}
    assert wide == {(3, 64), (64, 128), (128, 256), (256, 512)}
    assert len([m for m in convolutions(net) if m.kernel_size == (3, 3)]) == 5 * 3 * 3
    assert not any(m.bias is not None for m in convolutions(net))
    first = net.up_groups[0][0]
    assert first.layers[0][0].in_channels == 2 * 256, "the skip connection is concatenated"
    assert first.join[0].in_channels == 256 + 2 * 256, "and so is the block's own input"


def test_each_logit_of_the_critic_sees_the_whole_image():
    critic = DilatedCritic(3, 2)
    for module in critic.modules():  # a norm sees the whole map anyhow
        if type(module).__name__ == "InstanceNorm":
            module.forward = lambda x: x
    for parameter in critic.parameters():
        parameter.data.abs_()
    x = torch.ones(1, 3, 128, 128, requires_grad=True)
    logits, maps = critic(x)
    assert logits.shape == (1, 1, 16, 16)
    assert [tuple(m.shape[1:]) for m in maps] == [(4, 32, 32)] + [(8, 16, 16)] * 6
    logits[0, 0, 8, 8].backward()
    assert bool((x.grad != 0).all())


def test_the_critic_is_the_published_one():
    counts = sorted(m.out_channels for m in convolutions(DilatedCritic(3, 128)))
    assert counts == [1, 128, 256] + [512] * 6
    assert [m.dilation[0] for m in convolutions(DilatedCritic(3, 128).far)] == [2, 4, 8]


def ssim(x, y, power):
    """One scale in [0, 1], by a window written out for each place: luminance to `power`, contrast and structure."""
    k = torch.arange(7.0) - 3
    window = torch.exp(-(k[:, None] ** 2 + k**2) / (2 * 1.5**2))
    window = window / window.sum()
    values = []
    for i in range(x.shape[0] - 6):
        for j in range(x.shape[1] - 6):
            p, q = x[i : i + 7, j : j + 7], y[i : i + 7, j : j + 7]
            mp, mq = (window * p).sum(), (window * q).sum()
            vp, vq, c = ((window * s).sum() for s in ((p - mp) ** 2, (q - mq) ** 2, (p - mp) * (q - mq)))
            light = (2 * mp * mq + 1e-4) / (mp**2 + mq**2 + 1e-4)
            values.append(light**power * (2 * c + 9e-4) / (vp + vq + 9e-4))
    return torch.stack(values).mean()


def test_ms_ssim_by_hand():
    x = uniform(1, 1, 16, 16)
    y = (x + 0.3 * uniform(1, 1, 16, 16, seed=1)).clamp(-1, 1)
    p, q = ((v[0, 0] + 1) / 2 for v in (x, y))
    halves = [F.avg_pool2d(v[None, None], 2)[0, 0] for v in (p, q)]
    weights = 0.0448, 0.2856  # two scales have room
    expected = ssim(p, q, 0) ** (weights[0] / sum(weights)) * ssim(*halves, 1) ** (weights[1] / sum(weights))
    assert ms_ssim(x, y).item() == pytest.approx(expected.item(), rel=1e-4)
    assert ms_ssim(x, x).item() == pytest.approx(1)


def test_opposed_contrasts_give_a_number_and_a_gradient():
    x = uniform(1, 3, 64, 64)
    y = (-x).requires_grad_(True)
    ms_ssim(x, y).backward()
    assert y.grad.isfinite().all()


def test_feature_matching_compares_the_means_of_batches():
    real, fake = torch.tensor([1.0, 3.0]).view(2, 1, 1, 1), torch.tensor([2.0, 6.0]).view(2, 1, 1, 1)
    assert matching([real, real], [fake, real]).item() == pytest.approx((2 - 4) ** 2 / 2)


class Says(nn.Module):
    """A critic whose logits are the image times a weight and whose only map is the image."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(2.0))

    def forward(self, x):
        return self.weight * x, [x]


def views(offset=0.0):
    real = Pair(*uniform(2, 2, 3, 16, 16))
    fake, cycled = (real.map(lambda x, s=s: (x * s + offset).requires_grad_(True)) for s in (0.5, 0.8))
    features, cycled = (pair.map(lambda x: {0: x}) for pair in (real, cycled))
    return SimpleNamespace(real=real, fake=fake, features=features, cycled=cycled)


def loss():
    made = Ganimorph(TINY, here=PIXELS, image=IMAGE)
    made.critics = Pair(Says(), Says())
    return made


def by_hand(view):
    adversarial = sum((2 * f - 0.9).square().mean() for f in view.fake)
    match = sum((f.mean(0) - r.mean(0)).square().mean() for f, r in zip(view.fake, view.real))
    cycle = sum(
        0.7 * (1 - ms_ssim(c, r)) + 0.3 * ((c + 1) / 2 - (r + 1) / 2).abs().mean()
        for c, r in zip((maps[0] for maps in view.cycled), view.real)
    )
    return torch.stack([adversarial, match, cycle])


def test_terms_are_divided_by_their_recent_size_and_weighted():
    made, view = loss(), views()
    first, second, shares = by_hand(view), by_hand(views(0.1)), torch.tensor([0.49, 0.21, 0.3])
    terms = made.terms(view)
    assert list(terms) == ["adversarial", "matching", "cycle"]
    torch.testing.assert_close(torch.stack(list(terms.values())), shares, rtol=1e-4, atol=1e-5)
    for _ in range(EVERY - 1):  # the size is looked at now and then, or the sum would stay 1
        torch.testing.assert_close(
            torch.stack(list(made.terms(views(0.1)).values())), shares * second / first, rtol=1e-4, atol=1e-5
        )
    size = second + 0.99**EVERY * (first - second)
    found = torch.stack(list(made.terms(views(0.1)).values()))
    torch.testing.assert_close(found, shares * second / size, rtol=1e-3, atol=1e-5)


def test_critics_learn_0_9_and_0():
    view = views()
    expected = sum(((2 * r - 0.9).square().mean() + (2 * f).square().mean()) / 2 for r, f in zip(view.real, view.fake))
    assert loss().critic_terms(view, 0)["critic"].item() == pytest.approx(expected.item(), rel=1e-5)


@pytest.mark.parametrize("size", [48, 72])
def test_a_size_that_does_not_fit_is_refused(size):
    with pytest.raises(InputError, match="a multiple of 16, at least 64"):
        build(GanimorphOptions(), here=PIXELS, image=ImageSpec(size))


@pytest.mark.parametrize("strict", [False, True])
def test_translator_contract(strict):
    options = GanimorphOptions(width=8, strict=strict)
    check_translator(TRANSLATOR, here=PIXELS, deeper=None, image=IMAGE, options=options, export=False)


@pytest.mark.slow
def test_onnx_parity_at_batch_1_and_3():
    net = build(GanimorphOptions(width=2), here=PIXELS, image=IMAGE).into.a
    require_exports(Deepest(net), lambda b: (uniform(b, 3, 64, 64, seed=b),), "ganimorph")


def test_loss_contract():
    check_loss(LOSS, here=PIXELS, image=IMAGE, options=TINY)


def test_the_recipe_trains_and_its_checkpoint_holds_the_sizes(tmp_path):
    recipe = small("ganimorph", "translate[0].translator.width=2", "translate[0].losses[0].width=2")
    images, made = translated(run(recipe, tmp_path / "run"))
    assert made.shape == images.shape
    assert not torch.equal(made, images)
    assert {"average", "divisor", "updates"} <= set(Ganimorph(TINY, here=PIXELS, image=IMAGE).state_dict())
