from types import SimpleNamespace

import pytest
import torch
from torch import nn

from crosscade.framework import ImageSpec, LevelSpec, Pair
from crosscade.framework.testing.checks import check_loss
from crosscade.plugins.layers.critics import FeatureCritic, PatchCritic
from crosscade.plugins.losses import wgan_gp as module
from crosscade.plugins.losses.wgan_gp import WganGp, WganGpOptions, double_backward_penalty, straight, tangent_penalty

CRITICS = [
    lambda: FeatureCritic(16, 6, 24),
    lambda: FeatureCritic(5, 14, 12, "mean"),
    lambda: FeatureCritic(3, 32, 8),
    lambda: nn.Sequential(nn.Conv2d(4, 6, 3, groups=2, dilation=2), nn.LeakyReLU(0.1), nn.Flatten(), nn.Linear(24, 1)),
]
SHAPES = [(16, 6, 6), (5, 14, 14), (3, 32, 32), (4, 6, 6)]


def gradients(critic, penalty):
    found = torch.autograd.grad(penalty, list(critic.parameters()), allow_unused=True)
    return [torch.zeros_like(p) if g is None else g for g, p in zip(found, critic.parameters())]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("make", "shape"), list(zip(CRITICS, SHAPES)))
def test_the_tangent_pass_gives_double_backwards_gradient(make, shape, seed):
    torch.manual_seed(seed)
    critic, x = make(), torch.randn(5, *shape)
    if seed % 2:  # away from small gradients too
        with torch.no_grad():
            [p.mul_(3) for p in critic.parameters()]
    one, other = tangent_penalty(straight(critic), x), double_backward_penalty(critic, x)
    torch.testing.assert_close(one, other, rtol=2e-6, atol=0)
    for a, b in zip(gradients(critic, one), gradients(critic, other)):
        assert (a - b).norm() <= 2e-6 * b.norm()


def test_by_hand_for_a_linear_critic():
    # D(x) = w x with w = (3, 4): |g| = 5, penalty 16, d/dw = 2 (5 - 1) w / 5
    critic = nn.Sequential(nn.Flatten(), nn.Linear(2, 1))
    with torch.no_grad():
        critic[1].weight.copy_(torch.tensor([[3.0, 4.0]]))
    for penalty in (
        tangent_penalty(straight(critic), torch.randn(3, 2, 1, 1)),
        double_backward_penalty(critic, torch.randn(3, 2, 1, 1)),
    ):
        torch.testing.assert_close(penalty, torch.tensor(16.0))
        torch.testing.assert_close(gradients(critic, penalty)[0], torch.tensor([[4.8, 6.4]]))


@pytest.mark.parametrize("penalty", [lambda c, x: tangent_penalty(straight(c), x), double_backward_penalty])
def test_finite_where_the_gradient_is_zero(penalty):
    critic = FeatureCritic(4, 6, 8)
    with torch.no_grad():
        [p.zero_() for p in critic.parameters()]
    value = penalty(critic, torch.randn(2, 4, 6, 6))
    assert value.item() == pytest.approx(1.0, abs=1e-4)
    assert all(g.isfinite().all() for g in gradients(critic, value))


def test_only_straight_critics_take_the_tangent_pass():
    assert straight(FeatureCritic(4, 6, 8)) is not None
    assert straight(PatchCritic(3, 32, 8, norm="batch")) is None
    assert straight(nn.Sequential(nn.Conv2d(3, 3, 3, padding_mode="reflect"))) is None
    assert straight(nn.Linear(2, 1)) is None


HERE, IMAGE = LevelSpec(1, "one", 4, 2), ImageSpec(12)


def view(seed=0):
    torch.manual_seed(seed)
    return SimpleNamespace(
        real=Pair(torch.randn(3, 4, 6, 6), torch.randn(3, 4, 6, 6)),
        fake=Pair(torch.randn(3, 4, 6, 6), torch.randn(3, 4, 6, 6)),
    )


def test_eq_1_by_its_terms():
    loss, v = WganGp(WganGpOptions(width=8, lambda_gp=10.0, penalty_every=1), here=HERE, image=IMAGE), view()
    a, b = loss.critics
    gap = a(v.fake.a).mean() - a(v.real.a).mean() + b(v.fake.b).mean() - b(v.real.b).mean()
    torch.manual_seed(1)
    terms = loss.critic_terms(v, 0)
    torch.testing.assert_close(terms["wasserstein"], gap)
    torch.manual_seed(1)
    expected = 0
    for critic, real, fake in zip(loss.critics, v.real, v.fake):
        between = real + torch.rand(3, 1, 1, 1) * (fake - real)
        expected = expected + 10 * double_backward_penalty(critic, between)
    torch.testing.assert_close(terms["penalty"], expected)
    torch.testing.assert_close(loss.terms(v)["adversarial"], -a(v.fake.a).mean() - b(v.fake.b).mean())


def test_a_rarer_penalty_is_as_much_heavier():
    often, rare = (WganGp(WganGpOptions(width=8, penalty_every=n), here=HERE, image=IMAGE) for n in (1, 3))
    rare.load_state_dict(often.state_dict())
    torch.manual_seed(1)
    one = often.critic_terms(view(), 3)["penalty"]
    torch.manual_seed(1)
    three = rare.critic_terms(view(), 3)["penalty"]
    torch.testing.assert_close(3 * one, three)
    assert "penalty" not in rare.critic_terms(view(), 4)


def test_finite_in_bfloat16():
    loss = WganGp(WganGpOptions(width=8, penalty_every=1), here=HERE, image=IMAGE)
    with torch.autocast("cpu", torch.bfloat16):
        total = sum(loss.critic_terms(view(), 0).values())
    total.backward()
    assert all(p.grad.isfinite().all() for p in loss.parameters() if p.grad is not None)


@pytest.mark.parametrize("penalty", ["tangent", "double-backward"])
def test_contract(penalty):
    (offer,) = module.losses()
    check_loss(offer, options=WganGpOptions(width=8, penalty=penalty))
