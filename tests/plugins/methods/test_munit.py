import pytest
import torch
from torch import nn
from torch.nn import functional as F

from crosscade.framework import ImageSpec, InputError, LevelSpec, Pair
from crosscade.framework.testing.checks import check_translator
from crosscade.framework.testing.tools import Deepest, moved, require_exports, uniform
from crosscade.framework.testing.views import view_of
from crosscade.plugins.methods.munit import translator as module
from crosscade.plugins.methods.munit.networks import Doubling, LayerNorm
from crosscade.plugins.methods.munit.translator import Munit, MunitOptions

PIXELS = LevelSpec(0, "pixels", 3, 1)
SMALL = MunitOptions(width=4, blocks=1, style_size=2, style_downs=2)


def made(options=SMALL, size=16):
    return Munit(options, here=PIXELS, image=ImageSpec(size))


def count(*modules):
    return sum(p.numel() for m in modules for p in m.parameters())


def conv(ins, outs, kernel):
    return kernel * kernel * ins * outs + outs


def linear(ins, outs):
    return ins * outs + outs


def test_the_published_sizes():
    """Huang et al.'s tables: 64 channels, 4 blocks, styles of 8, 256 px."""
    pair = made(MunitOptions(), 256)
    net = pair.into.b
    blocks = 8 * conv(256, 256, 3)
    assert count(net.content) == conv(3, 64, 7) + conv(64, 128, 4) + conv(128, 256, 4) + blocks
    assert count(net.style) == sum(
        map(conv, (3, 64, 128, 256, 256), (64, 128, 256, 256, 256), (7, 4, 4, 4, 4))
    ) + linear(256, 8)
    assert count(net.decoder.style) == linear(8, 256) + linear(256, 256) + linear(256, 2 * 256 * 8)
    ups = conv(256, 128, 5) + 2 * 128 + conv(128, 64, 5) + 2 * 64
    assert count(net.decoder) - count(net.decoder.style) == blocks + ups + conv(64, 3, 7)
    assert count(pair) == 30_052_374
    assert not any(m is n for m in pair.content_a.modules() for n in pair.content_b.modules()), "nothing is shared"


def test_the_published_start():
    torch.manual_seed(0)
    pair = made(MunitOptions(width=16), 32)
    for net in (pair.content_a, pair.style_a, pair.decoder_a):
        for layer in net.modules():
            if isinstance(layer, nn.Conv2d | nn.Linear) and layer.weight.numel() > 10_000:
                deviation = layer.weight.std().item()
                assert deviation == pytest.approx((2 / layer.weight[0].numel()) ** 0.5, rel=0.05)  # kaiming
                assert not layer.bias.any()
    for up in pair.decoder_a.ups:
        assert 0 <= up.norm.weight.min() < 0.2 < 0.8 < up.norm.weight.max() <= 1  # uniform in [0, 1]
        assert not up.norm.bias.any()


def test_each_direction_has_the_sources_content_and_the_targets_style():
    pair = made()
    into_b = pair.into.b
    assert (into_b.content, into_b.style, into_b.decoder) == (pair.content_a, pair.style_b, pair.decoder_b)
    assert into_b.style_size == 2
    x = uniform(2, 3, 16, 16)
    assert torch.equal(into_b.style_of(x), pair.style_b(x))


@pytest.mark.parametrize(("strict", "offset"), [(False, 1.0), (True, 0.0)])
def test_the_decoder_by_hand(strict, offset):
    net = moved(made(MunitOptions(width=4, downs=0, blocks=1, style_size=2, style_downs=2, strict=strict)).decoder_b)
    content, style = uniform(2, 4, 6, 6), uniform(2, 2)
    scale1, shift1, scale2, shift2 = net.style(style)[:, :, None, None].split(4, dim=1)
    h = F.relu(F.instance_norm(net.convs[0](content)) * (offset + scale1) + shift1)
    h = content + F.instance_norm(net.convs[1](h)) * (offset + scale2) + shift2
    torch.testing.assert_close(net(content, style), torch.tanh(net.last(h)), atol=1e-4, rtol=1e-4)


def test_layer_norm_is_one_for_all_channels_and_pixels():
    x, norm = 3 + 5 * uniform(2, 4, 6, 6), LayerNorm(4)
    torch.testing.assert_close(norm(x), F.layer_norm(x, x.shape[1:]), atol=1e-5, rtol=1e-5)
    flat = x.flatten(1)
    expected = (flat - flat.mean(1, keepdim=True)) / (flat.std(1, keepdim=True) + 1e-5)
    torch.testing.assert_close(LayerNorm(4, strict=True)(x).flatten(1), expected)
    torch.testing.assert_close(norm(x).flatten(1), expected, atol=0, rtol=5e-3)  # all but n for n - 1


@pytest.mark.parametrize(("strict", "finite"), [(False, True), (True, False)])
def test_a_crop_of_one_colour_has_a_gradient_but_in_the_published_form(strict, finite):
    x = torch.full((1, 4, 6, 6), 0.5, requires_grad=True)
    LayerNorm(4, strict=strict)(x).sum().backward()
    assert bool(x.grad.isfinite().all()) is finite


def test_the_folded_doubling_is_the_published_one_but_for_the_border():
    folded, published = Doubling(8, strict=False), Doubling(8, strict=True)
    published.load_state_dict(folded.state_dict())
    folded.norm = published.norm = nn.Identity()
    x = uniform(2, 8, 6, 6)
    one, other = folded(x), published(x)
    torch.testing.assert_close(one[..., 2:-2, 2:-2], other[..., 2:-2, 2:-2], atol=1e-5, rtol=1e-5)
    assert not torch.allclose(one, other)


class Net(nn.Module):
    """times * x, plus the first number of the style; counts its calls."""

    def __init__(self, times):
        super().__init__()
        self.times, self.calls = times, 0

    def forward(self, x, style=None):
        self.calls += 1
        return self.times * x + (0 if style is None else style[:, :1, None, None])


class Style(Net):
    def forward(self, x):
        self.calls += 1
        return self.times * x.mean((2, 3))


def test_the_view_is_the_equations():
    """E_A = 2 x, E_B = 3 x; S_A = 5 mean, S_B = 7 mean; G_A(c, s) = 11 c + s, G_B(c, s) = 13 c + s."""
    pair = made(MunitOptions(width=4, blocks=1, style_size=1, style_downs=2))
    pair.content_a, pair.content_b = Net(2), Net(3)
    pair.style_a, pair.style_b, pair.decoder_a, pair.decoder_b = Style(5), Style(7), Net(11), Net(13)
    features = Pair(uniform(4, 1, 3, 3, seed=1), uniform(4, 1, 3, 3, seed=2))
    view = view_of(pair, 0, features)
    a, b = features
    s_a, r_b = 5 * a.mean((2, 3), keepdim=True), view.drawn.b[:, :, None, None]
    torch.testing.assert_close(view.contents.b, 3 * b)
    torch.testing.assert_close(view.identity.a[0], 11 * 2 * a + s_a)
    fake_b = 13 * 2 * a + r_b
    torch.testing.assert_close(view.fake.b, fake_b)
    torch.testing.assert_close(view.recovered_contents.a, 3 * fake_b)
    torch.testing.assert_close(view.recovered_styles.b, 7 * fake_b.mean((2, 3)))
    torch.testing.assert_close(view.cycled.a[0], 11 * 3 * fake_b + s_a)
    assert view.drawn.a.shape == (4, 1)
    assert not torch.equal(view.drawn.a, view.drawn.b)
    calls = [net.calls for nets in (pair.content, pair.style, pair.decoder) for net in nets]
    assert calls == [2, 2, 2, 2, 3, 3], "nothing twice"


@pytest.mark.parametrize(
    ("options", "size", "match"),
    [
        (SMALL, 18, "multiple of 4, at least 8"),
        (MunitOptions(width=4), 12, "12 x 12 to halve 4 times for the style"),
    ],
)
def test_sizes_that_cannot_be_halved_are_refused(options, size, match):
    with pytest.raises(InputError, match=match):
        made(options, size)


@pytest.mark.parametrize("size", [28, 32, 96])
def test_the_sizes_that_our_data_have(size):
    net = made(MunitOptions(width=4, blocks=1), size).into.a
    assert net(uniform(1, 3, size, size), None, uniform(1, 8)).shape == (1, 3, size, size)


@pytest.mark.parametrize("strict", [False, True])
def test_contract(strict):
    (offer,) = module.translators()
    options = MunitOptions(width=4, blocks=1, style_size=2, style_downs=2, strict=strict)
    check_translator(offer, here=PIXELS, deeper=None, image=ImageSpec(8), options=options, export=False)


def test_onnx_parity_at_batch_1_and_3():
    net = Deepest(moved(made().into.b))
    require_exports(net, lambda b: (uniform(b, 3, 16, 16, seed=b), uniform(b, 2, seed=b + 9)), "munit")
