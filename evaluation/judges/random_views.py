"""What a judge learns from never looks twice the same: random windows of an image, random blur.

Chance is drawn on the CPU, so that every device sees the same.
"""

# B batch, C channels, H W space

from __future__ import annotations

import torch
from attrs import frozen
from torch import Tensor
from torch.nn import functional as F

from ...framework.support.device import CPU


@frozen
class View:
    """Random windows of a batch: centre `shift` (B, 2) and half side `scale` (B) in [-1, 1] units, mirrored or not.

    `mirror` (B) is -1 for a mirrored view, else 1.
    """

    scale: Tensor
    shift: Tensor
    mirror: Tensor

    @classmethod
    def draw(cls, count: int, random: torch.Generator, device: torch.device = CPU) -> View:
        """Windows of 88 to 104 % of the side, up to 6 % off centre, half of them mirrored."""
        uniform = torch.rand(count, 4, generator=random).to(device)
        mirror = torch.where(uniform[:, 3] < 0.5, -1.0, 1.0)
        return cls(0.88 + 0.16 * uniform[:, 0], (uniform[:, 1:3] - 0.5) * 0.24, mirror)

    def of(self, images: Tensor) -> Tensor:
        """The windows (B, C, H, W) of images (B, C, H, W), resampled to the same size."""
        zero = torch.zeros_like(self.scale)
        rows = [
            torch.stack([self.scale * self.mirror, zero, self.shift[:, 0]], 1),
            torch.stack([zero, self.scale, self.shift[:, 1]], 1),
        ]
        grid = F.affine_grid(torch.stack(rows, 1), list(images.shape), align_corners=False)
        return F.grid_sample(images, grid, padding_mode="reflection", align_corners=False)

    def position(self, fraction: Tensor, axis: str) -> Tensor:
        """Where in the view a position (B) given as a fraction of the image lies, as a fraction of the view."""
        index = 0 if axis == "x" else 1
        moved = (2 * fraction - 1 - self.shift[:, index]) / self.scale
        return ((moved * self.mirror if axis == "x" else moved) + 1) / 2


def uniform(x: Tensor, channels: int, random: torch.Generator) -> Tensor:
    """Numbers (B, channels, 1, 1) from 0 to 1 for x (B, ...), where it lies."""
    return torch.rand(len(x), channels, 1, 1, generator=random).to(x.device)


def softened(x: Tensor, random: torch.Generator, share: float, width: int = 5) -> Tensor:
    """`share` of the images blurred by a box of `width` pixels, mixed with the sharp one at random strength."""
    blurred = F.pad(x, (width // 2,) * 4, mode="reflect")
    for kernel in ((width, 1), (1, width)):  # one axis at a time: a fifth of the work
        blurred = F.avg_pool2d(blurred, kernel, 1)
    strength = uniform(x, 1, random)
    strength = strength * (uniform(x, 1, random) < share)
    return x + strength * (blurred - x)
