"""The image pool: a critic also sees what its opponent made a while ago. No hook here."""

# B batch, C channels, H W space

from __future__ import annotations

import torch
from torch import Tensor, nn

from ...framework import LevelSpec, gathered, mine
from .counts import Counting


class ImagePool(Counting):
    """A history of fakes (Shrivastava et al. 2017), as CycleGAN keeps it.

    While it fills, every fake is kept and returned. Afterwards each is, with probability 1/2, exchanged for a random
    one of those kept. Contents are buffers, and therefore part of every checkpoint; chance is torch's generator, which
    is seeded each step: a resumed run draws the same.
    """

    counts = ("filled",)
    images: Tensor
    filled: Tensor

    def __init__(self, size: int, channels: int, height: int) -> None:
        super().__init__()
        self.register_buffer("images", torch.zeros(size, channels, height, height))
        self.register_buffer("filled", torch.zeros((), dtype=torch.long))

    @torch.no_grad()
    def forward(self, fakes: Tensor) -> Tensor:
        """(B, C, H, W) -> as many, new and old, float32."""
        shown = gathered(fakes.float()).clone()  # one history, whoever made them
        size, filled = len(self.images), int(self.filled)
        exchange, places = torch.rand(len(shown)).tolist(), torch.randint(size, (len(shown),)).tolist()
        for k, place in enumerate(places):
            if filled < size:
                self.images[filled] = shown[k]
                filled += 1
            elif exchange[k] < 0.5:
                old = self.images[place].clone()
                self.images[place] = shown[k]
                shown[k] = old
        self.filled.fill_(filled)
        return mine(shown)


def kept(size: int, here: LevelSpec, height: int) -> nn.Module:
    """A pool of `size` fakes of level `here`, or what leaves them alone when that is 0."""
    return ImagePool(size, here.channels, height) if size else nn.Identity()
