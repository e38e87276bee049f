"""The judge of class: which domain does a linear classifier of deep features take a translation for?

The share of outputs taken for the target is worth little alone, since recolouring earns it: read it beside the judge
that is blind to texture (`shape_share`). For photographs, where that one sees nothing, a second judge's features are of
a network that no recipe trains through.
"""

# N images, D dimensions

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import torch
from attrs import frozen
from numpy.typing import NDArray
from torch import Tensor

from ...framework import EvaluationSet, Metric, MetricOffer, NoOptions, Score, hookimpl
from ...framework.data.pixels import black
from ..metrics.attention import MAP
from ..metrics.extractors import Extractor, Features
from ..metrics.image_statistics import POOLED
from ..metrics.jackknife import SHARE, SPREAD, share_half_width
from ..metrics.mask_overlap import photographs
from .network import GOOD


@frozen
class Logistic:
    """A linear classifier of standardised features: `decide` is positive for the target."""

    mean: Features
    deviation: Features
    weights: Features
    bias: float

    @classmethod
    def fit(cls, source: Features, target: Features, penalty: float = 10.0) -> Logistic:
        """Minimises the summed logistic loss + penalty / 2 |w|^2 by L-BFGS in float64 (convex, so no seed)."""
        both = np.concatenate([source, target])
        mean, deviation = both.mean(0), both.std(0) + 1e-6
        x = torch.from_numpy((both - mean) / deviation)
        sign = torch.cat([-torch.ones(len(source)), torch.ones(len(target))]).double()
        w = torch.zeros(x.shape[1] + 1, dtype=torch.float64, requires_grad=True)
        solver = torch.optim.LBFGS([w], max_iter=200, line_search_fn="strong_wolfe")

        def objective() -> Tensor:
            solver.zero_grad()
            margins = sign * (x @ w[:-1] + w[-1])
            value = torch.nn.functional.softplus(-margins).sum() + penalty / 2 * (w[:-1] ** 2).sum()
            value.backward()
            return value

        solver.step(objective)
        solution = w.detach().numpy()
        return cls(mean, deviation, solution[:-1], float(solution[-1]))

    def decide(self, features: Features) -> Features:
        """Signed margins (N): positive for the target."""
        return np.asarray((features - self.mean) / self.deviation @ self.weights + self.bias)


@frozen
class ClassShare(Metric):
    """The share of translations that a linear classifier of deep features takes for the target."""

    name: str = "target-class"
    extractor: Extractor = POOLED
    label: str = "taken for the target by a classifier"
    only_photographs: bool = False

    def measure(self, samples: EvaluationSet) -> dict[str, Score]:
        """One score, called like the metric."""
        if self.only_photographs and not photographs(samples):
            return {}
        judge, facts = samples.shared.once(("class", self.extractor.name), lambda: self._train(samples))
        taken = judge.decide(self.extractor.of(samples, "translated")) > 0
        how = f"logistic regression on {self.extractor.protocol}, trained on the real training images"
        return {self.name: judged(taken, facts, how, samples, self.label)}

    def _train(self, samples: EvaluationSet) -> tuple[Logistic, dict[str, float]]:
        judge = Logistic.fit(self.extractor.of(samples, "source_train"), self.extractor.of(samples, "target_train"))
        source, target = (judge.decide(self.extractor.of(samples, s)) > 0 for s in ("source", "target_test"))
        return judge, {
            "untranslated source": float(source.mean()),
            "real target": float(target.mean()),
            "held-out accuracy": float((1 - source.mean() + target.mean()) / 2),
        }


def accuracy_of(facts: Mapping[str, float]) -> float:
    """A judge's lowest held-out accuracy."""
    return min((v for k, v in facts.items() if k.startswith("held-out")), default=0.0)


def judged(
    taken: NDArray[np.bool_], facts: dict[str, float], how: str, samples: EvaluationSet, label: str = ""
) -> Score:
    """The share taken for the target, with the judge's own accuracy beside it; flagged when the judge is poor.

    A black image is no target whatever the judge says: no judge has learnt from one, so its answer is arbitrary.
    """
    value = float((taken & ~black(samples.translated)).mean())
    accuracy = accuracy_of(facts)
    warning = "" if accuracy >= GOOD else f"the judge itself is right on only {accuracy:.1%} of held-out real images"
    protocol = f"share taken for the target (black outputs never are) by a {how}"
    if warning:
        protocol += f" (a poor judge: {accuracy:.1%} held-out)"
    count = len(samples.translated)
    beside = facts | {SPREAD: share_half_width(value, count)}
    return Score(value, f"{protocol}; {SHARE}", count, "share", True, beside, warning, label=label)


@hookimpl
def metrics() -> Iterator[MetricOffer]:
    """The judges of class."""
    yield MetricOffer(
        name="target-class",
        options=NoOptions,
        build=lambda options: ClassShare(),
        order=10,
        verifies_exports=True,
        summary="How many translations does a classifier take for the target?",
    )
    other = ClassShare(f"target-class-{MAP.encoder}", MAP, "… by another network", only_photographs=True)
    yield MetricOffer(
        name=other.name,
        options=NoOptions,
        build=lambda options: other,
        order=11,
        summary=f"The same by {MAP.encoder}, which no recipe trains through (photographs)",
    )
