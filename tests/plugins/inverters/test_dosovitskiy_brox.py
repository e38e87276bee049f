import pytest
import torch
from torch import nn
from torch.nn import functional as F

from crosscade.framework import ImageSpec, InputError, LevelSpec
from crosscade.framework.testing.checks import check_inverter
from crosscade.framework.testing.tools import require_exports, uniform
from crosscade.plugins.inverters import dosovitskiy_brox as module
from crosscade.plugins.inverters.dosovitskiy_brox import Inverter, InverterOptions
from crosscade.plugins.layers.blocks import Resize, Shuffle, initialise


def made(options, channels, stride, image):
    return Inverter(options, level=LevelSpec(3, "", channels, stride), image=ImageSpec(image))


@pytest.mark.parametrize(
    ("image", "stride", "size"), [(224, 16, 14), (224, 8, 28), (224, 4, 56), (96, 8, 12), (64, 4, 16)]
)
def test_doubles_up_to_the_image(image, stride, size):
    y = made(InverterOptions(width=8), 8, stride, image)(uniform(1, 8, size, size))
    assert y.shape == (1, 3, image, image)


@pytest.mark.parametrize(("channels", "stride", "last"), [(512, 16, 32), (512, 8, 64), (256, 4, 64), (64, 1, 64)])
def test_literal_parameter_count(channels, stride, last):
    net = made(InverterOptions(min_width=1), channels, stride, 224)
    expected, width = 3 * (9 * channels * channels + channels), channels
    while width > last:
        expected += 16 * width * (width // 2) + width // 2
        width //= 2
    assert width == last
    assert sum(p.numel() for p in net.parameters()) == expected + 9 * last * 3 + 3


def test_extra_convolutions_follow_their_doubling():
    net = made(InverterOptions(width=96, min_width=16, extra=(32, 0)), 24, 4, 96)
    assert [m.out_channels for m in net.layers if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)] == [
        96, 96, 96, 48, 32, 16, 3,
    ]  # fmt: skip
    with pytest.raises(InputError, match="at most 2"):
        made(InverterOptions(extra=(8, 8, 8)), 24, 4, 96)


@pytest.mark.parametrize("upsample", ["transposed", "resize", "shuffle"])
def test_starts_near_mid_grey(upsample):
    torch.manual_seed(0)
    y = made(InverterOptions(width=32, upsample=upsample), 24, 4, 96)(uniform(4, 24, 24, 24))
    assert y.mean().abs() < 0.2
    assert y.abs().quantile(0.99) < 0.8


def test_resize_is_nearest_and_a_3x3_convolution():
    layer, x = Resize(5, 3), torch.randn(2, 5, 4, 6)
    expected = F.conv2d(F.interpolate(x, scale_factor=2), layer.conv.weight, layer.conv.bias, padding=1)
    torch.testing.assert_close(layer(x), expected, atol=1e-5, rtol=1e-5)


def test_shuffle_starts_without_a_checkerboard():
    layer = Shuffle(5, 3)
    initialise(layer)
    y = layer(torch.randn(1, 5, 4, 4))
    assert torch.equal(y[:, :, ::2, ::2], y[:, :, 1::2, 1::2])
    assert torch.equal(y[:, :, ::2, ::2], y[:, :, ::2, 1::2])


def test_activations_keep_their_scale():
    torch.manual_seed(0)
    net = made(InverterOptions(width=64, min_width=64, upsample="transposed"), 64, 4, 96)
    deep = net.layers[:-1](torch.randn(2, 64, 24, 24))
    assert 0.5 < deep.square().mean().sqrt() < 2


def test_a_stride_that_is_no_power_of_two_is_refused():
    with pytest.raises(InputError, match="power of two"):
        made(InverterOptions(), 8, 12, 96)


def test_a_foreground_map_begins_with_nearly_all_of_the_image_and_leaves_the_image_as_it_is():
    torch.manual_seed(0)
    net, x = made(InverterOptions(width=32, mask=True), 24, 4, 96), uniform(2, 24, 24, 24)
    image, mask = net.with_mask(x)
    assert torch.equal(image, net(x))
    assert mask.shape == (2, 1, 96, 96)
    assert mask.mean() > 0.8
    assert mask.max() <= 1


def test_contract():
    (offer,) = module.inverters()
    check_inverter(offer, options=InverterOptions(width=16, upsample="shuffle"), export=False)


def test_onnx_parity_at_batch_1_and_3():
    net = made(InverterOptions(width=16, upsample="resize"), 8, 4, 32)
    require_exports(net, lambda b: (uniform(b, 8, 8, 8, seed=b),), "inverter")
