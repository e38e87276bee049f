"""Whatever a part's code raises in a check, and wherever, is a sentence with its name and its line."""

import pytest
import torch
from torch import nn

from crosscade.framework import (
    AdversarialLoss,
    Dataset,
    DatasetOffer,
    Domain,
    Encoder,
    EncoderOffer,
    ImageSet,
    InverterOffer,
    Loss,
    LossOffer,
    Metric,
    MetricOffer,
    Pair,
    TranslatorOffer,
    Twins,
    testing,
)
from crosscade.framework.testing.tools import TinyEncoder

MINE = {"name": "mine", "summary": "a stranger's"}


class Mistaken(TinyEncoder):
    def __init__(self, options=None):
        super().__init__()

    def forward(self, images, levels):
        return super().forward(images.norm_image(), levels)


class Shapeless(nn.Module):
    def forward(self, features, deeper=None):
        assert features.ndim == 3, "a batch"
        return features


class Reading(Loss):
    needs = frozenset({"fake", "real"})

    def __init__(self, options=None):
        super().__init__()

    def terms(self, view):
        return {"mine": view.fake.a.mean() + view.fakes}


class Judging(AdversarialLoss, Reading):
    learning_rate, betas = 1e-3, (0.5, 0.9)

    def __init__(self, options, *, here):
        super().__init__()
        self.critics = Pair(*(nn.Conv2d(here.channels, 1, 1) for _ in "ab"))

    def critic_terms(self, view, step):
        return {"mine": torch.ones(2)[step + 2]}


class Uncounted(ImageSet):
    name = "uncounted"

    def __init__(self, options=None):
        pass

    def __len__(self):
        return self.count

    def load(self, index, short_side):
        raise NotImplementedError


class Countless(Dataset):
    name = "countless"

    def __init__(self, options):
        self.domains = Pair("a", "b").map(lambda name: Domain(name, Uncounted(), Uncounted()))


class Truthless(Metric):
    def __init__(self, options):
        pass

    def measure(self, samples):
        return samples.source_truth["count"]


@pytest.mark.parametrize(
    ("check", "offer", "sentence"),
    [
        ("encoder", EncoderOffer(build=Mistaken, **MINE), "AttributeError: 'Tensor' object has no attribute 'norm_im"),
        (
            "translator",
            TranslatorOffer(build=lambda o: Twins(Shapeless(), Shapeless()), **MINE),
            "AssertionError: a batch",
        ),
        ("inverter", InverterOffer(build=lambda o: Shapeless(), **MINE), "AssertionError: a batch"),
        ("loss", LossOffer(build=Reading, **MINE), "AttributeError: "),
        ("loss", LossOffer(build=Judging, **MINE), "IndexError: "),
        (
            "dataset",
            DatasetOffer(build=Countless, **MINE),
            "AttributeError: 'Uncounted' object has no attribute 'count'",
        ),
        (
            "metric",
            MetricOffer(build=Truthless, **MINE),
            "`measure`: TypeError: 'NoneType' object is not subscriptable",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_mistake_is_named_with_its_line(check, offer, sentence):
    with pytest.raises(AssertionError) as refused:
        getattr(testing, f"check_{check}")(offer)
    assert str(refused.value).startswith(f"{check} 'mine': {sentence}")
    assert f" ({__file__}:" in str(refused.value)


def test_a_component_that_was_made_already_has_its_classs_name():
    with pytest.raises(AssertionError, match=r"^Mistaken: AttributeError: .*norm_image"):
        testing.check_encoder(encoder=Mistaken())


class Waves(TinyEncoder):
    """Fixed filters: buffers, or a tensor that is a mere attribute."""

    continued = Encoder.continued

    def __init__(self, buffers):
        super().__init__()
        weights = {i: layer.weight.detach() for i, layer in enumerate(self.convolutions)}
        del self.convolutions
        if buffers:
            for i, weight in weights.items():
                self.register_buffer(f"filters{i}", weight)
        self.filters = {} if buffers else weights

    def forward(self, images, levels):
        maps = {0: images}
        for i in range(max(levels)):
            filters = self.filters[i] if self.filters else getattr(self, f"filters{i}")
            maps[i + 1] = nn.functional.conv2d(maps[i], filters, stride=2, padding=1).tanh()
        return {i: maps[i] for i in levels}


def test_an_encoder_of_buffers_alone_is_sound_and_one_of_mere_attributes_is_named():
    testing.check_encoder(Waves(buffers=True), image_size=32, export=False)
    with pytest.raises(AssertionError, match=r"^Waves fails on a GPU: .*is given a CPU tensor"):
        testing.check_encoder(Waves(buffers=False), image_size=32, export=False)
