from types import SimpleNamespace

import pytest
import torch

from crosscade.framework import InputError, Pair
from crosscade.framework.testing.checks import check_loss
from crosscade.framework.testing.tools import TinyEncoder
from crosscade.plugins.losses import consistency as module
from crosscade.plugins.losses.consistency import Cycle, FeatureConsistencyOptions, ForegroundOptions, Identity

OFFERS = {offer.name: offer for offer in module.losses()}


def full(value, dtype=torch.float32):
    return torch.full((2, 3, 4, 4), value, dtype=dtype)


def levels(a, b):
    return Pair({3: a}, {3: b})


@pytest.mark.parametrize(("loss", "name"), [(Cycle(), "cycled"), (Identity(), "identity")])
def test_the_mean_absolute_difference_summed_over_both_domains(loss, name):
    view = SimpleNamespace(**{name: levels(full(0.5), full(-1.0)), "features": levels(full(0.25), full(1.0))})
    (value,) = loss.terms(view).values()
    assert value.item() == pytest.approx(0.25 + 2.0)
    assert loss.needs == {name, "features"}


def test_differences_are_float32():
    view = SimpleNamespace(
        cycled=levels(full(1.0, torch.bfloat16), full(0.0)), features=levels(full(0.999), full(0.0, torch.bfloat16))
    )
    value = Cycle().terms(view)["cycle"]
    assert value.dtype == torch.float32
    assert value.item() == pytest.approx(0.001, rel=1e-3)


def test_the_foreground_is_where_the_deepest_level_changed_something():
    change = torch.zeros(1, 1, 6, 6)
    change[..., :3] = 1.0
    loss = OFFERS["foreground"].make(ForegroundOptions(share=(0.4, 0.6)))
    there, everywhere = torch.zeros(1, 1, 24, 24), torch.ones(1, 1, 24, 24)
    there[..., :12] = 1.0
    right = loss.terms(SimpleNamespace(mask=Pair(there, there), change=Pair(change, change)))["foreground"]
    wrong = loss.terms(SimpleNamespace(mask=Pair(everywhere, there), change=Pair(change, change)))["foreground"]
    assert right < 0.25
    assert wrong > right + 0.2
    assert loss.needs == {"mask", "change"}


class Tenth:
    """Normalises to a tenth."""

    def one(self, level, raw):
        return raw / 10


def consistency(**options):
    return OFFERS["feature-consistency"].make(FeatureConsistencyOptions(**options), encoder=TinyEncoder())


def view(**of_b):
    encoded = {1: full(9.0), 2: full(5.0), 3: full(1.0)}
    translations = {2: full(0.25), 3: full(0.5)}
    return SimpleNamespace(
        encoded_fake=Pair(encoded, encoded), normalise=Pair(Tenth(), Tenth()),
        translations=Pair(translations, {**translations, **of_b}),
    )  # fmt: skip


def test_levels_are_weighted_from_the_shallowest_translation():
    # level 2: |0.5 - 0.25|, level 3: |0.1 - 0.5|
    assert consistency().terms(view())["consistency"].item() == pytest.approx(2 * (1.0 * 0.25 + 0.5 * 0.4))
    assert consistency(weights=(2.0,)).terms(view())["consistency"].item() == pytest.approx(2 * 2 * (0.25 + 0.4))


def test_levels_can_be_chosen():
    loss = consistency(levels=(3,))
    assert loss.encodes == (3,)
    assert loss.terms(view())["consistency"].item() == pytest.approx(2 * 0.4)


def test_levels_that_are_not_translated_are_refused():
    with pytest.raises(InputError, match=r"levels \[1\]"):
        consistency(levels=(1, 2)).terms(view())
    with pytest.raises(InputError, match="level 9"):
        consistency(levels=(9,))


def test_the_translations_teach_nothing_and_the_image_learns():
    made = view()
    made.encoded_fake.b[2].requires_grad_(True)
    made.translations.b[2].requires_grad_(True)
    consistency().terms(made)["consistency"].backward()
    assert made.encoded_fake.b[2].grad is not None
    assert made.translations.b[2].grad is None


@pytest.mark.parametrize(
    ("name", "on"),
    [
        ("cycle", "translation"),
        ("identity", "translation"),
        ("identity", "refinement"),
        ("feature-consistency", "refinement"),
    ],
)
def test_contract(name, on):
    check_loss(OFFERS[name], on=on)
