import pytest
import torch
from torch import nn
from torch.nn import functional as F

from crosscade.framework import ImageSpec, InputError, Pair
from crosscade.framework.testing.checks import check_loss, check_translator
from crosscade.framework.testing.tools import Deepest, require_exports, uniform
from crosscade.plugins.layers.critics import PatchCritic
from crosscade.plugins.layers.norms import InstanceNorm
from crosscade.plugins.methods import cyclegan
from crosscade.plugins.methods.cyclegan import ResnetGenerator, ResnetOptions, build
from tests.plugins.methods.baselines import CATALOGUE, IMAGE, PIXELS

(OFFER,) = cyclegan.translators()
TINY = ResnetOptions(width=4, blocks=2)
LSGAN = CATALOGUE.get("loss", "lsgan")
CRITIC = {"critic": "patchgan", "strided": 3, "norm": "instance"}


def count(module):
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize("strict", [False, True])
def test_at_256_px_it_has_the_published_parameters(strict):
    pair = build(ResnetOptions(strict=strict), here=PIXELS, image=ImageSpec(256))
    net = pair.into.a
    assert count(pair) == 2 * 11_378_179  # 22.76 M
    assert [count(m) for m in (net.entry, *net.downs)] == [9_472, 73_856, 295_168]
    assert [count(b) for b in net.blocks] == [1_180_160] * 9
    assert [count(m) for m in (*net.ups, net.exit)] == [295_040, 73_792, 9_411]
    assert len(build(ResnetOptions(), here=PIXELS, image=ImageSpec(128)).into.a.blocks) == 6


def test_the_critic_is_the_published_one_and_its_logits_see_70_pixels():
    critic = PatchCritic(3, 256, 64, strided=3, norm="instance", published=True)
    assert 2 * count(critic) == 5_529_474  # 5.53 M
    assert critic(torch.zeros(1, 3, 256, 256)).shape == (1, 1, 30, 30)
    assert [type(layer).__name__ for layer in critic.layers[:5]] == [
        "Conv2d", "LeakyReLU", "Conv2d", "InstanceNorm", "LeakyReLU",
    ]  # fmt: skip
    plain = PatchCritic(3, 256, 4, strided=3, norm="none", published=True)  # norms see the whole map
    x = torch.zeros(1, 3, 256, 256, requires_grad=True)
    plain(x)[0, 0, 15, 15].backward()
    rows = x.grad.abs().sum((0, 1, 3)).nonzero()
    assert int(rows.max() - rows.min()) + 1 == 70


def test_initial_weights_are_normal_of_deviation_0_02():
    net = build(ResnetOptions(), here=PIXELS, image=IMAGE).into.a
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            assert module.weight.std().item() == pytest.approx(0.02, rel=0.05)
            assert not module.bias.any()


def reference(net, x):
    """The network written once more with the library's layers."""

    def norm(h):
        return F.relu(F.instance_norm(h))

    def conv(h, layer, pad):
        return F.conv2d(F.pad(h, (pad,) * 4, mode="reflect"), layer.weight, layer.bias)

    h = norm(conv(x, net.entry, 3))
    for down in net.downs:
        h = norm(F.conv2d(h, down.weight, down.bias, stride=2, padding=1))
    for block in net.blocks:
        h = h + F.instance_norm(conv(norm(conv(h, block.first, 1)), block.second, 1))
    for up in net.ups:
        if isinstance(up, nn.ConvTranspose2d):
            h = norm(F.conv_transpose2d(h, up.weight, up.bias, stride=2, padding=1, output_padding=1))
        else:
            h = norm(F.conv2d(F.interpolate(h, scale_factor=2), up.conv.weight, up.conv.bias, padding=1))
    return torch.tanh(conv(h, net.exit, 3))


@pytest.mark.parametrize("strict", [False, True])
def test_it_computes_what_the_paper_says(strict):
    net = ResnetGenerator(3, 4, 2, up=cyclegan.transposed if strict else cyclegan.Resize)
    for parameter in net.parameters():
        parameter.data = parameter.data * 5 + 0.01
    x = uniform(2, 3, 16, 16)
    torch.testing.assert_close(net(x), reference(net, x), rtol=1e-4, atol=1e-4)


def test_instance_norm_is_the_library_s_with_its_gradients():
    x, upstream = uniform(2, 5, 6, 6, seed=1), uniform(2, 5, 6, 6, seed=2)
    for affine in (False, True):
        norm, theirs = InstanceNorm(5, affine), nn.InstanceNorm2d(5, affine=affine)
        if affine:
            norm.weight.data = theirs.weight.data = uniform(5, seed=3)
        one, other = x.clone().requires_grad_(True), x.clone().requires_grad_(True)
        y, z = norm(one), theirs(other)
        y.backward(upstream), z.backward(upstream)
        torch.testing.assert_close(y, z)
        torch.testing.assert_close(one.grad, other.grad)
        for p, q in zip(norm.parameters(), theirs.parameters()):
            torch.testing.assert_close(p.grad, q.grad)


def test_a_map_that_cannot_be_halved_twice_is_refused():
    with pytest.raises(InputError, match="a map of 30 x 30; expected a multiple of 4"):
        build(TINY, here=PIXELS, image=ImageSpec(30))


@pytest.mark.parametrize("strict", [False, True])
def test_translator_contract(strict):
    options = ResnetOptions(width=4, blocks=1, strict=strict)
    check_translator(OFFER, here=PIXELS, deeper=None, image=ImageSpec(16), options=options, export=False)


def test_onnx_parity_at_batch_1_and_3():
    require_exports(Deepest(ResnetGenerator(3, 4, 1)), lambda b: (uniform(b, 3, 16, 16, seed=b),), "cyclegan")


def test_loss_contract():
    check_loss(LSGAN, here=PIXELS, image=ImageSpec(32), options=LSGAN.options(**CRITIC, width=4, pool=3))


def test_the_critic_sees_the_pool_and_the_generators_their_own():
    loss = LSGAN.make(LSGAN.options(**CRITIC, width=4, pool=2), here=PIXELS, image=ImageSpec(32), encoder=None)

    class View:
        real, fake = Pair(*uniform(2, 2, 3, 32, 32)), Pair(*uniform(2, 2, 3, 32, 32, seed=1))

    def of_fakes(a, b):  # MSE to 1 and to 0, by hand
        return sum(
            (d(r) - 1).square().mean() + d(f).square().mean() for d, r, f in zip(loss.critics, View.real, (a, b))
        )

    torch.testing.assert_close(loss.critic_terms(View, 0)["critic"], of_fakes(*View.fake))
    old, View.fake = View.fake, Pair(*uniform(2, 2, 3, 32, 32, seed=2))
    torch.manual_seed(3)
    shown = loss.critic_terms(View, 1)["critic"]
    assert not torch.isclose(shown, of_fakes(*View.fake))
    own = sum((d(f) - 1).square().mean() for d, f in zip(loss.critics, View.fake))
    torch.testing.assert_close(loss.terms(View)["adversarial"], own)
    assert any(not torch.equal(x, y) for x, y in zip(loss.pool_a.images, old.a)), "an old fake was exchanged"


@pytest.mark.parametrize(
    ("options", "found"),
    [({"pool": 5, "critic": "projected"}, "which sees features"), ({**CRITIC, "r1": 1.0}, "no second derivative")],
)
def test_options_that_do_not_go_together_are_refused(options, found):
    with pytest.raises(InputError, match=found):
        LSGAN.make(LSGAN.options(**options), here=PIXELS, image=IMAGE, encoder=None)
