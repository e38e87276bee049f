"""The opponents of adversarial losses, and what such losses share. No hook here.

Sizes are derived, so that a critic fits any level; what cannot fit raises InputError when it is built.
"""

# B batch, C channels, H W space; i level

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import torch
from attrs import evolve, frozen
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

from ...framework import AdversarialLoss, LevelSpec, Pair, View, over_all
from .blocks import SLOPE, check_half, initialise
from .counts import Counting
from .norms import BatchNorm, InstanceNorm

V = TypeVar("V", bound=View, contravariant=True)
SMALLEST = 3
"""A feature critic halves its map down to this many pixels a side."""
JUDGED_STRIDE = 8
"""A projected critic's patches lie this many pixels apart, or as far as one halving brings a deeper level."""
CALIBRATION = 32
"""Batches of real images from which a projected critic takes its levels' statistics."""


class SpaceMean(nn.Module):
    """(B, C, H, W) -> (B,)."""

    def forward(self, x: Tensor) -> Tensor:
        """The mean of each sample."""
        return x.mean((1, 2, 3))


class FeatureCritic(nn.Module):
    """One number a sample, for a penalty on each sample's gradient: so no norm anywhere.

    A 3x3 convolution, then strided ones down to 3x3 at most. `head`: "flatten" (then linear: sees where things are) or
    "mean" (1x1 convolution, mean over space: gaps table, row 5). The paper does not describe its critic.
    """

    def __init__(self, channels: int, size: int, width: int, head: str = "flatten") -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(channels, width, 3, padding=1), nn.LeakyReLU(SLOPE)]
        while size > SMALLEST:
            layers += [nn.Conv2d(width, width, 3, 2, 1), nn.LeakyReLU(SLOPE)]
            size = (size + 1) // 2
        if head == "flatten":
            layers += [nn.Flatten(), nn.Linear(width * size * size, 1)]
        else:
            layers += [nn.Conv2d(width, 1, 1), SpaceMean()]
        self.layers = nn.Sequential(*layers)
        initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B,) float32."""
        return self.layers(x).float().reshape(-1)


class PatchCritic(nn.Module):
    """PatchGAN (supplementary 6.1.2): strided 4x4 convolutions, then one to a map of logits.

    `norm` after each strided convolution but the first: "batch" (the paper), "instance", "none", or "spectral" on all
    of them. Batch statistics are always the batch's own: there is no other mode that a critic would be used in.

    `published` is the form of Isola et al. and CycleGAN, each of whose logits sees 70 x 70 pixels with three strided
    convolutions: one more of stride 1, 4x4 kernels to the last, weights from N(0, 0.02).
    """

    def __init__(
        self, channels: int, size: int, width: int, *, strided: int = 4, norm: str = "batch", published: bool = False
    ) -> None:
        super().__init__()
        # stride 1 with a 4x4 kernel takes a pixel, twice; a map of one pixel has no variance to norm
        check_half(size, strided + 2 * published, "patch critic", 'Use fewer layers, or the critic "feature".')
        ins, layers = channels, list[nn.Module]()
        for index in range(strided + published):
            outs = width * min(2**index, 8)
            layers.append(nn.Conv2d(ins, outs, 4, 2 if index < strided else 1, 1))
            if norm == "batch" and index:
                layers.append(BatchNorm(outs))
            if norm == "instance" and index:
                layers.append(InstanceNorm(outs))
            layers.append(nn.LeakyReLU(SLOPE))
            ins = outs
        self.layers = nn.Sequential(*layers, nn.Conv2d(ins, 1, 4 if published else 3, padding=1))
        initialise(self, "normal" if published else "kaiming")
        if norm == "spectral":
            for module in self.layers:
                if isinstance(module, nn.Conv2d):
                    spectral_norm(module)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, 1, H / 2^n, W / 2^n) float32 logits; two pixels a side less in the published form."""
        return self.layers(x).float()


class ProjectedCritic(Counting):
    """Small heads on frozen encoder features of several levels (Sauer et al. 2021).

    With `mixing` as they have it: fixed random convolutions mix each level's channels, and bring to each level what the
    deeper ones see, so that no head can rest on a few channels of its own level.

    Raw features differ in scale by level and channel, so each is standardised with statistics of the first 32 batches
    of real images that `observe` sees; they are buffers, and therefore part of every checkpoint.
    """

    counts = ("seen",)
    seen: Tensor

    def __init__(self, levels: Sequence[LevelSpec], image_size: int, width: int, *, mixing: bool = False) -> None:
        super().__init__()
        self.levels = [level.number for level in levels]
        seen = [evolve(level, channels=width) if mixing else level for level in levels]
        self.heads = nn.ModuleList(self._head(level, level.size(image_size), width) for level in seen)
        self.register_buffer("seen", torch.zeros((), dtype=torch.long))
        for level in levels:
            self.register_buffer(f"mean{level.number}", torch.zeros(1, level.channels, 1, 1))
            self.register_buffer(f"square{level.number}", torch.ones(1, level.channels, 1, 1))
        if mixing:
            self.across = nn.ModuleList(nn.Conv2d(level.channels, width, 1) for level in levels)
            self.down = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for _ in levels[1:])
            for convolutions in (self.across, self.down):
                convolutions.requires_grad_(False)
        self.mixing = mixing
        initialise(self)

    @staticmethod
    def _head(level: LevelSpec, size: int, width: int) -> nn.Module:
        layers: list[nn.Module] = [nn.Conv2d(level.channels, width, 1), nn.LeakyReLU(SLOPE)]
        stride = level.stride
        while stride == level.stride or stride < JUDGED_STRIDE:
            check_half(size, 1, f"projected critic at level {level.number}", "Leave this level out of `levels`.")
            layers += [nn.Conv2d(width, width, 4, 2, 1), nn.LeakyReLU(SLOPE)]
            stride, size = 2 * stride, size // 2
        return nn.Sequential(*layers, nn.Conv2d(width, 1, 3, padding=1))

    @torch.no_grad()
    def observe(self, real: Mapping[int, Tensor]) -> None:
        """Takes raw features of real images into the statistics, while they are still being gathered."""
        if int(self.seen) >= CALIBRATION:
            return
        self.seen += 1
        for i in self.levels:
            x = real[i].float()
            mean, square = (over_all(v.mean((0, 2, 3), keepdim=True)) for v in (x, x.square()))
            getattr(self, f"mean{i}").lerp_(mean, 1 / int(self.seen))
            getattr(self, f"square{i}").lerp_(square, 1 / int(self.seen))

    def forward(self, features: Mapping[int, Tensor]) -> tuple[Tensor, ...]:
        """Raw features by level -> a map of float32 logits (B, 1, h, w) for each level."""
        maps = []
        for i in self.levels:
            mean, square = getattr(self, f"mean{i}"), getattr(self, f"square{i}")
            rate = torch.rsqrt((square - mean.square()).clamp_min(0) + 1e-6)
            maps.append((features[i].float() - mean) * rate)
        if self.mixing:
            maps = self._mixed(maps)
        return tuple(head(x).float() for head, x in zip(self.heads, maps))

    def _mixed(self, maps: list[Tensor]) -> list[Tensor]:
        """Levels from shallow to deep, each with the deeper ones added."""
        mixed = [across(x) for across, x in zip(self.across, maps)]
        for k, down in reversed(list(enumerate(self.down))):
            deeper = F.interpolate(mixed[k + 1], mixed[k].shape[2:], mode="nearest")
            mixed[k] = mixed[k] + down(deeper)
        return mixed


@frozen
class CriticOptions:
    """What every loss with critics lets one set of their training; each says its own defaults."""

    learning_rate: float
    betas: tuple[float, ...]
    steps: int


class Opponents(AdversarialLoss[V]):
    """An adversarial loss with one critic a domain, the same network with independent initial weights."""

    def __init__(self, make: Callable[[], nn.Module], options: CriticOptions) -> None:
        super().__init__()
        # Channels last is twice as fast on processors with bfloat16 convolutions, and no slower elsewhere.
        self.critic_a, self.critic_b = (make().to(memory_format=torch.channels_last) for _ in "ab")
        self.critics = Pair(self.critic_a, self.critic_b)
        self.learning_rate, self.steps = options.learning_rate, options.steps
        self.betas = (options.betas[0], options.betas[1])
