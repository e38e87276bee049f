"""A cascade hands each level's translation to the next shallower one."""

import pytest
import torch
from torch import nn

from crosscade.framework import Cascade
from crosscade.framework.features.normalise import Normalise
from crosscade.framework.testing.tools import TinyEncoder, uniform


class Translator(nn.Module):
    """A fixed mix of channels, plus the mean of what the deeper level decided."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.mix = nn.Conv2d(channels, channels, 1)

    def forward(self, features, deeper):
        return torch.tanh(self.mix(features) + (0 if deeper is None else deeper.mean((1, 2, 3), keepdim=True)))


class Paint(nn.Module):
    """One tone an image."""

    def __init__(self, tone: float) -> None:
        super().__init__()
        self.tone = tone

    def forward(self, features):
        return torch.full((len(features), 3, 32, 32), self.tone) + features.mean((1, 2, 3), keepdim=True)


@pytest.fixture
def cascade():
    torch.manual_seed(0)
    encoder = TinyEncoder()
    statistics = [({i: torch.full((c,), 0.1 * k) for i, c in ((1, 8), (2, 12), (3, 16))}) for k in (1, 2)]
    ones = {i: torch.ones_like(m) for i, m in statistics[0].items()}
    source, target = (Normalise(m, ones, 1.0) for m in statistics)
    nets = {i: Translator(encoder.pyramid[i].channels) for i in (3, 2, 1)}
    return Cascade(encoder, source, target, nets, Paint(0.1), {1: Paint(0.2), 2: Paint(0.3), 3: Paint(0.4)})


def test_it_is_the_composition_of_its_parts(cascade):
    images = uniform(2, 3, 32, 32)
    raw, one = cascade.encoder(images, [1, 2, 3]), cascade.source.one
    deepest = cascade.translators["3"](one(3, raw[3]), None)
    middle = cascade.translators["2"](one(2, raw[2]), deepest)
    shallow = cascade.translators["1"](one(1, raw[1]), middle)
    features = cascade.features(images)
    assert list(features) == [3, 2, 1]
    for i, expected in ((3, deepest), (2, middle), (1, shallow)):
        assert torch.equal(features[i], expected)
    assert torch.equal(cascade(images), cascade.inverter(shallow))


def test_a_strip_shows_each_deeper_level_and_then_the_final_image(cascade):
    images = uniform(2, 3, 32, 32)
    features, columns = cascade.features(images), cascade.strip(images)
    assert len(columns) == 3
    assert torch.equal(columns[0], cascade.previews["3"](features[3]))
    assert torch.equal(columns[1], cascade.previews["2"](features[2]))
    assert torch.equal(columns[2], cascade(images)), "not the shallowest level's preview: it may have been refined"


def test_levels_without_an_inverter_are_left_out_of_the_strip(cascade):
    cascade.previews = nn.ModuleDict({"2": Paint(0.3)})
    assert len(cascade.strip(uniform(2, 3, 32, 32))) == 2


def test_an_image_does_not_depend_on_its_neighbours_in_the_batch(cascade):
    images = uniform(5, 3, 32, 32)
    together = cascade(images)
    for n in range(5):
        torch.testing.assert_close(together[n : n + 1], cascade(images[n : n + 1]))
