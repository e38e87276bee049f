from types import SimpleNamespace

import pytest
import torch

from crosscade.framework import Catalogue, ImageSpec, InputError, LevelSpec, Pair
from crosscade.framework.testing.checks import check_loss
from crosscade.framework.testing.tools import TinyEncoder, uniform
from crosscade.framework.testing.views import view_of
from crosscade.plugins.methods.munit import losses as munit_losses
from crosscade.plugins.methods.munit import translator as munit
from crosscade.plugins.methods.munit.losses import Perceptual, PerceptualOptions

PIXELS, SMALL = LevelSpec(0, "pixels", 3, 1), ImageSpec(16)
OFFERS = {offer.name: offer for offer in munit_losses.losses()}


def view():
    """MUNIT's on random images, and its networks."""
    torch.manual_seed(0)
    options = munit.MunitOptions(width=4, blocks=1, style_size=2, style_downs=2)
    pair = munit.Munit(options, here=PIXELS, image=SMALL)
    images = Pair(uniform(3, 3, 16, 16, seed=1), uniform(3, 3, 16, 16, seed=2))
    return view_of(pair, 0, images), pair


@pytest.mark.parametrize(
    ("name", "made", "wanted"),
    [
        ("style-reconstruction", "recovered_styles", "drawn"),
        ("content-reconstruction", "recovered_contents", "contents"),
    ],
)
def test_mean_absolute_differences_summed_over_both_domains(name, made, wanted):
    loss = OFFERS[name].make()
    values = {made: Pair(torch.full((2, 3), 0.5), torch.zeros(2, 3)), wanted: Pair(torch.zeros(2, 3), torch.ones(2, 3))}
    (value,) = loss.terms(SimpleNamespace(**values)).values()
    assert value.item() == pytest.approx(0.5 + 1.0)
    assert loss.needs == {made, wanted}


@pytest.mark.parametrize("name", ["style-reconstruction", "content-reconstruction"])
def test_contract(name):
    made, pair = view()
    networks = pair.into.zip(lambda *nets: torch.nn.ModuleList(nets))
    check_loss(OFFERS[name], here=PIXELS, image=SMALL, view=made, networks=networks)


class Scaled(TinyEncoder):
    """Features whose channels' mean and deviation can be changed."""

    scale, shift = 1.0, 0.0

    def forward(self, images, levels):
        return {i: f * self.scale + self.shift for i, f in super().forward(images, levels).items()}


def test_perceptual_compares_features_but_for_their_statistics():
    encoder = Scaled()
    loss = Perceptual(encoder, (2,))
    source, made = uniform(2, 3, 32, 32, seed=1), uniform(2, 3, 32, 32, seed=2)
    view = SimpleNamespace(fake=Pair(source, made), real=Pair(made, source))  # .a is made from b
    first, second = (encoder(x, [2])[2] for x in (source, made))

    def norm(x):
        return (x - x.mean((2, 3), keepdim=True)) / (x.var((2, 3), correction=0, keepdim=True) + 1e-5).sqrt()

    difference = (norm(first) - norm(second)).square().mean().item()
    assert loss.terms(view)["perceptual"].item() == pytest.approx(0.0, abs=1e-6), (
        "each fake is compared with its source"
    )
    view.real = view.real.swap()
    assert loss.terms(view)["perceptual"].item() == pytest.approx(2 * difference, rel=1e-3)
    encoder.scale, encoder.shift = 3.0, 5.0
    assert loss.terms(view)["perceptual"].item() == pytest.approx(2 * difference, rel=1e-2)


def test_perceptual_with_a_real_encoder():
    check_loss(OFFERS["perceptual"], here=PIXELS, image=ImageSpec(32), options=PerceptualOptions(levels=(3,)))


def test_perceptual_refuses_what_it_cannot_compare():
    build = OFFERS["perceptual"].build
    with pytest.raises(InputError, match=r"level 3.*images, which are level 0"):
        build(PerceptualOptions(), here=LevelSpec(3, "x", 8, 4), image=SMALL, catalogue=Catalogue.discover())
    with pytest.raises(InputError, match=r"a size that level .* does not divide"):
        build(PerceptualOptions(), here=PIXELS, image=ImageSpec(28), catalogue=Catalogue.discover())
