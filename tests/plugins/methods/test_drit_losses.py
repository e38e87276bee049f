from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from crosscade.framework import ImageSpec, InputError, LevelSpec, Pair
from crosscade.framework.testing.checks import check_loss
from crosscade.framework.testing.tools import uniform
from crosscade.framework.testing.views import view_of
from crosscade.framework.training.loop import step_together
from crosscade.plugins.methods.drit import losses as drit_losses
from crosscade.plugins.methods.drit import translator as drit
from crosscade.plugins.methods.drit.losses import ContentAdversarialOptions, ContentPrior, ModeSeeking, StylePrior

PIXELS, SMALL = LevelSpec(0, "pixels", 3, 1), ImageSpec(16)
OFFERS = {offer.name: offer for offer in drit_losses.losses()}
CONTENT = {"channels": 16, "downs": 2}


def content_adversarial(size=32, **options):
    values = ContentAdversarialOptions(**{**CONTENT, **options})
    return OFFERS["content-adversarial"].build(values, here=PIXELS, image=ImageSpec(size))


def view(variant):
    """DRIT's on random images, and its networks."""
    torch.manual_seed(0)
    options = drit.DritOptions(variant=variant, width=4, blocks=1, style_size=2, style_downs=2)
    pair = drit.Drit(options, here=PIXELS, image=SMALL)
    images = Pair(uniform(3, 3, 16, 16, seed=1), uniform(3, 3, 16, 16, seed=2))
    return view_of(pair, 0, images), pair


@pytest.mark.parametrize("variant", ["concat", "mix"])
@pytest.mark.parametrize("name", OFFERS)
def test_contract(name, variant):
    made, pair = view(variant)
    taught = pair.attribute if name == "style-prior" else pair.content
    options = ContentAdversarialOptions(**CONTENT) if name == "content-adversarial" else None
    check_loss(OFFERS[name], here=PIXELS, image=SMALL, view=made, networks=taught, options=options)


def test_the_content_critics_terms_by_hand():
    loss = content_adversarial(clip=1e9)
    contents = Pair(uniform(2, 16, 8, 8, seed=1), uniform(2, 16, 8, 8, seed=2))
    p = contents.map(lambda c: loss.critic(c).sigmoid())
    ones, halves = torch.ones_like(p.a), torch.full_like(p.a, 0.5)
    expected = F.binary_cross_entropy(p.a, 0 * ones) + F.binary_cross_entropy(p.b, ones)
    found = loss.critic_terms(SimpleNamespace(contents=contents), 0)["critic"]
    assert found.item() == pytest.approx(expected.item(), rel=1e-5)
    expected = F.binary_cross_entropy(p.a, halves) + F.binary_cross_entropy(p.b, halves)
    found = loss.terms(SimpleNamespace(contents=contents))["content-adversarial"]
    assert found.item() == pytest.approx(expected.item(), rel=1e-5)


def test_the_critics_gradient_is_shortened():
    contents = SimpleNamespace(contents=Pair(uniform(2, 16, 8, 8, seed=1), uniform(2, 16, 8, 8, seed=2)))
    norms = []
    for clip in (1e9, 1e-3):
        torch.manual_seed(0)
        loss = content_adversarial(clip=clip)
        loss.critic_terms(contents, 0)["critic"].backward()
        step_together(torch.optim.SGD(loss.parameters(), 0.0), loss.clip)
        norms.append(torch.stack([p.grad.norm() for p in loss.parameters()]).norm().item())
    assert norms[0] > 0.01
    assert norms[1] == pytest.approx(1e-3, rel=1e-2)


def test_one_critic_for_both_domains_with_its_own_cadence():
    loss = content_adversarial()
    assert loss.critics.a is loss.critics.b
    assert (loss.steps, loss.learning_rate) == (3, 4e-5)


@pytest.mark.parametrize(("size", "layers"), [(28, [4, 3, 1]), (32, [4, 4, 1]), (96, [4, 4, 4, 3, 1]), (16, [4, 1])])
def test_the_critic_fits_any_content(size, layers):
    """Upstream's fails below crops of 212 pixels."""
    critic = content_adversarial(size).critic
    assert [m.kernel_size[0] for m in critic.modules() if isinstance(m, nn.Conv2d)] == layers
    assert critic(uniform(2, 16, size // 4, size // 4)).shape == (2, 1, 1, 1)


def test_the_published_critic():
    loss = content_adversarial(216, strict=True, channels=256)
    convolution = 256 * 256
    assert sum(p.numel() for p in loss.parameters()) == 3 * 49 * convolution + 16 * convolution + 4 * 256 + 257
    assert [loss.critic(torch.zeros(1, 256, n, n)).shape[-1] for n in (53, 54, 56, 64)] == [1, 1, 1, 2]
    with pytest.raises(InputError, match=r"contents of 52 x 52 with strict = true; expected at least 53"):
        content_adversarial(208, strict=True)


def test_a_norm_that_is_asked_for_is_there():
    """Upstream compares two constants, and never has one."""
    norms = [
        sum("Norm" in type(m).__name__ for m in content_adversarial(96, norm=n).modules()) for n in ("none", "instance")
    ]
    assert norms == [0, 3]


def test_contents_of_another_size_are_refused_with_the_options_that_fit():
    made, _ = view("mix")
    with pytest.raises(InputError, match=r"contents of 16 channels, 4 x 4; expected 32 channels, 4 x 4.*translator's"):
        content_adversarial(16, channels=32).terms(made)


def test_the_style_prior_is_the_divergence_from_n_0_1():
    mean, log_variance = torch.tensor([[1.0, 0.0], [0.0, 2.0]]), torch.tensor([[0.0, 1.0], [-1.0, 0.0]])
    normal = torch.distributions.Normal(mean, (log_variance / 2).exp())
    expected = torch.distributions.kl_divergence(normal, torch.distributions.Normal(0.0, 1.0)).sum(1).mean()
    full, code = {"mean": mean, "log_variance": log_variance}, {"mean": mean}
    value = StylePrior().terms(SimpleNamespace(posteriors=Pair(full, code)))["style-prior"]
    assert value.item() == pytest.approx(expected.item() + (1 + 4) / 4)


def test_the_content_prior_is_the_mean_square():
    contents = Pair(torch.full((2, 3, 4, 4), 2.0), torch.full((2, 3, 4, 4), -3.0))
    assert ContentPrior().terms(SimpleNamespace(contents=contents))["content-prior"].item() == pytest.approx(4 + 9)


def test_mode_seeking_is_small_where_images_follow_styles():
    def pair(x):
        return Pair(torch.full((2, 3, 4, 4), x), torch.full((2, 3, 4, 4), x))

    view = SimpleNamespace(fake=pair(0.0), varied=pair(0.5), drawn=pair(0.0), drawn_again=pair(2.0))
    assert ModeSeeking().terms(view)["mode-seeking"].item() == pytest.approx(2 / (0.5 / 2.0 + 1e-5), rel=1e-4)
    view.varied = view.fake
    assert ModeSeeking().terms(view)["mode-seeking"].item() == pytest.approx(2e5, rel=1e-3)
