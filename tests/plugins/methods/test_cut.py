import math

import pytest
import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional as F

from crosscade.framework import ImageSpec, InputError, Pair
from crosscade.framework.testing.checks import check_loss, check_translator
from crosscade.framework.testing.tools import Deepest, require_exports, uniform
from crosscade.framework.testing.views import view_of
from crosscade.plugins.methods import cut
from crosscade.plugins.methods.cut import (
    BlurredDown,
    BlurredUp,
    CutOptions,
    CutPair,
    PatchNce,
    PatchNceOptions,
    patch_nce,
)
from tests.plugins.methods.baselines import PIXELS, run, small, translated

(TRANSLATOR,) = cut.translators()
(LOSS,) = cut.losses()
TINY = CutOptions(width=4, blocks=2, embedding=32, patches=7)
SIZE = ImageSpec(16)


def pair(options=TINY):
    torch.manual_seed(0)
    return CutPair(options, here=PIXELS, image=SIZE)


def view(made, seed=0):
    features = Pair(*uniform(2, 3, 3, 16, 16, seed=seed))
    return view_of(made, 0, features)


def test_contrast_by_hand():
    query = F.normalize(torch.tensor([[[1.0, 0.0], [0.0, 1.0]]]), dim=2)
    key = F.normalize(torch.tensor([[[1.0, 0.0], [1.0, 1.0]]]), dim=2)
    # cosines: query 0 has (1, 0.707), query 1 has (0, 0.707); its own is on the diagonal
    own = [-math.log(math.exp(2 * c) / (math.exp(2 * c) + math.exp(2 * other))) for c, other in
           ((1, math.sqrt(0.5)), (math.sqrt(0.5), 0))]  # fmt: skip
    assert patch_nce(query, key, 0.5).item() == pytest.approx(sum(own) / 2, rel=1e-5)


def test_terms_are_means_over_the_maps_and_halved_with_the_identity():
    def same(value):  # all patches alike: chance, log P
        return Pair([(torch.ones(1, value, 4), torch.ones(1, value, 4))] * 2, [(torch.ones(1, 3, 4),) * 2] * 5)

    class View:
        patches, identity_patches = same(2), same(8)

    terms = PatchNce(PatchNceOptions()).terms(View)
    assert terms["nce"].item() == pytest.approx((math.log(2) + math.log(3)) / 2)
    assert terms["nce-identity"].item() == pytest.approx((math.log(8) + math.log(3)) / 2)
    alone = PatchNce(PatchNceOptions(identity=False)).terms(View)
    assert {k: v.item() for k, v in alone.items()} == {"nce": pytest.approx(math.log(2) + math.log(3))}


def test_patches_are_unit_vectors_of_the_same_places_and_keys_are_without_gradient():
    made = view(pair())
    for compared in made.patches:
        assert len(compared) == 5  # the image, two halvings, blocks 1 and 2
        for query, key in compared:
            assert query.shape == key.shape == (3, 7, 32)
            torch.testing.assert_close(query.norm(dim=2), torch.ones(3, 7))
            assert query.requires_grad
            assert not key.requires_grad


def test_the_maps_are_the_published_ones():
    net = pair(CutOptions(width=4, blocks=6)).into.a
    shapes = [tuple(m.shape[1:]) for m in net.encode(uniform(1, 3, 16, 16), 5)]
    assert shapes[:3] == [(3, 16, 16), (8, 8, 8), (16, 4, 4)]
    assert shapes[3:] == [(16, 4, 4)] * 5


def test_a_pair_that_copies_is_told_apart_from_one_that_shuffles():
    """Patches that stay where they were cost less than the same patches elsewhere."""
    embedding, x = nn.Identity(), uniform(1, 8, 4, 4)
    places = torch.arange(16)
    key = cut._embedded(embedding, x, places)
    stay, elsewhere = (patch_nce(cut._embedded(embedding, y, places), key, 0.07) for y in (x, x.flip(3)))
    assert stay < 0.2 < 5 < elsewhere


def test_each_direction_learns_by_itself():
    made = pair()
    a, _ = (torch.stack([patch_nce(q, k, 0.07) for q, k in maps]).mean() for maps in view(made).patches)
    a.backward()
    assert any(p.grad is not None for p in made.into_a.parameters())
    assert any(p.grad is not None for p in made.embed_a.parameters())
    assert all(p.grad is None for m in (made.into_b, made.embed_b) for p in m.parameters())


def test_down_and_up_are_convolution_and_blur():
    x = uniform(2, 5, 8, 8)
    down, up = BlurredDown(5, 4), BlurredUp(5, 4)
    taps = torch.tensor([1.0, 2.0, 1.0])
    kernel = (taps[:, None] * taps / 16).expand(4, 1, 3, 3)
    full = F.pad(F.conv2d(x, down.conv.weight, down.conv.bias, padding=1), (1,) * 4, mode="reflect")
    torch.testing.assert_close(down(x), F.conv2d(full, kernel, stride=2, groups=4))
    taps = torch.tensor([1.0, 3.0, 3.0, 1.0])
    kernel = (taps[:, None] * taps / 16).expand(5, 1, 4, 4)
    doubled = F.conv_transpose2d(F.pad(x, (1,) * 4, mode="replicate"), kernel, stride=2, padding=3, groups=5)
    torch.testing.assert_close(up(x), F.conv2d(doubled, up.conv.weight, up.conv.bias, padding=1))


@pytest.mark.parametrize(("strict", "deviation"), [(False, 0.02), (True, 0.02 * math.sqrt(2 / (9 * 512)))])
def test_initial_weights(strict, deviation):
    made = CutPair(CutOptions(blocks=1, strict=strict), here=PIXELS, image=SIZE)
    assert made.into_a.blocks[0].first.weight.std().item() == pytest.approx(deviation, rel=0.02)
    assert made.embed_a[0][2].weight.std().item() == pytest.approx(0.02, rel=0.05)


def test_a_map_that_cannot_be_halved_twice_is_refused():
    with pytest.raises(InputError, match="translator cut at level 0: found a map of 30 x 30"):
        CutPair(TINY, here=PIXELS, image=ImageSpec(30))


def test_translator_contract():
    check_translator(TRANSLATOR, here=PIXELS, deeper=None, image=SIZE, options=TINY, export=False)


def test_onnx_parity_at_batch_1_and_3():
    require_exports(Deepest(pair().into.a), lambda b: (uniform(b, 3, 16, 16, seed=b),), "cut")


@pytest.mark.parametrize("identity", [True, False])
def test_loss_contract(identity):
    made = pair()
    check_loss(LOSS, here=PIXELS, options=PatchNceOptions(identity=identity), view=view(made), networks=made.into)


def test_the_recipe_trains_embeddings_and_ships_generators_only(tmp_path):
    recipe = small(
        "cut", "translate[0].translator.width=4", "translate[0].translator.blocks=1", "translate[0].losses[0].width=4"
    )
    out = run(recipe, tmp_path / "run")
    images, made = translated(out)
    assert made.shape == images.shape
    assert not torch.equal(made, images)
    shipped = load_file(out / "bundle" / "a2b" / "level0.safetensors")
    assert {name.split(".")[0] for name in shipped} == {"entry", "exit", "downs", "blocks", "ups"}
