"""Styles through the whole framework: drawn alike whatever the batch, cut for each level, encoded from an example."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from crosscade.framework import Cascade, InputError, Pair, Translation, Twins
from crosscade.framework.data.styles import draw_styles
from crosscade.framework.features.normalise import Normalise
from crosscade.framework.styles import run, run_seeded, style_size, styles_on
from crosscade.framework.testing.tools import TinyEncoder, uniform
from crosscade.framework.testing.views import view_of


class Styled(nn.Module):
    """Adds the first number of its style; the style of an example is its mean, and its deviation."""

    style_size = 2

    def forward(self, features, deeper, style):
        return torch.tanh(features + style[:, :1, None, None] * 0.1)

    def style_of(self, features):
        return torch.stack([features.mean((1, 2, 3)), features.std((1, 2, 3))], 1)


class Plain(nn.Module):
    def forward(self, features, deeper):
        return torch.tanh(features + (0 if deeper is None else deeper.mean((1, 2, 3), keepdim=True)))


class Shown(nn.Module):
    """The first three channels, enlarged."""

    def forward(self, features):
        return features[:, :3].repeat_interleave(4, 2).repeat_interleave(4, 3)


def cascade(*nets):
    """Level 3, then level 2, of a tiny encoder."""
    statistics = {2: torch.zeros(12), 3: torch.zeros(16)}
    normalise = Normalise(statistics, {i: torch.ones_like(v) for i, v in statistics.items()}, 1.0)
    return Cascade(TinyEncoder(), normalise, normalise, dict(zip((3, 2), nets)), Shown()).eval()


def test_a_drawn_style_depends_on_seed_and_place_alone():
    np.testing.assert_array_equal(draw_styles(3, 4, 7), draw_styles(9, 4, 7)[:3])
    assert not np.array_equal(draw_styles(3, 4, 7), draw_styles(3, 4, 8))
    many = draw_styles(5000, 4, 0)
    assert abs(many.mean()) < 0.05
    assert abs(many.std() - 1) < 0.05


def test_a_set_is_given_the_drawn_styles_of_its_rows():
    torch.manual_seed(1)
    before = torch.random.get_rng_state()
    np.testing.assert_array_equal(styles_on(uniform(2, 3, 4, 4), 4, 7, start=3).numpy(), draw_styles(5, 4, 7)[3:])
    assert styles_on(uniform(2, 3, 4, 4), 0, 7) is None
    assert torch.equal(torch.random.get_rng_state(), before), "the training's own chance is left alone"


def test_a_net_without_styles_is_called_as_ever():
    x = uniform(2, 3, 4, 4)
    assert style_size(Plain()) == 0
    assert torch.equal(run(Plain(), x, None, x), Plain()(x, None))
    assert torch.equal(run_seeded(Plain(), x, None, 0), Plain()(x, None))


def test_batches_of_a_store_are_translated_as_the_whole_would_be():
    x = uniform(6, 3, 4, 4)
    whole = run_seeded(Styled(), x, None, 5)
    parts = [run_seeded(Styled(), x[k : k + 2], None, 5, k) for k in (0, 2, 4)]
    torch.testing.assert_close(torch.cat(parts), whole)


def test_the_plain_view_gives_random_styles_to_fakes_and_real_ones_to_reconstructions():
    features = Pair(uniform(3, 3, 4, 4, seed=1), uniform(3, 3, 4, 4, seed=2))
    net = Styled()
    view = view_of(Twins(net, net), 2, features)
    torch.testing.assert_close(view.identity.a[2], net(features.a, None, net.style_of(features.a)))
    torch.testing.assert_close(view.cycled.a[2], net(view.fake.b, None, net.style_of(features.a)))
    torch.manual_seed(3)
    fake = view_of(Twins(net, net), 2, features).fake
    torch.manual_seed(3)
    torch.testing.assert_close(fake.a, net(features.b, None, torch.randn(3, 2)))
    torch.testing.assert_close(fake.b, net(features.a, None, torch.randn(3, 2)))


def test_a_cascade_hands_each_level_its_part_of_the_style():
    made, images, style = cascade(Styled(), Styled()), uniform(2, 3, 32, 32), torch.from_numpy(draw_styles(2, 4, 0))
    assert made.style_size == 4
    normal = made.source(made.encoder(images, [3, 2]))
    features = made.features(images, style)
    assert torch.equal(features[3], Styled()(normal[3], None, style[:, :2]))
    assert torch.equal(features[2], Styled()(normal[2], features[3], style[:, 2:]))
    assert torch.equal(made(images, style), made.strip(images, style)[-1])
    assert torch.equal(made(images), made(images, torch.zeros(2, 4))), "without one: the prior's mean"


def test_a_cascade_encodes_the_style_of_an_example_of_the_target():
    made, images = cascade(Plain(), Styled()), uniform(2, 3, 32, 32)
    raw = made.encoder(images, [2])[2]
    assert torch.equal(made.style_of(images), Styled().style_of(made.target.one(2, raw)))
    assert cascade(Plain(), Plain()).style_size == 0


def translation(made, batch=16):
    """With a stand-in for a bundle."""
    bundle = SimpleNamespace(
        on=lambda device: bundle,
        folder=Path("demo"),
        domains=Pair("zebra", "giraffe"),
        recipe=SimpleNamespace(
            name="demo",
            image=SimpleNamespace(size=32, load=36),
            translate=[SimpleNamespace(translator=SimpleNamespace(use="adain"))],
            plain=lambda: {"data": {}},
        ),
        cascade=lambda direction: made,
        white=255,
    )
    return Translation(bundle, batch=batch)


def pictures(n):
    return list(np.random.default_rng(0).integers(0, 255, (n, 32, 32, 3)).astype(np.uint8))


def test_each_image_has_a_style_of_its_own_whatever_the_batch():
    made = cascade(Plain(), Styled())
    one = pictures(1)[0]
    alike = translation(made).images([one] * 5)
    assert len({v.tobytes() for v in alike}) == 5
    np.testing.assert_array_equal(translation(made, batch=2).images([one] * 5), alike)
    np.testing.assert_array_equal(translation(made).strip([one] * 5)[-1], alike)
    assert not np.array_equal(translation(made).translate([one] * 5, seed=1), alike)


def test_one_style_for_all():
    made, (example, *others) = translation(cascade(Plain(), Styled())), pictures(3)
    style = made.style_of(example)
    assert style.shape == (1, 2)
    together = made.images(others, style)
    np.testing.assert_array_equal(together[1:], made.images(others[1:], style))


def test_a_method_without_styles_says_so_and_what_to_do():
    made = translation(cascade(Plain(), Plain()))
    for ask in (made.need_styles, lambda: made.style_of(pictures(1)[0])):
        with pytest.raises(InputError, match=r"recipe 'demo'.*\(adain\).*train with --recipe munit or drit"):
            ask()
    assert made.images(pictures(2)).shape == (2, 32, 32, 3)
