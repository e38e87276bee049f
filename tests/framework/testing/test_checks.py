"""The contract suite passes what is sound and catches planted defects, each with a sentence that names it."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from crosscade.framework import ImageSpec, LevelSpec, Pair, PyramidSpec, TranslatorPair
from crosscade.framework.testing.checks import check_encoder, check_inverter, check_translator
from crosscade.framework.testing.tools import TinyEncoder
from crosscade.framework.testing.views import TinyInverter

SMALL = ImageSpec(32)
HERE, DEEPER = LevelSpec(1, "shallow", 8, 4), LevelSpec(2, "deep", 12, 8)


# --- encoders ---------------------------------------------------------------------------------------------------


class WrongStride(TinyEncoder):
    def __init__(self):
        super().__init__()
        self.pyramid = PyramidSpec((*self.pyramid.levels[:2], LevelSpec(3, "conv3", 16, 16)))


class WrongChannels(TinyEncoder):
    def __init__(self):
        super().__init__()
        self.pyramid = PyramidSpec((LevelSpec(1, "conv1", 9, 2), *self.pyramid.levels[1:]))


class BatchDependent(TinyEncoder):
    def forward(self, images, levels):
        return super().forward(images - images.mean(0, keepdim=True), levels)


class Unfrozen(TinyEncoder):
    def __init__(self):
        super().__init__()
        self.convolutions.requires_grad_(True)


class Trains(TinyEncoder):
    def train(self, mode=True):
        return nn.Module.train(self, mode)


class Random(TinyEncoder):
    def forward(self, images, levels):
        return super().forward(images + 0.1 * torch.randn_like(images), levels)


class Cut(TinyEncoder):
    def forward(self, images, levels):
        return super().forward(images.detach() + 0 * images, levels)


class RunsToTheEnd(TinyEncoder):
    def forward(self, images, levels):
        features = super().forward(images, self.pyramid.numbers)
        return {i: features[i] for i in levels}


class SpoilsItsTaps(TinyEncoder):
    def forward(self, images, levels):
        features = super().forward(images, levels)
        if 1 in levels and 3 in levels:
            features = {**features, 1: features[1].relu()}
        return features


class GivesMore(TinyEncoder):
    def forward(self, images, levels):
        return super().forward(images, sorted({1, *levels})) | {0: images}


def test_a_sound_encoder_passes():
    check_encoder(TinyEncoder(), image_size=32)


@pytest.mark.parametrize(
    ("encoder", "sentence"),
    [
        (WrongStride, r"level 3 declares the shape \(3, 16, 2, 2\) and gives \(3, 16, 4, 4\)"),
        (WrongChannels, r"level 1 declares the shape \(3, 9, 16, 16\) and gives \(3, 8, 16, 16\)"),
        (BatchDependent, "level 1: row 0 of a batch of 3 against it alone"),
        (Unfrozen, "6 parameters are not frozen"),
        (Trains, "leave eval mode"),
        (Random, "level 1 differs from run to run"),
        (Cut, "no finite gradient reaches the image from level 1"),
        (RunsToTheEnd, "runs 3 layers for its shallowest level and 3 for its deepest"),
        (SpoilsItsTaps, "level 1 changes with what else is asked for"),
        (GivesMore, r"asked for levels \[1, 2, 3\], got \[0, 1, 2, 3\]"),
    ],
)
def test_a_planted_defect_of_an_encoder_is_named(encoder, sentence):
    with pytest.raises(AssertionError, match=sentence):
        check_encoder(encoder(), image_size=32, export=False)


# --- translators ------------------------------------------------------------------------------------------------


class AdaIN(nn.Module):
    """Instance norm with a style, as a pure function: exports rightly."""

    def forward(self, x, gamma, beta):
        return F.instance_norm(x) * (1 + gamma[:, :, None, None]) + beta[:, :, None, None]


class BatchNormAdaIN(nn.Module):
    """The known trick: batch norm over (1, B C, H, W) with weights put onto the module. Its exported graph is wrong."""

    def __init__(self, channels):
        super().__init__()
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("var", torch.ones(channels))
        self.weight = self.bias = None

    def forward(self, x, gamma, beta):
        b, c, h, w = x.shape
        self.weight, self.bias = (1 + gamma).flatten(), beta.flatten()
        mean, var = self.mean.repeat(b), self.var.repeat(b)
        return F.batch_norm(x.reshape(1, b * c, h, w), mean, var, self.weight, self.bias, True).view(b, c, h, w)


class Styled(nn.Module):
    def __init__(self, norm, reach=1.0):
        super().__init__()
        self.up = nn.ConvTranspose2d(12, 8, 4, 2, 1)
        self.style = nn.Linear(8, 16)
        self.norm, self.reach = norm, reach

    def forward(self, features, deeper):
        gamma, beta = self.style(features.mean((2, 3))).chunk(2, 1)
        return torch.tanh(self.norm(self.up(deeper), gamma, beta)) * self.reach


class StyledPair(TranslatorPair):
    def __init__(self, make):
        super().__init__()
        self.a, self.b = make(), make()

    @property
    def into(self):
        return Pair(self.a, self.b)


def check_styled(make):
    check_translator(StyledPair(make), here=HERE, deeper=DEEPER, image=SMALL)


def test_a_sound_translator_passes():
    check_styled(lambda: Styled(AdaIN()))


def test_a_silently_wrong_export_is_caught():
    """Eager, this translator is right in every respect: only the exported graph is not."""
    check_translator(StyledPair(lambda: Styled(BatchNormAdaIN(8))), here=HERE, deeper=DEEPER, image=SMALL, export=False)
    with pytest.raises(AssertionError, match="of the exported graph at batch 1"):
        check_styled(lambda: Styled(BatchNormAdaIN(8)))


def test_a_translator_that_leaves_the_range_is_caught():
    with pytest.raises(AssertionError, match=r"into\.a: leaves \[-1, 1\], largest value"):
        check_styled(lambda: Styled(AdaIN(), reach=1.5))


def test_a_translator_of_another_shape_is_caught():
    class Wide(Styled):
        def forward(self, features, deeper):
            return super().forward(features, deeper).repeat(1, 1, 1, 2)

    with pytest.raises(AssertionError, match=r"gives \(3, 8, 8, 16\), expected \(3, 8, 8, 8\)"):
        check_styled(lambda: Wide(AdaIN()))


def test_a_condition_that_is_not_read_is_caught():
    class Deaf(Styled):
        def forward(self, features, deeper):
            return super().forward(features, torch.zeros_like(deeper))

    with pytest.raises(AssertionError, match="no finite gradient reaches input 1"):
        check_styled(lambda: Deaf(AdaIN()))


# --- inverters --------------------------------------------------------------------------------------------------


def test_a_sound_inverter_passes():
    check_inverter(TinyInverter(HERE), level=HERE, image=SMALL)


def test_an_inverter_of_the_wrong_size_is_caught():
    with pytest.raises(AssertionError, match=r"gives \(3, 3, 32, 32\), expected \(3, 3, 64, 64\)"):
        check_inverter(TinyInverter(LevelSpec(1, "shallow", 8, 2)), level=HERE, image=ImageSpec(64))
