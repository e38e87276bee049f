"""Deep feature interpolation (Upchurch et al. 2017): the floor, where nothing is trained but the inverter.

A source's features are shifted by `strength` times the mean of its K nearest target images less the mean of its K
nearest source images. What differs from the publication:

- Features are one level's of this cascade, normalised a domain, so that the difference of the domains' channel
  statistics is always taken whole; published are three layers of VGG-19 together (levels 3, 4 and 5 here).
- Neighbours are nearest by the cosine of these features; for faces, the publication has attributes that are known.
- The shift's length is `strength`, not a share of its own square.
- An inverter makes the image; published is gradient descent on its pixels, minutes an image.
"""

# B batch, N examples, C channels, H W space; D = C H W

from __future__ import annotations

from collections.abc import Iterator

import torch
from attrs import frozen, validators
from torch import Tensor, nn
from torch.nn import functional as F

from ...framework import ImageSpec, InputError, LevelSpec, Pair, TranslatorOffer, Twins, hookimpl, option


@frozen
class DfiOptions:
    """How far and from how many."""

    examples: int = option(
        256, "N, images of each domain that the bundle keeps to find neighbours in", validators.ge(1)
    )
    neighbours: int = option(16, "K, the nearest of them whose mean is taken (published: 100)", validators.ge(1))
    strength: float = option(1.0, "times the difference of the means (1: it takes the target's place)")


class Shift(nn.Module):
    """One direction: x + strength (mean of the nearest targets - mean of the nearest sources). It has no parameters."""

    source: Tensor
    target: Tensor

    def __init__(self, channels: int, size: int, options: DfiOptions) -> None:
        super().__init__()
        self.neighbours, self.strength = options.neighbours, options.strength
        for name in ("source", "target"):
            self.register_buffer(name, torch.zeros(options.examples, channels, size, size))

    def forward(self, features: Tensor, deeper: Tensor | None = None) -> Tensor:
        """(B, C, H, W) in [-1, 1] -> the same shape, float32, in [-1, 1]. What is deeper is not looked at."""
        x = features.float()
        shift = self._nearest(x, self.target) - self._nearest(x, self.source)
        return (x + self.strength * shift).clamp(-1, 1)

    def _nearest(self, x: Tensor, examples: Tensor) -> Tensor:
        """The mean of each row's K nearest of (N, C, H, W), by cosine."""
        known = examples.flatten(1)
        near = F.normalize(x.flatten(1), dim=1) @ F.normalize(known, dim=1).T  # (B, N)
        # An example is among the nearest when fewer than K are nearer: a graph of plain comparisons, without a sort.
        nearer = (near[:, :, None] < near[:, None, :]).float().sum(2)
        chosen = (nearer < self.neighbours).float()
        return ((chosen @ known) / chosen.sum(1, keepdim=True)).reshape(x.shape)


class Dfi(Twins):
    """Both directions at one level, whose examples are zeros at first. Raises InputError when K exceeds N."""

    def __init__(self, options: DfiOptions, *, here: LevelSpec, image: ImageSpec) -> None:
        if options.neighbours > options.examples:
            raise InputError(
                "translator dfi",
                found=f"neighbours = {options.neighbours}",
                expected=f"at most examples = {options.examples}",
            )
        super().__init__(*(Shift(here.channels, here.size(image.size), options) for _ in "ab"))
        self.examples = options.examples

    def calibrate(self, features: Pair[Tensor]) -> None:
        """Keeps real features of both domains, each (N, C, H, W)."""
        for net, target, source in ((self.into_a, *features), (self.into_b, *features.swap())):
            net.load_state_dict({"source": source, "target": target})


@hookimpl
def translators() -> Iterator[TranslatorOffer]:
    """Deep feature interpolation."""
    yield TranslatorOffer(
        name="dfi",
        options=DfiOptions,
        build=Dfi,
        summary="shifts features by the mean of the nearest targets less that of the nearest sources; learns nothing",
        source="Upchurch et al. 2017",
    )
