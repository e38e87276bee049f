"""What losses read is what the equations say, computed at most once, and not at all when nobody asks."""

import pytest
import torch
from attrs import evolve
from torch import nn

from crosscade.framework import InputError, InversionView, Pair, RefineView, TranslationView, Twins, by_level
from crosscade.framework.encoder import at_level
from crosscade.framework.features.normalise import Normalise
from crosscade.framework.testing.tools import TinyEncoder, uniform
from crosscade.framework.testing.views import view_of
from crosscade.framework.views import View


class Net(nn.Module):
    """times * features + deeper, and a count of calls."""

    def __init__(self, times: float) -> None:
        super().__init__()
        self.times, self.calls = nn.Parameter(torch.tensor(times)), 0

    def forward(self, features, deeper=None):
        self.calls += 1
        return self.times * features + (0 if deeper is None else deeper)


class Enlarge(Net):
    """To an image of four times the side."""

    def forward(self, features):
        self.calls += 1
        return (self.times * features[:, :3]).repeat_interleave(4, 2).repeat_interleave(4, 3)


class Counted(TinyEncoder):
    """An encoder that counts its runs."""

    calls = 0

    def forward(self, images, levels):
        self.calls += 1
        return super().forward(images, levels)


def maps(*shape, seed):
    return Pair(uniform(*shape, seed=seed), uniform(*shape, seed=seed + 1))


@pytest.fixture
def view():
    """G_A(x, d) = 2 x + d, G_B(x, d) = 3 x + d; condition (a_{i+1}, b_{i+1}), translated (a~_{i+1}, b~_{i+1})."""
    return view_of(Twins(Net(2.0), Net(3.0)), 7, *(maps(4, 5, 6, 6, seed=s) for s in (1, 3, 5)))


def test_section_3s_conditions(view):
    a, b = view.real
    (deep_a, deep_b), (moved_a, moved_b) = view._condition, view._translated
    torch.testing.assert_close(view.fake.b, 3 * a + moved_b)  # G_B(a_i, b~_{i+1})
    torch.testing.assert_close(view.fake.a, 2 * b + moved_a)
    torch.testing.assert_close(view.cycled.a[7], 2 * (3 * a + moved_b) + deep_a)  # G_A(G_B(a_i, b~_{i+1}), a_{i+1})
    torch.testing.assert_close(view.cycled.b[7], 3 * (2 * b + moved_a) + deep_b)
    torch.testing.assert_close(view.identity.a[7], 2 * a + deep_a)  # G_A(a_i, a_{i+1})
    torch.testing.assert_close(view.identity.b[7], 3 * b + deep_b)
    assert (view.real.a, view.real.b) == (view.features.a[7], view.features.b[7])


def test_at_the_deepest_level_there_is_no_condition():
    view = view_of(Twins(Net(2.0), Net(3.0)), 7, maps(4, 5, 6, 6, seed=1))
    torch.testing.assert_close(view.cycled.a[7], 6 * view.real.a)


def test_the_encoder_goes_on_from_translated_features_to_deeper_ones():
    encoder, images = TinyEncoder(), maps(4, 3, 16, 16, seed=1)
    raw = images.map(lambda x: encoder(x, (1, 2, 3)))
    normalise = Pair(*(Normalise({1: x[1].mean((0, 2, 3))}, {1: x[1].std((0, 2, 3))}, 9.0) for x in raw))
    own = normalise.zip(lambda normalise, x: normalise.one(1, x[1]), raw)
    about = {"normalise": normalise, "encoder": encoder, "encode_levels": (1, 3)}
    view = view_of(Twins(Net(2.0), Net(0.5)), 1, own, **about)
    for found, expected in zip(view.encoded_real, raw):  # nothing was clamped
        assert set(found) == {1, 3}
        torch.testing.assert_close(found[3], expected[3])
        assert not found[3].requires_grad
    fake = normalise.b.raw(1, 0.5 * own.a)  # in the domain that it is in now
    torch.testing.assert_close(view.encoded_fake.b[3], encoder.continued(fake, 1, (3,))[3])
    assert view.encoded_fake.b[3].requires_grad
    assert view_of(Twins(Net(2.0), Net(0.5)), 1, own).encoded_fake == Pair({}, {}), "no loss wants a level"


def test_nothing_is_computed_before_it_is_asked_for_and_nothing_twice(view):
    calls = lambda: [net.calls for net in view._pair.into]  # noqa: E731
    assert (view.real is view.real, calls()) == (True, [0, 0])
    assert (view.fake is view.fake, calls()) == (True, [1, 1])
    assert (view.cycled is view.cycled, calls()) == (True, [2, 2]), "the cycle reuses what was translated"
    assert (view.identity is view.identity, calls()) == (True, [3, 3])


def test_critics_see_the_same_numbers_without_the_way_to_the_translators(view):
    detached = view.detached()
    assert torch.equal(detached.fake.a, view.fake.a)
    assert not detached.fake.a.requires_grad
    assert view.fake.a.requires_grad
    assert [net.calls for net in view._pair.into] == [1, 1]
    with pytest.raises(AttributeError, match="reconstructed"):
        _ = detached.reconstructed


def test_inversion_encodes_both_domains_in_one_pass_and_only_what_is_asked():
    encoder = Counted()
    images, features = maps(4, 3, 32, 32, seed=1), maps(4, 12, 8, 8, seed=3)
    view = InversionView(
        inverters=Pair(Enlarge(1.0), Enlarge(2.0)), images=images, features=by_level({1: features}), encoder=encoder,
        encode_levels=(1, 2),
    )  # fmt: skip
    torch.testing.assert_close(view.fake.b[:, :, ::4, ::4], 2 * features.b[:, :3])
    assert encoder.calls == 0
    assert sorted(view.encoded_real.a) == [1, 2]
    assert encoder.calls == 1
    torch.testing.assert_close(view.encoded_real.b[2], encoder(images.b, [2])[2])
    assert not view.encoded_real.a[1].requires_grad
    assert view.encoded_fake.a[1].requires_grad
    assert view.detached().encoded_fake.a[1].requires_grad is False
    assert encoder.calls == 3


@pytest.fixture
def refine():
    """Levels 3 and 2 learn; level 4 is frozen. G_A3 = 2 x + d, G_B3 = 3 x + d, G_A2 = 5 x + d, G_B2 = 7 x + d."""
    into = {3: Pair(Net(2.0), Net(3.0)), 2: Pair(Net(5.0), Net(7.0))}
    levels = {3: maps(4, 5, 8, 8, seed=1), 2: maps(4, 5, 8, 8, seed=3)}
    frozen = maps(4, 5, 8, 8, seed=7)
    identity = Pair(Normalise({}, {}, 1.0), Normalise({}, {}, 1.0))
    return RefineView(
        into=into, inverters=Pair(Enlarge(1.0), Enlarge(1.0)), images=maps(4, 3, 32, 32, seed=5),
        features=by_level(levels), condition=maps(4, 5, 8, 8, seed=9), translated=frozen,
        frozen=frozen.map(lambda f: {4: f}), normalise=identity, encoder=Counted(), encode_levels=(1, 2), share=0.5,
    )  # fmt: skip


def test_refinement_chains_the_learning_levels_deep_to_shallow(refine):
    three, two = at_level(refine._features, 3), at_level(refine._features, 2)
    frozen, condition = refine._translated, refine._condition
    deep_b = 3 * three.a + frozen.b
    torch.testing.assert_close(refine.fake_features.b[3], deep_b)
    torch.testing.assert_close(refine.fake_features.b[2], 7 * two.a + deep_b)
    torch.testing.assert_close(refine.fake.b[:, :, ::4, ::4], (7 * two.a + deep_b)[:, :3])
    torch.testing.assert_close(refine.identity.a[3], (2 * three.a + condition.a)[:2])
    torch.testing.assert_close(refine.identity.a[2], (5 * two.a + 2 * three.a + condition.a)[:2])


class Masked(Enlarge):
    """With a foreground map of its own tone."""

    masked = True

    def __init__(self, times, tone):
        super().__init__(times)
        self.tone = tone

    def with_mask(self, features):
        image = self(features)
        return image, torch.full_like(image[:, :1], self.tone)


def test_outside_of_the_foreground_map_a_translation_is_its_source(refine):
    plain = refine.fake
    masked = evolve(refine, inverters=Pair(Masked(1.0, 0.25), Masked(1.0, 0.0)))
    torch.testing.assert_close(masked.fake.a, 0.25 * plain.a + 0.75 * refine.images.b)
    assert torch.equal(masked.fake.b, refine.images.a)
    assert torch.equal(masked.mask.a, torch.full((4, 1, 32, 32), 0.25))
    assert torch.equal(masked.reconstructed.a, refine.reconstructed.a), "a reconstruction is whole"
    with pytest.raises(InputError, match="foreground map: found an inverter that gives none"):
        _ = refine.mask


def test_the_change_is_the_deepest_levels(refine):
    moved, source = refine._frozen.b[4], refine._condition.a
    torch.testing.assert_close(refine.change.b, (moved - source).abs().mean(1, keepdim=True))


def test_refinement_reconstructs_a_share_and_is_held_to_deeper_levels_only(refine):
    assert len(refine.reconstructed.a) == len(refine.features.a[3]) == 2
    assert len(refine.fake.a) == 4
    held = refine.translations.b
    assert sorted(held) == [3, 4], "not the shallowest"
    assert torch.equal(held[4], refine._frozen.b[4])
    assert torch.equal(held[3], refine.fake_features.b[3])
    assert not held[3].requires_grad, "the image follows the features, not they the image"


def test_the_deepest_learning_level_goes_there_and_back_on_the_reconstructed_rows(refine):
    three, condition = at_level(refine._features, 3), refine._condition
    assert list(refine.cycled.a) == [3]
    torch.testing.assert_close(refine.cycled.a[3], (2 * (3 * three.a + refine._translated.b) + condition.a)[:2])
    assert refine.cycled.b[3].shape == refine.features.b[3].shape


def test_a_deepest_level_that_learns_is_held_to_what_it_had_decided(refine):
    earlier = maps(4, 5, 8, 8, seed=11)
    refine._frozen = earlier.map(lambda f: {3: f})
    assert torch.equal(refine.translations.a[3], earlier.a)


def test_what_a_view_gives_is_read_off_its_class(view, refine):
    assert TranslationView.gives() == {
        *("real", "fake", "features", "cycled", "identity"),
        *("encoded_real", "encoded_fake"),
    }
    more = {"images", "reconstructed", "encoded_real", "encoded_fake", "encoded_reconstructed"}
    assert InversionView.gives() == {"real", "fake", "features"} | more
    own = {"cycled", "identity", "fake_features", "translations", "normalise", "mask", "change"}
    assert RefineView.gives() == InversionView.gives() | own
    refine = evolve(refine, inverters=Pair(Masked(1.0, 0.5), Masked(1.0, 0.5)))
    assert all(isinstance(getattr(one, name), Pair) for one in (view, refine) for name in type(one).gives())

    class Strangers(View):
        depth: Pair[torch.Tensor]

        @property
        def edges(self):
            return self._edges

        def method(self):
            return self.depth

    assert Strangers.gives() == View.gives() | {"depth", "edges"}
