import pytest
import torch

from crosscade.framework import ImageSpec, InputError, LevelSpec
from crosscade.framework.testing.checks import check_translator
from crosscade.framework.testing.tools import require_exports, uniform
from crosscade.plugins.translators import adain as module
from crosscade.plugins.translators.adain import Adain, AdainOptions, build

LITERAL = AdainOptions(width=0, style_width=512, hidden=1000)
SMALL = AdainOptions(width=16, style_width=8, hidden=16)


def made(options, here, deeper, image):
    return build(options, here=here, deeper=deeper, image=ImageSpec(image)).into.a


@pytest.mark.parametrize(("number", "channels", "stride", "style"), [(4, 512, 8, 3), (3, 256, 4, 4)])
def test_literal_parameter_counts_are_tables_s2_and_s3(number, channels, stride, style):
    net = made(LITERAL, LevelSpec(number, "", channels, stride), LevelSpec(number + 1, "", 512, 2 * stride), 224)

    def conv(ins, outs, kernel=3):
        return kernel * kernel * ins * outs + outs

    parameters = 2 * (2 * 512 + channels)  # 3072 at level 4, 2560 at level 3: gaps table, row 14
    s2 = conv(channels, 512) + (style - 1) * conv(512, 512) + (4 * 4 * 512 + 1) * 1000 + 1001 * parameters
    s3 = 2 * conv(512, 512) + conv(512, channels, 4) + conv(channels, channels)
    assert net.to_parameters.out_features == parameters
    assert sum(isinstance(m, torch.nn.Conv2d) for m in net.style) == style
    assert sum(p.numel() for p in net.parameters()) == s2 + s3


@pytest.mark.parametrize("image", [224, 96, 64])
@pytest.mark.parametrize("upsample", ["transposed", "resize", "shuffle"])
def test_shapes(image, upsample):
    here, deeper = LevelSpec(3, "", 6, 8), LevelSpec(4, "", 10, 16)
    options = AdainOptions(width=16, style_width=8, hidden=16, upsample=upsample)
    n = image // 8
    y = made(options, here, deeper, image)(uniform(2, 6, n, n), uniform(2, 10, n // 2, n // 2))
    assert y.shape == (2, 6, n, n)


def test_zero_gain_starts_as_instance_norm_and_small_gain_near_it():
    net = made(AdainOptions(width=16, style_width=8, hidden=16, style_gain=0.0), *LEVELS, 96)
    assert all(not p.any() for p in net.parameters_of_style(uniform(2, 6, 12, 12)))


LEVELS = (LevelSpec(3, "", 6, 8), LevelSpec(4, "", 10, 16))


@pytest.mark.parametrize(("stride", "side", "layers"), [(8, 12, 3), (16, 6, 3), (32, 3, 4)])
def test_the_ratio_of_strides_is_derived(stride, side, layers):
    net = made(SMALL, LevelSpec(2, "", 6, 8), LevelSpec(4, "", 10, stride), 96)
    assert len(net.content) == layers
    assert net(uniform(1, 6, 12, 12), uniform(1, 10, side, side)).shape == (1, 6, 12, 12)


def test_noise_only_while_training():
    net = made(AdainOptions(width=16, style_width=8, hidden=16, noise=0.3), *LEVELS, 96)
    given = uniform(1, 6, 12, 12), uniform(1, 10, 6, 6)
    assert not torch.equal(net(*given), net(*given))
    net.eval()
    assert torch.equal(net(*given), net(*given))


@pytest.mark.parametrize(
    ("deeper", "match"),
    [(None, "deepest"), (LevelSpec(4, "", 10, 24), "a ratio of 1, 2, 4"), (LevelSpec(4, "", 10, 4), "ratio")],
)
def test_what_cannot_fit_is_refused(deeper, match):
    with pytest.raises(InputError, match=match):
        made(SMALL, LEVELS[0], deeper, 96)


def test_contract():
    (offer,) = module.translators()
    for pool in ("flatten", "mean"):
        check_translator(offer, options=AdainOptions(width=16, style_width=8, hidden=16, pool=pool), export=False)


def test_onnx_parity_at_batch_1_and_3():
    net = Adain(6, 12, 10, 1, AdainOptions(width=16, style_width=8, hidden=16, upsample="resize", style_gain=1.0))
    require_exports(net, lambda b: (uniform(b, 6, 12, 12, seed=b), uniform(b, 10, 6, 6, seed=b + 9)), "adain")
