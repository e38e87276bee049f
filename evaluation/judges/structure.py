"""Does a translation keep what the source shows: facing, how many, where and how large?

A network learns these from the target's real training images, whose truth is known; it reads them off the
translations, and the answers are held against the *source's* truth.
"""

# B batch, N images, O outputs

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import torch
from attrs import evolve, frozen, validators
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from ...framework import EvaluationSet, InputError, Metric, MetricOffer, Score, hookimpl, option
from ...framework.metrics.metric import Truth, axis_of, is_length
from ..metrics.extractors import area_resized
from .network import GOOD, JUDGE_SIZE, VIEWS, Judge, JudgeNet, Training, attempts, fit, predict
from .random_views import View, softened, uniform

READ = {
    "facing": "faces the way the source does",
    "count": "as many animals as the source",
    "torso_x": "stands where the source does, across",
    "torso_y": "… and in height",
    "size": "as large as the source",
}
"""The truths that are read, and what their scores say."""
Answers = Mapping[str, NDArray[np.float64]]


@frozen
class StructureOptions:
    """How the judge is trained."""

    images_seen: int = option(12_000, VIEWS, validators.ge(2))
    width: int = option(24, "channels of the first layers", validators.ge(2))
    seed: int = option(0, "of initial weights and random views")


@frozen
class Heads:
    """Which outputs answer what: one logit for facing, one a count, one a position or length."""

    counts: tuple[int, ...]
    quantities: tuple[str, ...]
    facing: bool

    @classmethod
    def of(cls, truth: Truth) -> Heads:
        """What this truth can teach."""
        counts = tuple(int(c) for c in np.unique(truth["count"])) if "count" in truth else ()
        quantities = tuple(k for k in READ if k in truth and (axis_of(k) or is_length(k)))
        return cls(counts if len(counts) > 1 else (), quantities, "facing" in truth)

    @property
    def outputs(self) -> int:
        """How many outputs the network has."""
        return int(self.facing) + len(self.counts) + len(self.quantities)

    def split(self, outputs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Facing (B, 0 or 1), count (B, classes) and quantities (B, Q)."""
        facing, counts, quantities = outputs.split([int(self.facing), len(self.counts), len(self.quantities)], 1)
        return facing, counts, quantities

    def loss(self, outputs: Tensor, truth: Mapping[str, Tensor], view: View) -> Tensor:
        """The labels follow the view: mirrored facing and x, moved positions, stretched lengths."""
        facing, counts, quantities = self.split(outputs)
        total = outputs.new_zeros(())
        if self.facing:
            side = truth["facing"] * view.mirror
            one_way = (side.abs() == 1).float()  # two animals that face each other have no facing
            each = F.binary_cross_entropy_with_logits(facing[:, 0], (side > 0).float(), reduction="none")
            total = total + (each * one_way).mean()
        if self.counts:
            classes = torch.tensor(self.counts, device=outputs.device)
            total = total + F.cross_entropy(counts, (truth["count"][:, None] - classes).abs().argmin(1))
        for index, key in enumerate(self.quantities):
            wanted = view.position(truth[key], axis) if (axis := axis_of(key)) else truth[key] / view.scale
            total = total + 10 * F.smooth_l1_loss(quantities[:, index], wanted, beta=0.05)
        return total

    def answers(self, outputs: Tensor) -> Answers:
        """What the network reads, by truth's names."""
        facing, counts, quantities = (part.double().numpy() for part in self.split(outputs))
        answers: dict[str, NDArray[np.float64]] = {k: quantities[:, i] for i, k in enumerate(self.quantities)}
        if self.facing:
            answers["facing"] = np.sign(facing[:, 0])
        if self.counts:
            answers["count"] = np.array(self.counts, np.float64)[counts.argmax(1)]
        return answers


def agreement(answers: Answers, truth: Truth) -> dict[str, tuple[float, int]]:
    """Score and number of images by truth's name: share of right facing, balanced count accuracy, Pearson's r."""
    scores: dict[str, tuple[float, int]] = {}
    for key in (k for k in READ if k in answers and k in truth):
        said, real = answers[key], np.asarray(truth[key], np.float64)
        if key == "facing":
            single = np.abs(real) == 1
            scores[key] = float((said == real)[single].mean()) if single.any() else float("nan"), int(single.sum())
        elif key == "count":
            scores[key] = float(np.mean([(said == real)[real == c].mean() for c in np.unique(real)])), len(real)
        else:
            # a collapsed set has one answer for all, and no correlation: that is 0, not undefined
            constant = min(said.std(), real.std()) < 1e-9
            scores[key] = 0.0 if constant else float(np.corrcoef(said, real)[0, 1]), len(real)
    return scores


@frozen
class Structure(Metric):
    """Facing, count, position and size, as read by a network that has learnt from real target images."""

    options: StructureOptions = StructureOptions()
    needs_truth = True

    def measure(self, samples: EvaluationSet) -> dict[str, Score]:
        """`facing`, `count`, `torso_x`, … : those that the truth of both domains has."""
        source, target = samples.source_truth, samples.target_train_truth
        if not source or not target or not set(READ) & set(source) & set(target):
            raise InputError("structure", found="no truth of both domains", expected="a dataset with truth (safari)")
        if not samples.paired:
            raise InputError(
                "structure",
                found=f"{len(samples.translated)} images for {len(samples.source)} sources",
                expected="one translation a source",
            )
        size = min(samples.size, JUDGE_SIZE)
        heads, judge = samples.shared.once(("structure", self.options), lambda: self._judge(samples, size))
        answers = heads.answers(predict(judge.net, area_resized(samples.translated, size)))
        views = f"{judge.views} views at {size} px"
        return {k: self._score(k, *value, judge.facts, views) for k, value in agreement(answers, source).items()}

    def _score(self, key: str, value: float, n: int, facts: dict[str, float], views: str) -> Score:
        kind = {"facing": "share of right facing (images of one direction)", "count": "balanced accuracy of the count"}
        real = facts.get(key, float("nan"))
        chance = {"facing": 0.5, "count": 1 / max(facts["counts"], 1)}.get(key, 0.0)
        poor = f"the judge itself reaches only {real:.2f} on real target images" if not real >= GOOD else ""
        return Score(
            value,
            f"{kind.get(key, 'Pearson r')} against the source's truth, read by a network trained on real target "
            f"images ({views})" + (" (a poor judge)" if poor else ""),
            n,
            "r" if key not in kind else "share",
            True,
            {"the judge on real target images": real, "unrelated images": chance},
            poor,
            label=READ[key],
        )

    def _judge(self, samples: EvaluationSet, size: int) -> tuple[Heads, Judge]:
        """What it answers, and the judge with how well it reads real target images."""
        truth = {k: np.asarray(v) for k, v in (samples.target_train_truth or {}).items() if k in READ}
        heads = Heads.of(truth)
        labels = {k: torch.from_numpy(v.astype(np.float32)) for k, v in truth.items()}
        o = self.options

        def train(training: Training, net: JudgeNet) -> dict[str, float]:
            fit(
                area_resized(samples.target_train, size),
                net,
                training,
                worn,
                lambda outputs, chosen, view: heads.loss(
                    outputs, {k: v[chosen].to(outputs.device) for k, v in labels.items()}, view
                ),
                samples.common.get("progress"),
            )
            return {}

        data = (samples.target_train, heads, *(truth[k] for k in sorted(truth)))
        training = Training(images_seen=o.images_seen, width=o.width, seed=o.seed)
        for judge in attempts("structure", training, (3, heads.outputs), size, data, train, samples.device):
            answers = heads.answers(predict(judge.net, area_resized(samples.target_test, size)))
            own = {k: v for k, (v, _) in agreement(answers, samples.target_test_truth or {}).items()}
            if all(v >= GOOD for v in own.values()):
                break
        return heads, evolve(judge, facts=own | {"counts": float(len(heads.counts))})


def worn(x: Tensor, random: torch.Generator) -> Tensor:
    """(B, 3, H, W) with random brightness, tint, blur and noise, so that a translation's flaws do not mislead."""
    x = x * (0.85 + 0.3 * uniform(x, 1, random))
    x = x + 0.08 * torch.randn(len(x), 3, 1, 1, generator=random).to(x.device)
    x = softened(x, random, 0.5)
    noise = torch.randn(x.shape, generator=random).to(x.device) * uniform(x, 1, random)
    return x + 0.04 * noise


@hookimpl
def metrics() -> Iterator[MetricOffer]:
    """The judge of structure."""
    yield MetricOffer(
        name="structure",
        options=StructureOptions,
        build=Structure,
        order=30,
        summary="Are facing, count, position and size those of the source? (needs truth)",
    )
