"""A small stage that trains at once: two translators of random features, and critics that check what they are shown."""

from contextlib import nullcontext
from types import SimpleNamespace

import torch
from torch import nn

from crosscade.framework import AdversarialLoss, Loss, NoOptions, Pair, Twins
from crosscade.framework.bundle.networks import Networks
from crosscade.framework.recipe.recipe import LossUse, Schedule
from crosscade.framework.testing.tools import uniform
from crosscade.framework.testing.views import TinyTranslator, view_of
from crosscade.framework.training import checkpoint
from crosscade.framework.training.loop import TrainState, train_step
from crosscade.framework.training.stages import Stage

SIZES = Pair(20, 30)
FEATURES = SIZES.zip(lambda n, seed: uniform(n, 8, 6, 6, seed=seed), Pair(1, 2))
DATA = SimpleNamespace(sizes=SIZES, device=torch.device("cpu"))
"""All that the loop itself asks of the data; the stage's view has the features."""


class Same(Loss):
    needs = frozenset({"identity", "features"})

    def terms(self, view):
        a, b = view.identity.zip(lambda x, y: (x[1] - y[1]).abs().mean(), view.features)
        return {"same": a + b}


class Duel(AdversarialLoss):
    """Least squares, with checks of what each side is shown."""

    needs = frozenset({"real", "fake"})

    def __init__(self, steps: int = 1) -> None:
        super().__init__()
        made = [nn.Conv2d(8, 1, 3).to(memory_format=torch.channels_last) for _ in "ab"]
        self.nets = nn.ModuleList(made)
        self.critics, self.learning_rate, self.betas, self.steps = Pair(*made), 1e-2, (0.5, 0.9), steps
        self.seen: list[int] = []

    def terms(self, view):
        assert not any(p.requires_grad for p in self.parameters()), "the critics are frozen in the translators' turn"
        assert view.fake.a.requires_grad
        a, b = self.critics.zip(lambda d, x: (d(x) - 1).square().mean(), view.fake)
        return {"adversarial": a + b}

    def critic_terms(self, view, step):
        self.seen.append(step)
        assert all(p.requires_grad for p in self.parameters())
        assert not view.fake.a.requires_grad, "no way from the critics to the translators"
        a, b = self.critics.zip(lambda d, x, y: (d(x) - 1).square().mean() + d(y).square().mean(), view.real, view.fake)
        return {"critic": a + b}


def stage(*losses, **schedule) -> Stage:
    """One level's translation of random features."""
    torch.manual_seed(0)
    networks = Networks({1: Twins(TinyTranslator(8), TinyTranslator(8)).to(memory_format=torch.channels_last)})
    uses = [(LossUse(f"loss{k}", NoOptions(), *rest), loss) for k, (loss, *rest) in enumerate(losses)]

    def view(data, rows):
        assert data is DATA
        return view_of(networks.translators[1], 1, FEATURES.zip(lambda f, r: f[r], rows))

    settings = {"images": 40, "batch": 4, "learning_rate": 1e-2, "ema": 0.5} | schedule
    return Stage(2, "translate", 1, networks, uses, Schedule(**settings), view)


def steps(state: TrainState, n: int) -> list[dict[str, float]]:
    return [train_step(state, DATA, 5, nullcontext) for _ in range(n)]


def digest(state: TrainState) -> str:
    return checkpoint.digest(state.tensors(), state.meta())
