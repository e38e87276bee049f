import re
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from crosscade.framework import Encoder, ImageSpec, InputError, LevelSpec, Pair
from crosscade.framework.testing.checks import check_loss
from crosscade.framework.testing.tools import TinyEncoder
from crosscade.plugins.losses import adversarial as module
from crosscade.plugins.losses.adversarial import HINGE, LSGAN, Adversarial, AdversarialOptions

OFFERS = {offer.name: offer for offer in module.losses()}
IMAGE, PIXELS = ImageSpec(64), LevelSpec(0, "image", 3, 1)


class Sum(nn.Module):
    """A critic that can be computed by hand: the weighted sum of each sample."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(2.0))

    def forward(self, x):
        return self.weight * x.flatten(1).sum(1)


def samples(*values):
    return torch.tensor(values).view(-1, 1, 1, 1)


VIEW = SimpleNamespace(
    real=Pair(samples(0.0, 0.5), samples(1.0, 1.0)), fake=Pair(samples(0.25, -1.0), samples(0.0, 1.0))
)


@pytest.mark.parametrize(
    ("objective", "critic", "generator"),
    [
        # logits: real a (0, 1), b (2, 2); fake a (0.5, -2), b (0, 2)
        (LSGAN, (1 + 0) / 2 + (0.25 + 4) / 2 + 1 + (0 + 4) / 2, (0.25 + 9) / 2 + (1 + 1) / 2),
        (HINGE, (1 + 0) / 2 + (1.5 + 0) / 2 + 0 + (1 + 3) / 2, -(0.5 - 2) / 2 - (0 + 2) / 2),
    ],
)
def test_terms_by_hand(objective, critic, generator):
    loss = Adversarial(objective, AdversarialOptions(), Sum)
    assert loss.critic_terms(VIEW, 0)["critic"].item() == pytest.approx(critic)
    assert loss.terms(VIEW)["adversarial"].item() == pytest.approx(generator)


def test_r1_by_hand_and_by_its_cadence():
    loss = Adversarial(LSGAN, AdversarialOptions(r1=3.0, r1_every=2), Sum)
    assert loss.critic_terms(VIEW, 2)["r1"].item() == pytest.approx(2 * 0.5 * 3 * 2 * 2.0**2)  # both domains
    assert "r1" not in loss.critic_terms(VIEW, 1)


def test_a_critic_far_ahead_pauses_and_goes_on_later():
    loss = Adversarial(LSGAN, AdversarialOptions(pause=0.1), Sum)

    def moves(real, fake):
        view = SimpleNamespace(real=Pair(samples(real), samples(real)), fake=Pair(samples(fake), samples(fake)))
        loss.zero_grad()
        loss.critic_terms(view, 0)["critic"].backward()
        return bool(loss.critic_a.weight.grad)

    assert moves(0.5, 0.4)  # close to each other
    assert not moves(0.5, 0.01)  # logits 1 and 0.02: loss 0.0004 against 0.96
    assert not moves(0.5, 0.15)  # ratio 0.18: still paused below 0.5
    assert moves(0.5, 0.4)


def test_rolling_shifts_real_and_fake_alike_and_features_by_whole_cells():
    options = AdversarialOptions(critic="projected", levels=(1, 3), roll=8)
    encoder = TinyEncoder()
    loss = OFFERS["hinge"].build(options, here=PIXELS, image=IMAGE, encoder=encoder)
    seen = {i: torch.randn(1, 2, 64 // 2**i, 64 // 2**i) for i in (1, 2, 3)}
    rolled = loss._rolled(seen, (8, -4))
    assert set(rolled) == {1, 3}
    assert torch.equal(rolled[1], seen[1].roll((4, -2), (2, 3)))
    assert torch.equal(rolled[3], seen[3].roll((1, 0), (2, 3)))  # half a cell rounds to none


def test_projected_declares_its_levels():
    options = AdversarialOptions(critic="projected", levels=(1, 2))
    loss = OFFERS["hinge"].build(options, here=PIXELS, image=IMAGE, encoder=TinyEncoder())
    assert loss.encodes == (1, 2)
    assert loss.needs == {"encoded_real", "encoded_fake"}
    assert of_level_2().encodes == (2, 3), "of features their own and all deeper ones"
    with pytest.raises(InputError, match=re.escape("found levels = [1, 2]; expected 2 and deeper ones")):
        of_level_2(levels=(1, 2))


def of_level_2(**options):
    encoder = TinyEncoder()
    projected = AdversarialOptions(critic="projected", **options)
    return OFFERS["hinge"].build(projected, here=encoder.pyramid[2], image=IMAGE, encoder=encoder)


def test_a_critic_of_images_sees_real_and_translated_ones_changed_alike():
    def build(**options):
        return OFFERS["hinge"].build(AdversarialOptions(**options), here=PIXELS, image=IMAGE, encoder=TinyEncoder())

    loss = build(width=4, norm="none", augment=("colour", "translation", "cutout"))
    images = torch.rand(2, 3, 64, 64) * 2 - 1
    plain = build(width=4, norm="none")
    assert torch.equal(plain._rolled(images, (0, 0)), images)
    assert not torch.equal(loss._rolled(images, (0, 0)), images)
    with pytest.raises(InputError, match=r"augment = \('colour',\): found the critic \"projected\""):
        build(critic="projected", augment=("colour",))
    with pytest.raises(InputError, match="found 8 channels, which are no image"):
        OFFERS["hinge"].build(
            AdversarialOptions(augment=("cutout",)), here=LevelSpec(3, "", 8, 8), image=IMAGE, encoder=TinyEncoder()
        )
    with pytest.raises(InputError, match=r'mixing = True: found the critic "patch", which sees one map'):
        build(mixing=True)


def test_critics_are_parts_of_the_loss_and_differ():
    loss = OFFERS["lsgan"].build(AdversarialOptions(width=4), here=PIXELS, image=IMAGE, encoder=TinyEncoder())
    assert {name.split(".")[0] for name, _ in loss.named_parameters()} == {"critic_a", "critic_b"}
    assert not torch.equal(next(loss.critics.a.parameters()), next(loss.critics.b.parameters()))
    loss.load_state_dict(loss.state_dict())


VIEWS = [(critic, on) for critic in ("patch", "feature") for on in ("translation", "inversion", "refinement")]
VIEWS += [("projected", "inversion"), ("projected", "refinement")]


@pytest.mark.parametrize(("critic", "on"), VIEWS)
@pytest.mark.parametrize("name", ["lsgan", "hinge"])
def test_contract(name, critic, on):
    check_loss(OFFERS[name], on=on, options=AdversarialOptions(critic=critic, width=8, strided=3, r1=1.0, roll=3))


def test_a_critic_of_features_needs_an_encoder_that_goes_on_from_them():
    class Ending(TinyEncoder):
        continued = Encoder.continued

    encoder = Ending()
    facts = {"here": encoder.pyramid[2], "image": ImageSpec(64), "encoder": encoder}
    with pytest.raises(InputError, match=r"at level 2: found an encoder \(Ending\) that cannot go on"):
        OFFERS["hinge"].build(AdversarialOptions(critic="projected"), **facts)


@pytest.mark.parametrize("options", [{}, {"mixing": True}, {"levels": (3,), "roll": 4}])
def test_contract_of_a_projected_critic_of_features(options):
    options = AdversarialOptions(critic="projected", width=8, **options)
    check_loss(OFFERS["hinge"], here=TinyEncoder().pyramid[2], options=options)
