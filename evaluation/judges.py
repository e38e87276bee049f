"""Two judges of class: one that sees everything, and one that is blind to texture.

The share of outputs that a classifier takes for the target is worth little alone: recolouring earns it. The shape
judge was trained so that texture cannot help.
"""

# N images, D dimensions

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from attrs import field, frozen, validators
from numpy.typing import NDArray
from torch import Tensor

from ..framework.hooks import hookimpl
from ..framework.offers import MetricOffer, NoOptions
from . import shape_data
from .basic import POOLED, black
from .extractors import Extractor, Features
from .judge_training import (
    GOOD,
    JUDGE_SIZE,
    VERSION,
    JudgeNet,
    Training,
    cached,
    fast_bfloat16,
    fingerprint,
    fit,
    predict,
)
from .samples import Images, Metric, Samples, Score


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
        found = w.detach().numpy()
        return cls(mean, deviation, found[:-1], float(found[-1]))

    def decide(self, features: Features) -> Features:
        """Signed margins (N): positive for the target."""
        return np.asarray((features - self.mean) / self.deviation @ self.weights + self.bias)


@frozen
class ClassShare(Metric):
    """The share of translations that a linear classifier of deep features takes for the target."""

    extractor: Extractor = POOLED

    def measure(self, samples: Samples) -> dict[str, Score]:
        """`target-class`."""
        judge, facts = samples.shared.once(("class", self.extractor.name), lambda: self._train(samples))
        taken = judge.decide(self.extractor.of(samples, "translated")) > 0
        how = f"logistic regression on {self.extractor.protocol}, trained on the real training images"
        return {"target-class": judged(taken, facts, how, samples)}

    def _train(self, samples: Samples) -> tuple[Logistic, dict[str, float]]:
        judge = Logistic.fit(self.extractor.of(samples, "source_train"), self.extractor.of(samples, "target_train"))
        source, target = (judge.decide(self.extractor.of(samples, s)) > 0 for s in ("source", "target_test"))
        return judge, {
            "untranslated source": float(source.mean()),
            "real target": float(target.mean()),
            "held-out accuracy": float((1 - source.mean() + target.mean()) / 2),
        }


@frozen
class ShapeOptions:
    """How the shape judge is trained."""

    images_seen: int = field(
        default=14_000, validator=validators.ge(2), metadata={"help": "views of images that the judge learns from"}
    )
    rendered: int = field(
        default=330, validator=validators.ge(8), metadata={"help": "texture-swapped images a shape (safari only)"}
    )
    width: int = field(default=24, validator=validators.ge(2), metadata={"help": "channels of the first layers"})
    seed: int = field(default=0, metadata={"help": "of initial weights and random views"})


@frozen
class ShapeShare(Metric):
    """The share of translations that a judge blind to texture takes for the target.

    On `safari` a grey-level network that has learnt from texture-swapped animals (a zebra's body with a giraffe's
    patches and the reverse); elsewhere a network that sees binary silhouettes only.
    """

    options: ShapeOptions = ShapeOptions()

    def measure(self, samples: Samples) -> dict[str, Score]:
        """`target-shape`."""
        swapped = shape_data.has_swapped_textures(samples)
        prepare = shape_data.grey if swapped else shape_data.silhouettes
        size = min(samples.size, JUDGE_SIZE)
        judge, facts = samples.shared.once(("shape", self.options), lambda: self._judge(samples, swapped, size))
        outputs = predict(judge, prepare(samples.translated, size))[:, 0]
        how = (
            "network on grey levels, trained on plain and texture-swapped animals with random channel mix, blur, "
            "contrast and inversion"
            if swapped
            else "network on binary silhouettes (Otsu on the difference from the border's grey, holes closed), "
            "trained on the real training images"
        )
        how += f"; {self.options.images_seen} views at {size} px"
        return {"target-shape": judged((outputs > 0).numpy(), facts, how, samples)}

    def _judge(self, samples: Samples, swapped: bool, size: int) -> tuple[JudgeNet, dict[str, float]]:
        training = Training(images_seen=self.options.images_seen, width=self.options.width, seed=self.options.seed)
        extra = shape_data.Swapped(samples, self.options.rendered) if swapped else None
        key = fingerprint(
            VERSION,
            training,
            fast_bfloat16(),
            size,
            self.options.rendered,
            samples.source_train,
            samples.target_train,
            *(extra.probe() if extra else ()),
        )
        return cached(
            "shape",
            key,
            lambda: JudgeNet(1, 1, size, training.width),
            lambda net: self._train(net, samples, extra, training, size),
        )

    def _train(
        self, net: JudgeNet, samples: Samples, extra: shape_data.Swapped | None, training: Training, size: int
    ) -> dict[str, float]:
        prepare = shape_data.colour if extra else shape_data.silhouettes
        dress = shape_data.blind_to_texture if extra else shape_data.roughened
        count = self.options.rendered if extra else None
        sets = [samples.source_train[:count], samples.target_train[:count], *(extra.train() if extra else ())]
        labels = torch.cat([torch.full((len(s),), float(k % 2)) for k, s in enumerate(sets)])

        def loss(outputs: Tensor, chosen: Tensor, view: object) -> Tensor:
            return torch.nn.functional.binary_cross_entropy_with_logits(outputs[:, 0], labels[chosen])

        fit(torch.cat([prepare(s, size) for s in sets]), net, training, dress, loss, samples.shared.get("progress"))
        return self._held_out(net, samples, extra, size)

    @staticmethod
    def _held_out(net: JudgeNet, samples: Samples, extra: shape_data.Swapped | None, size: int) -> dict[str, float]:
        look = shape_data.grey if extra else shape_data.silhouettes

        def share(images: Images) -> float:
            return float((predict(net, look(images, size))[:, 0] > 0).float().mean())

        source, target = share(samples.source), share(samples.target_test)
        facts = {"untranslated source": source, "real target": target}
        own = (1 - source + target) / 2
        if extra is None:
            return facts | {"held-out accuracy": own}
        a, b = (share(images) for images in extra.test())
        return facts | {
            "held-out accuracy": (own + (1 - a + b) / 2) / 2,
            "held-out, own texture": own,
            "held-out, swapped texture": (1 - a + b) / 2,
        }


def judged(taken: NDArray[np.bool_], facts: dict[str, float], how: str, samples: Samples) -> Score:
    """The share taken for the target, with the judge's own accuracy beside it; flagged when the judge is poor.

    A black image is no target whatever the judge says: no judge has learnt from one, so its answer is arbitrary.
    """
    value = float((taken & ~black(samples.translated)).mean())
    accuracy = min((v for k, v in facts.items() if k.startswith("held-out")), default=0.0)
    warning = "" if accuracy >= GOOD else f"the judge itself is right on only {accuracy:.1%} of held-out real images"
    protocol = f"share taken for the target (black outputs never are) by a {how}"
    if warning:
        protocol += f" (a poor judge: {accuracy:.1%} held-out)"
    return Score(value, protocol, len(samples.translated), "share", True, facts, warning)


@hookimpl
def metrics() -> Iterator[MetricOffer]:
    """The judges of class and of shape."""
    yield MetricOffer(
        name="target-class",
        options=NoOptions,
        build=lambda options: ClassShare(),
        summary="How many translations does a classifier take for the target?",
    )
    yield MetricOffer(
        name="target-shape",
        options=ShapeOptions,
        build=ShapeShare,
        summary="How many translations does a judge blind to texture take for the target?",
    )
