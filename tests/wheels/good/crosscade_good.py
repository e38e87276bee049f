"""An encoder that folds pixels into channels, and a loss on channel means: a whole plugin in one file."""

from attrs import frozen
from crosscade.framework import (
    Encoder,
    EncoderOffer,
    LevelSpec,
    Loss,
    LossOffer,
    PyramidSpec,
    hookimpl,
    l1,
    option,
    over_all,
)
from torch.nn.functional import pixel_unshuffle


@frozen
class FoldOptions:
    depth: int = option(3, "how many levels")


class Fold(Encoder):
    def __init__(self, options):
        super().__init__()
        levels = range(1, options.depth + 1)
        self.pyramid = PyramidSpec(tuple(LevelSpec(i, f"fold{i}", 3 * 4**i, 2**i) for i in levels))

    def forward(self, images, levels):
        return {i: pixel_unshuffle(images, self.pyramid[i].stride) for i in levels}


class Means(Loss):
    needs = frozenset({"fake", "real"})

    def terms(self, view):
        fake, real = (pair.map(lambda x: over_all(x.mean((0, 2, 3)))) for pair in (view.fake, view.real))
        apart = fake.zip(l1, real)
        return {"means": apart.a + apart.b}


@hookimpl
def encoders():
    yield EncoderOffer(name="fold", options=FoldOptions, build=Fold, summary="pixels folded into channels")


@hookimpl
def losses():
    yield LossOffer(name="means", build=lambda options: Means(), summary="channel means apart")
