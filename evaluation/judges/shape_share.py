"""The judge of shape: a network trained so that texture cannot help it. Recolouring earns nothing here."""

# N images, H W space

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import torch
from attrs import evolve, frozen, validators
from torch import Tensor

from ...framework import EvaluationSet, Images, Metric, MetricOffer, Score, hookimpl, option
from ..metrics.extractors import area_resized
from ..metrics.mask_overlap import plain_both
from ..metrics.silhouettes import silhouettes
from . import shape_data
from .class_share import accuracy_of, judged
from .network import GOOD, JUDGE_SIZE, VIEWS, Judge, JudgeNet, Training, attempts, fit, predict

SWAPPED = (
    "grey levels, trained on plain and texture-swapped animals with random channel mix, blur, contrast and inversion"
)
SILHOUETTES = (
    "binary silhouettes (half of Otsu's threshold on the difference from the border's grey, holes closed), trained on "
    "the real training images"
)


@frozen
class ShapeOptions:
    """How the shape judge is trained."""

    images_seen: int = option(14_000, VIEWS, validators.ge(2))
    rendered: int = option(330, "texture-swapped images a shape (safari only)", validators.ge(8))
    width: int = option(24, "channels of the first layers", validators.ge(2))
    seed: int = option(0, "of initial weights and random views")


@frozen
class ShapeShare(Metric):
    """The share of translations that a judge blind to texture takes for the target.

    On `safari` a grey-level network that has learnt from texture-swapped animals (a zebra's body with a giraffe's
    patches and the reverse); elsewhere, if backgrounds are plain, a network that sees binary silhouettes only.
    """

    options: ShapeOptions = ShapeOptions()

    def measure(self, samples: EvaluationSet) -> dict[str, Score]:
        """`target-shape`; none where nothing is texture-swapped and no silhouette can be cut out."""
        swapped = shape_data.Swapped.of(samples, self.options.rendered) is not None
        if not swapped and not plain_both(samples):
            return {}
        prepare = shape_data.grey if swapped else silhouettes
        size = min(samples.size, JUDGE_SIZE)
        judge, sign = samples.shared.once(("shape", self.options), lambda: self._judge(samples, size))
        outputs = sign * predict(judge.net, prepare(samples.translated, size))[:, 0]
        how = f"network on {SWAPPED if swapped else SILHOUETTES}; {judge.views} views at {size} px"
        label = "the same, by a judge blind to texture"
        return {"target-shape": judged((outputs > 0).numpy(), judge.facts, how, samples, label)}

    def _judge(self, samples: EvaluationSet, size: int) -> tuple[Judge, int]:
        """The judge and 1 or -1: one network serves both directions, which see it with opposite signs."""
        sign = 1 if samples.source_name <= samples.target_name else -1
        forward = samples if sign == 1 else samples.reversed(samples.target_test)
        o = self.options
        extra = shape_data.Swapped.of(forward, o.rendered)
        # two images a shape are enough to tell that the renderer draws otherwise now
        data = (o.rendered, forward.source_train, forward.target_train, *(extra.train(2) if extra else ()))
        training = Training(images_seen=o.images_seen, width=o.width, seed=o.seed)
        train = partial(self._train, samples=forward, extra=extra, size=size)
        for judge in attempts("shape", training, (1, 1), size, data, train, samples.device):
            if accuracy_of(judge.facts) >= GOOD:
                break
        if sign == -1:
            source, target = judge.facts["untranslated source"], judge.facts["real target"]
            turned = {"untranslated source": 1 - target, "real target": 1 - source}
            judge = evolve(judge, facts=judge.facts | turned)
        return judge, sign

    def _train(
        self, training: Training, net: JudgeNet, samples: EvaluationSet, extra: shape_data.Swapped | None, size: int
    ) -> dict[str, float]:
        prepare = area_resized if extra else silhouettes
        dress = shape_data.blind_to_texture if extra else shape_data.roughened
        count = self.options.rendered if extra else None
        sets = [samples.source_train[:count], samples.target_train[:count], *(extra.train() if extra else ())]
        labels = torch.cat([torch.full((len(s),), float(k % 2)) for k, s in enumerate(sets)])

        def loss(outputs: Tensor, chosen: Tensor, view: object) -> Tensor:
            return torch.nn.functional.binary_cross_entropy_with_logits(
                outputs[:, 0], labels[chosen].to(outputs.device)
            )

        fit(torch.cat([prepare(s, size) for s in sets]), net, training, dress, loss, samples.common.get("progress"))
        return self._held_out(net, samples, extra, size)

    @staticmethod
    def _held_out(
        net: JudgeNet, samples: EvaluationSet, extra: shape_data.Swapped | None, size: int
    ) -> dict[str, float]:
        look = shape_data.grey if extra else silhouettes

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


@hookimpl
def metrics() -> Iterator[MetricOffer]:
    """The judge of shape."""
    yield MetricOffer(
        name="target-shape",
        options=ShapeOptions,
        build=ShapeShare,
        order=20,
        verifies_exports=True,
        summary="How many translations does a judge blind to texture take for the target?",
    )
