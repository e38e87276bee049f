import pytest
import torch
from torch import nn
from torch.nn import functional as F

from crosscade.framework import ImageSpec, InputError, LevelSpec, Pair
from crosscade.framework.testing.checks import check_translator
from crosscade.framework.testing.tools import Deepest, moved, require_exports, uniform
from crosscade.framework.testing.views import view_of
from crosscade.plugins.methods.drit import translator as module
from crosscade.plugins.methods.drit.networks import (
    AttributePosterior,
    ConcatDecoder,
    MixDecoder,
    SharedContent,
    sampled,
)
from crosscade.plugins.methods.drit.translator import Drit, DritOptions

PIXELS = LevelSpec(0, "pixels", 3, 1)
SMALL = {"width": 4, "blocks": 1, "style_size": 2, "style_downs": 2}
BOTH = pytest.mark.parametrize("variant", ["concat", "mix"])


def made(size=16, **options):
    return Drit(DritOptions(**{**SMALL, **options}), here=PIXELS, image=ImageSpec(size))


def count(module):
    return sum(p.numel() for p in module.parameters())


def conv(ins, outs, kernel):
    return kernel * kernel * ins * outs + outs


def linear(ins, outs):
    return ins * outs + outs


BLOCK = 2 * conv(256, 256, 3)
CONTENT = conv(3, 64, 7) + conv(64, 128, 3) + conv(128, 256, 3) + 3 * BLOCK


def published(variant):
    return Drit(DritOptions(variant=variant, strict=True), here=PIXELS, image=ImageSpec(216))


def test_the_published_sizes_of_the_concatenating_variant():
    pair = published("concat")
    assert count(pair.content_a) == CONTENT
    assert count(pair.shared) == count(pair.bridge) == BLOCK
    shrinking = sum(conv(i, i, 3) + conv(i, o, 3) + conv(i, o, 1) for i, o in ((64, 128), (128, 192), (192, 256)))
    assert count(pair.attribute_b) == conv(3, 64, 4) + shrinking + 2 * linear(256, 8)
    ups = conv(272, 136, 3) + 2 * 136 + conv(144, 72, 3) + 2 * 72
    assert count(pair.decoder_a) == 6 * conv(264, 264, 3) + ups + conv(80, 3, 1)
    assert count(pair) == 21_270_982


def test_the_published_sizes_of_the_mixing_variant():
    pair = published("mix")
    assert count(pair.content_a) == CONTENT
    assert (count(pair.shared), count(pair.bridge)) == (BLOCK, 0)
    code = sum(map(conv, (3, 64, 128, 256, 256), (64, 128, 256, 256, 256), (7, 4, 4, 4, 4))) + linear(256, 8)
    assert count(pair.attribute_a) == code
    mix = BLOCK + 2 * (conv(512, 512, 1) + conv(512, 256, 1))
    ups = conv(256, 128, 3) + 2 * 128 + conv(128, 64, 3) + 2 * 64
    style = linear(8, 256) + linear(256, 256) + linear(256, 4 * 256)
    assert count(pair.decoder_b) == 4 * mix + ups + style + conv(64, 3, 1)
    assert count(pair) == 31_694_358


def test_the_published_start():
    torch.manual_seed(0)
    pair = made(width=32, style_downs=3)
    for layer in pair.modules():
        if isinstance(layer, nn.Conv2d) and layer.weight.numel() > 20_000:
            assert layer.weight.std().item() == pytest.approx(0.02, rel=0.05)


@BOTH
def test_the_domains_share_a_content_space_and_nothing_else(variant):
    pair = made(variant=variant)
    a, b = pair.into
    assert a.shared is b.shared is pair.shared
    assert a.bridge is b.bridge
    assert (b.content, b.attribute, b.decoder) == (pair.content_a, pair.attribute_b, pair.decoder_b)
    own = [{id(p) for p in net.parameters()} for net in (a, b)]
    assert own[0] & own[1] == {id(p) for m in (pair.shared, pair.bridge) for p in m.parameters()}
    assert len(pair.state_dict()) == sum(1 for _ in pair.parameters()), "a checkpoint holds what is shared once"


@BOTH
def test_the_content_is_noisy_while_training_only(variant):
    pair, x = made(variant=variant), uniform(2, 3, 16, 16)
    content = pair.content_a(x)
    noise = pair.shared(content) - pair.shared.block(content)
    assert noise.std().item() == pytest.approx(1.0, abs=0.1)
    pair.eval()
    assert torch.equal(pair.shared(content), pair.shared.block(content))
    assert isinstance(pair.shared, SharedContent)


def beside(x, style):
    return torch.cat([x, style[:, :, None, None].expand(-1, -1, *x.shape[2:])], 1)


def test_the_concatenating_decoder_sees_the_attribute_at_four_depths():
    net = moved(ConcatDecoder(3, 4, 2, 1, 2, strict=True, init="normal"))
    content, style = uniform(2, 16, 4, 4), uniform(2, 2)
    h = beside(net.blocks(beside(content, style)), style)
    for up in net.ups:
        h = up.up(h)
        h = F.layer_norm(h, h.shape[1:]) * up.norm.weight[:, None, None] + up.norm.bias[:, None, None]
        h = beside(F.relu(h), style)
    assert h.shape == (2, (20 // 2 + 2) // 2 + 2, 16, 16)
    torch.testing.assert_close(net(content, style), torch.tanh(net.last(h)), atol=1e-3, rtol=1e-3)


def test_the_mixing_decoder_by_hand():
    net = moved(MixDecoder(3, 4, 0, 2, 2, strict=True, init="normal"))
    content, style = uniform(2, 4, 6, 6), uniform(2, 2)
    h = content
    for block, numbers in zip(net.blocks, net.style(style).split(4, dim=1)):
        x = h
        for convolution, mix in zip(block.convs, block.mixes):
            h = mix(beside(F.instance_norm(convolution[0](h)), numbers))
        h = x + h
    torch.testing.assert_close(net(content, style), torch.tanh(net.last(h)), atol=1e-4, rtol=1e-4)


def test_attributes_are_drawn_from_their_posterior():
    torch.manual_seed(0)
    posterior = {"mean": torch.tensor([[2.0, -1.0]]), "log_variance": torch.tensor([[0.0, -4.0]])}
    drawn = torch.cat([sampled(posterior) for _ in range(4000)])
    torch.testing.assert_close(drawn.mean(0), torch.tensor([2.0, -1.0]), atol=0.06, rtol=0)
    torch.testing.assert_close(drawn.std(0), torch.tensor([1.0, 0.135]), atol=0.03, rtol=0)
    assert sampled({"mean": posterior["mean"]}) is posterior["mean"]
    net = AttributePosterior(3, 4, 2, 2, "normal")
    assert {k: v.shape for k, v in net(uniform(3, 3, 8, 8)).items()} == {"mean": (3, 2), "log_variance": (3, 2)}


class Content(nn.Module):
    def __init__(self, times):
        super().__init__()
        self.times = times

    def forward(self, x):
        return self.times * x


class Attribute(Content):
    """A code without a variance."""

    def __init__(self, times):
        super().__init__(times)
        self.weight = nn.Parameter(torch.tensor(1.0))

    def forward(self, x):
        return {"mean": self.weight * self.times * x.mean((2, 3))}


class Decoder(Content):
    def forward(self, content, style):
        return self.times * content + style[:, :1, None, None]


def test_the_view_is_the_equations():
    """E_A = 2 x, E_B = 3 x, then 5 x for both; A = 7, 11 times the mean; G_A = 13 * 17 c + s, G_B = 13 * 19 c + s."""
    pair = made(style_size=1)
    pair.content_a, pair.content_b, pair.shared = Content(2), Content(3), Content(5)
    pair.attribute_a, pair.attribute_b, pair.bridge = Attribute(7), Attribute(11), Content(13)
    pair.decoder_a, pair.decoder_b = Decoder(17), Decoder(19)
    features = Pair(uniform(4, 1, 3, 3, seed=1), uniform(4, 1, 3, 3, seed=2))
    view = view_of(pair, 0, features)
    a, b = features

    def mean(x):
        return x.mean((2, 3), keepdim=True)

    def maps(style):
        return style[:, :, None, None]

    torch.testing.assert_close(view.contents.b, 15 * b)
    torch.testing.assert_close(view.identity.a[0], 13 * 17 * 10 * a + 7 * mean(a))
    torch.testing.assert_close(view.fake.b, 13 * 19 * 10 * a + maps(view.drawn.b))
    torch.testing.assert_close(view.varied.b, 13 * 19 * 10 * a + maps(view.drawn_again.b))
    swapped = Pair(13 * 17 * 15 * b + 7 * mean(a), 13 * 19 * 10 * a + 11 * mean(b))
    torch.testing.assert_close(view.swapped.a, swapped.a)
    torch.testing.assert_close(view.swapped.b, swapped.b)
    torch.testing.assert_close(view.cycled.a[0], 13 * 17 * 15 * swapped.b + 7 * mean(swapped.a), rtol=1e-4, atol=1e-3)
    torch.testing.assert_close(view.recovered_styles.b, 11 * view.fake.b.mean((2, 3)))
    draws = [*view.drawn, *view.drawn_again]
    assert len({tuple(d.flatten().tolist()) for d in draws}) == 4, "four draws"


@BOTH
def test_latent_regression_teaches_no_attribute_encoder(variant):
    pair = made(variant=variant)
    features = Pair(uniform(2, 3, 16, 16, seed=1), uniform(2, 3, 16, 16, seed=2))
    view = view_of(pair, 0, features)
    a, b = view.recovered_styles.zip(lambda x, y: (x - y).abs().mean(), view.drawn)
    (a + b).backward()
    assert all(p.grad is None for net in pair.attribute for p in net.parameters())
    for net in (*pair.content, pair.shared, *pair.decoder):
        assert any(p.grad is not None and p.grad.any() for p in net.parameters())


def test_sizes_that_cannot_be_halved_are_refused():
    with pytest.raises(InputError, match=r"translator drit at level 0.*multiple of 4, at least 8"):
        made(18)


@BOTH
@pytest.mark.parametrize("strict", [False, True])
def test_contract(variant, strict):
    (offer,) = module.translators()
    options = DritOptions(variant=variant, strict=strict, **SMALL)
    check_translator(offer, here=PIXELS, deeper=None, image=ImageSpec(8), options=options, export=False)


@BOTH
def test_onnx_parity_at_batch_1_and_3(variant):
    net = Deepest(moved(made(variant=variant).into.b))
    require_exports(net, lambda b: (uniform(b, 3, 16, 16, seed=b), uniform(b, 2, seed=b + 9)), "drit")
