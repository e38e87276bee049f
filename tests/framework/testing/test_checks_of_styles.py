"""The contract suite on translators with styles, and on pairs whose view or contract is not as it must be."""

import pytest
import torch
from torch import nn

from crosscade.framework import ImageSpec, LevelSpec, Pair, TranslationView, Twins
from crosscade.framework.testing import check_translator
from tests.framework.test_styles import Styled


class Mixed(Styled):
    """A sound one with something to learn."""

    def __init__(self):
        super().__init__()
        self.mix, self.scale = nn.Conv2d(8, 8, 1), nn.Linear(2, 8)

    def forward(self, features, deeper, style):
        return torch.tanh(self.mix(features) + self.scale(style)[:, :, None, None])


def twice(net, kind=Twins):
    return kind(net(), net())


class Deaf(Mixed):
    def forward(self, features, deeper, style):
        return super().forward(features, deeper, 0 * style)


class Shared(Mixed):
    def style_of(self, features):
        return super().style_of(features - features.mean(0))


class Longer(Mixed):
    def style_of(self, features):
        return super().style_of(features).repeat(1, 2)


class Empty(TranslationView):
    contents: Pair[torch.Tensor]


class Boastful(Twins):
    """Says that its view has contents."""

    view = Empty


class Flat(TranslationView):
    @property
    def cycled(self):
        return self.fake


class Flattened(Twins):
    view = Flat


def check(pair, export=False):
    check_translator(pair, here=LevelSpec(1, "one", 8, 4), deeper=None, image=ImageSpec(32), export=export)


def test_a_sound_multimodal_translator_passes():
    check(twice(Mixed), export=True)


@pytest.mark.parametrize(
    ("pair", "sentence"),
    [
        (twice(Deaf), "no finite gradient reaches input 1"),
        (twice(Shared), r"style_of into\.a: row 0 of a batch"),
        (twice(Longer), r"style_of into\.a: gives \(3, 4\), expected \(3, 2\)"),
        (twice(Mixed, Boastful), "its view cannot give contents: AttributeError"),
        (twice(Mixed, Flattened), r"cycled of its view is no map by level, expected \{1: \(2, 8, 8, 8\)\}"),
    ],
)
def test_a_planted_defect_is_named(pair, sentence):
    with pytest.raises(AssertionError, match=sentence):
        check(pair)


@pytest.mark.parametrize(
    ("former", "line"),
    [
        ({"offers": frozenset({"fake"})}, "`offers`; expected `view`, the class of its view"),
        ({"view": lambda self, features, condition, translated: None}, "a method `view`; expected `view`, the class"),
        ({"remember": lambda self, features: None}, "`remember`; expected `calibrate`"),
    ],
)
def test_a_pair_of_the_former_contract_is_told_the_new_names(former, line):
    pair = twice(Mixed, type("Former", (Twins,), former))
    with pytest.raises(AssertionError, match=f"translator pair Former: found {line}"):
        check(pair)
