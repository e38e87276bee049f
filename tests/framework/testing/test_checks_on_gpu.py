"""The contract suite finds out what would fail on a GPU or slow it down, by the line."""

import pytest
import torch
from torch import nn

from crosscade.framework import AdversarialLoss, ImageSpec, LevelSpec, Loss, Pair, Twins
from crosscade.framework.testing import check_encoder, check_inverter, check_loss, check_translator
from crosscade.framework.testing.tools import TinyEncoder
from crosscade.framework.testing.views import TinyInverter, TinyTranslator

SMALL, HERE = ImageSpec(32), LevelSpec(1, "shallow", 8, 4)


class OnTheCpu(TinyEncoder):
    """Its mean is neither a buffer nor made where the images are."""

    def forward(self, images, levels):
        return super().forward(images - torch.tensor([0.1, 0.2, 0.3]).view(1, 3, 1, 1), levels)


class Looks(TinyTranslator):
    def forward(self, features, deeper):
        return super().forward(features / max(1.0, features.detach().abs().max().item()), deeper)


class Masks(TinyInverter):
    def forward(self, features):
        images = super().forward(features)
        return images - images[images > 2].sum()


class Unseen(Loss):
    needs = frozenset({"fake"})

    def terms(self, view):
        size = view.fake.map(lambda f: f.square().mean())
        return {"size": size.a + size.b} if bool(size.a.isfinite()) else {}


class Judge(AdversarialLoss):
    """Its terms are sound, those of its critics copy a weight from the CPU each time."""

    needs = frozenset({"real", "fake"})

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2d(16, 1, 1), nn.Conv2d(16, 1, 1)
        self.critics, self.learning_rate, self.steps, self.betas = Pair(self.a, self.b), 1e-3, 1, (0.5, 0.9)

    def terms(self, view):
        a, b = self.critics.zip(lambda critic, fake: critic(fake).mean(), view.fake)
        return {"fooled": a + b}

    def critic_terms(self, view, step):
        a, b = self.critics.zip(lambda critic, x, y: (critic(x) - critic(y)).square().mean(), view.fake, view.real)
        return {"critic": (a + b) * torch.tensor(0.5).to(a.device)}


class Keeps(TinyTranslator):
    """What is laid onto the GPU once, and kept, slows nothing down."""

    def __init__(self, channels):
        super().__init__(channels)
        self.bias = {}

    def forward(self, features, deeper):
        if features.device not in self.bias:
            self.bias[features.device] = torch.tensor([0.1] * 8, device=features.device).view(1, 8, 1, 1)
        return super().forward(features + self.bias[features.device], deeper)


def twins(make):
    return Twins(make(8), make(8))


HERE_FILE = r"test_checks_on_gpu.py:\d+: "


@pytest.mark.parametrize(
    ("check", "sentence"),
    [
        (
            lambda: check_encoder(OnTheCpu(), image_size=32, export=False),
            rf"OnTheCpu fails on a GPU: .*{HERE_FILE}`return .*images - .*`: .* is given a CPU tensor \(1, 3, 1, 1\)",
        ),
        (
            lambda: check_translator(twins(Looks), here=HERE, deeper=None, image=SMALL, export=False),
            rf"Twins slows a GPU down: .*{HERE_FILE}`.*item\(\).*` waits for the GPU: .* looks at a number",
        ),
        (
            lambda: check_inverter(Masks(HERE), level=HERE, image=SMALL, export=False),
            rf"Masks slows a GPU down: .*{HERE_FILE}`return images - .*` waits for the GPU: .* by a mask",
        ),
        (
            lambda: check_loss(Unseen()),
            rf"Unseen slows a GPU down: .*{HERE_FILE}`.*isfinite.*` waits for the GPU: .* looks at a number",
        ),
        (
            lambda: check_loss(Judge()),
            rf"Judge slows a GPU down: .*{HERE_FILE}`.*torch.tensor\(0.5\).*` waits for the GPU: a copy to the GPU",
        ),
    ],
)
def test_what_fails_on_a_gpu_or_slows_it_down_is_named(check, sentence):
    with pytest.raises(AssertionError, match=sentence):
        check()


def test_what_is_laid_onto_the_gpu_once_is_right():
    check_translator(twins(Keeps), here=HERE, deeper=None, image=SMALL, export=False)
