import pytest
import torch

from crosscade.framework import ImageSpec, InputError, LevelSpec
from crosscade.framework.testing.checks import check_translator
from crosscade.framework.testing.tools import Deepest as Alone
from crosscade.framework.testing.tools import require_exports, uniform
from crosscade.plugins.translators import deepest
from crosscade.plugins.translators.deepest import Block, Deepest, DeepestOptions, GroupNorm, build

LITERAL = DeepestOptions(width=512, residual=False)


def level(channels=16, stride=16):
    return LevelSpec(5, "deep", channels, stride)


def paddings(net):
    return [m.output_padding[0] for m in net.modules() if isinstance(m, torch.nn.ConvTranspose2d)]


@pytest.mark.parametrize(
    ("image", "expected"), [(224, [0, 1]), (448, [1, 1]), (96, [0, 1]), (64, [1, 1]), (128, [1, 1]), (80, [0, 0])]
)
def test_output_padding_follows_the_sizes_on_the_way_down(image, expected):
    size = image // 16
    net = build(DeepestOptions(width=16), here=level(), image=ImageSpec(image)).into.a
    assert paddings(net) == expected
    assert net(torch.zeros(2, 16, size, size), None).shape == (2, 16, size, size)


def test_literal_parameter_count_is_table_s1():
    def conv(ins, outs):
        return 9 * ins * outs + outs

    table = conv(512, 512) + conv(512, 256) + conv(256, 512) + conv(512, 256) + conv(256, 256) + conv(256, 512)
    norms = 2 * (256 + 512 + 256 + 256 + 512)
    net = Deepest(512, 14, LITERAL)
    assert sum(p.numel() for p in net.parameters()) == table + conv(512, 512) + norms
    assert [m.num_groups for m in net.modules() if isinstance(m, GroupNorm)] == [32] * 5


def test_the_skip_starts_near_the_identity_and_table_s1_does_not():
    x = uniform(4, 16, 6, 6)
    skip, literal = (Deepest(16, 6, DeepestOptions(width=32, residual=r)) for r in (True, False))
    assert (skip(x) - x).abs().mean() < 0.1
    assert (literal(x) - x).abs().mean() > 0.3


def test_features_at_the_clamp_keep_a_finite_gradient():
    x = torch.ones(1, 16, 6, 6, requires_grad=True)
    Deepest(16, 6, DeepestOptions(width=32))(x).sum().backward()
    assert x.grad.isfinite().all()


def test_the_two_directions_start_differently():
    pair = build(DeepestOptions(width=16), here=level(), image=ImageSpec(96)).into
    assert not torch.equal(next(pair.a.parameters()), next(pair.b.parameters()))


def test_group_norm_keeps_the_type_and_gives_each_group_four_channels():
    norm = GroupNorm(24, 32)
    assert norm.num_groups == 6
    assert norm(torch.rand(1, 24, 4, 4, dtype=torch.bfloat16)).dtype == torch.bfloat16


@pytest.mark.parametrize(("stride", "downs", "cure"), [(32, 2, "downs = 1"), (64, 1, "downs = 0")])
def test_a_map_too_small_is_refused_with_the_cure(stride, downs, cure):
    with pytest.raises(InputError, match=cure):
        build(DeepestOptions(width=16, downs=downs), here=level(stride=stride), image=ImageSpec(64))


def test_one_halving_fits_small_maps():
    build(DeepestOptions(width=16, downs=1), here=level(stride=32), image=ImageSpec(64))


def test_blocks_at_full_size_start_near_the_identity():
    x = uniform(4, 16, 6, 6)
    net = Deepest(16, 6, DeepestOptions(width=32, downs=0, blocks=3))
    assert sum(isinstance(m, Block) for m in net.modules()) == 3
    assert not paddings(net)
    assert (net(x) - x).abs().mean() < 0.1


@pytest.mark.parametrize("options", [{}, {"residual": False}, {"downs": 0}, {"downs": 1}])
def test_contract(options):
    (offer,) = deepest.translators()
    check_translator(offer, deeper=None, options=DeepestOptions(width=32, **options), export=False)


def test_onnx_parity_at_batch_1_and_3():
    net = Alone(Deepest(16, 7, DeepestOptions(width=32)))
    require_exports(net, lambda b: (uniform(b, 16, 7, 7, seed=b),), "deepest")
