"""Source, target and translations in one plane by t-SNE (van der Maaten and Hinton 2008): the paper's Fig. 9."""

# B batch, N images, C channels, D dimensions, H W space

from __future__ import annotations

import numpy as np
import torch
from attrs import frozen
from matplotlib.axes import Axes
from torch import Tensor

from ...framework import Bundle, Encoder, EvaluationSet, Images, to_tensor
from ..metrics.extractors import Extractor, Features, derived
from ..metrics.image_statistics import POOLED
from .figures import Figure

MOST, SEED, PERPLEXITY = 300, 0, 30.0
# The paper's colours; the marks tell them apart without.
LOOKS = (("source", "#2067a8", "o"), ("target", "#cc3311", "^"), ("translated", "#12a5bd", "x"))


@frozen(eq=False)
class Deepest(Extractor):
    """A bundle's own encoder at the deepest level that it translates: each channel's mean over space."""

    encoder: Encoder
    use: str
    level: int
    device: torch.device

    name: str = derived(lambda self: f"{self.use}-{self.level}-own")
    protocol: str = derived(
        lambda self: (
            f"channel means of {self.use}'s level {self.level}, the deepest that is translated, at the images' size"
        )
    )

    def batch(self, images: Images, samples: EvaluationSet) -> Tensor:
        """uint8 (B, H, W, 3) -> (B, C)."""
        return self.encoder(to_tensor(images, self.device), [self.level])[self.level].float().mean((2, 3))


def deepest(bundle: Bundle) -> Extractor:
    """The deepest features of a bundle; those of the default extractor where it translates pixels."""
    level = bundle.recipe.translate[0].level
    return Deepest(bundle.encoder, bundle.recipe.encoder.use, level, bundle.device) if level else POOLED


def embed(*sets: Features) -> list[Features]:
    """Sets of features (N, D) as points (N, 2) of one plane; the same features make the same points."""
    from sklearn.manifold import TSNE  # takes a second to import

    together = np.concatenate(sets)
    points = TSNE(2, perplexity=perplexity(len(together)), init="pca", random_state=SEED).fit_transform(together)
    return np.split(points.astype(np.float64), np.cumsum([len(s) for s in sets])[:-1])


def perplexity(count: int) -> float:
    """PERPLEXITY, or less for so few points that it would take in all of them."""
    return min(PERPLEXITY, (count - 1) / 3)


def figure(samples: EvaluationSet, extractor: Extractor, title: str) -> Figure:
    """At most MOST test images of each domain and as many translations, every image encoded anew as in the paper."""
    few = [extractor.of(samples, which)[:MOST] for which in ("source", "target_test", "translated")]
    points = embed(*few)
    names = (f"{samples.source_name} (source)", f"{samples.target_name} (target)", "translations")

    def draw(axes: Axes) -> None:
        for place, name, (_, colour, mark) in zip(points, names, LOOKS):
            axes.scatter(place[:, 0], place[:, 1], s=13, c=colour, marker=mark, linewidths=0.9, alpha=0.75, label=name)
        axes.set(xticks=[], yticks=[])
        axes.figure.legend(loc="outside upper left", ncols=3, markerscale=1.8)

    counts = " + ".join(str(len(features)) for features in few)
    note = (
        "Translations should lie among the target's images; distances between groups mean nothing. t-SNE of "
        f"{counts} test images and translations: {extractor.protocol}; perplexity "
        f"{perplexity(sum(map(len, few))):g}, initialised by principal components, seed {SEED}."
    )
    return Figure.drawn(f"{title}: deepest features", draw, note, size=(4.2, 3.7))
