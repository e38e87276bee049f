"""Adversarial losses with critics at several scales of one image: MUNIT's and DRIT's."""

# B batch, C channels, H W space

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from attrs import frozen, validators
from torch import Tensor, nn
from torch.nn import functional as F

from ...framework import ImageSpec, InputError, LevelSpec, LossOffer, View, betas_option, hookimpl, option
from ..layers.blocks import check_half, initialise
from ..layers.borders import ReflectedConv
from ..layers.critics import CriticOptions, Opponents
from .adversarial import HINGE, LSGAN, Objective

BCE = Objective(lambda y: F.softplus(-y), F.softplus, lambda y: F.softplus(-y))
"""Binary cross-entropy of logits, the original GAN loss in its non-saturating form."""
OBJECTIVES = {"lsgan": LSGAN, "bce": BCE, "hinge": HINGE}
SCALES = 3
"""At most, as published."""


@frozen
class MultiScaleOptions(CriticOptions):
    """As published: `width = 64, scales = 3`, with `objective = "lsgan"` (MUNIT) or `"bce", slope = 0.01` (DRIT)."""

    objective: str = option(
        "lsgan", "least squares (MUNIT), binary cross-entropy (DRIT) or hinge", validators.in_(tuple(OBJECTIVES))
    )
    scales: int = option(
        0, f"how often the image is judged, each time half as large (0: as often as fits, at most {SCALES})",
        validators.ge(0),
    )  # fmt: skip
    strided: int = option(4, "strided convolutions at each scale", validators.ge(1))
    width: int = option(64, "channels after the first of them; each doubles these", validators.ge(1))
    slope: float = option(
        0.2, "of the leaky ReLUs (DRIT: 0.01, the library's default, where 0.2 was meant)", validators.ge(0.0)
    )
    fakes: tuple[str, ...] = option(
        ("fake",),
        "what is judged, as the translator's view calls it: fake, and DRIT's swapped (with an encoded attribute) and "
        "varied (with a second random one)",
        validators.min_len(1),
    )
    learning_rate: float = option(1e-4, "Adam's rate for the critics (published: 1e-4)", validators.gt(0.0))
    betas: tuple[float, ...] = betas_option((0.5, 0.999), "Adam's betas for the critics (published: 0.5, 0.999)")
    steps: int = option(1, "critic updates before each translator update", validators.ge(1))


class MultiScaleCritic(nn.Module):
    """At each scale strided 4x4 convolutions and a 1x1 one to a map of logits; no norm, weights from N(0, 0.02)."""

    def __init__(self, channels: int, scales: int, options: MultiScaleOptions) -> None:
        super().__init__()

        def one() -> nn.Module:
            ins, layers = channels, list[nn.Module]()
            for outs in (options.width * 2**k for k in range(options.strided)):
                layers += [ReflectedConv(ins, outs, 4, 2, 1), nn.LeakyReLU(options.slope)]
                ins = outs
            return nn.Sequential(*layers, nn.Conv2d(ins, 1, 1))

        self.scales = nn.ModuleList(one() for _ in range(scales))
        initialise(self, "normal")

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """(B, C, H, W) -> a map of float32 logits (B, 1, h, w) for each scale, finest first."""
        maps = []
        for k, critic in enumerate(self.scales):
            x = F.avg_pool2d(x, 3, 2, 1, count_include_pad=False) if k else x
            maps.append(critic(x).float())
        return tuple(maps)


class MultiScale(Opponents[View]):
    """The objective, averaged over each map and summed over scales, fakes and domains, as both papers have it."""

    def __init__(self, options: MultiScaleOptions, *, here: LevelSpec, image: ImageSpec) -> None:
        scales = fitting_scales(here.size(image.size), options)
        super().__init__(lambda: MultiScaleCritic(here.channels, scales, options), options)
        self.objective, self.fakes = OBJECTIVES[options.objective], options.fakes
        self.needs = frozenset({"real", *options.fakes})

    def terms(self, view: View) -> Mapping[str, Tensor]:
        """`adversarial`: the generators' objective."""
        judged = [self.critics.zip(self._generator, getattr(view, name)) for name in self.fakes]
        return {"adversarial": torch.stack([value for pair in judged for value in pair]).sum()}

    def critic_terms(self, view: View, step: int) -> Mapping[str, Tensor]:
        """`critic`: the critics' objective; with several fakes the real images count as often."""
        judged = [self.critics.zip(self._critic, view.real, getattr(view, name)) for name in self.fakes]
        return {"critic": torch.stack([value for pair in judged for value in pair]).sum()}

    def _generator(self, critic: nn.Module, fake: Tensor) -> Tensor:
        return torch.stack([self.objective.generator(y).mean() for y in critic(fake)]).sum()

    def _critic(self, critic: nn.Module, real: Tensor, fake: Tensor) -> Tensor:
        pairs = zip(critic(real), critic(fake))
        return torch.stack([self.objective.real(r).mean() + self.objective.fake(f).mean() for r, f in pairs]).sum()


def fitting_scales(size: int, options: MultiScaleOptions) -> int:
    """How many scales a map of `size` pixels a side is judged at. InputError when those asked for do not fit."""
    where, fitting, side = "loss multiscale", 0, size
    check_half(size, options.strided, where, "Use fewer `strided` convolutions or a larger image.size.")
    while side >= 2**options.strided and fitting < max(SCALES, options.scales):
        side, fitting = (side + 1) // 2, fitting + 1
    if options.scales > fitting:
        raise InputError(
            where,
            found=f"scales = {options.scales} with {options.strided} strided convolutions on {size} x {size}",
            expected=f"at most {fitting}",
            cure="Use fewer scales, fewer `strided` convolutions or a larger image.size.",
        )
    return options.scales or fitting


@hookimpl
def losses() -> Iterator[LossOffer]:
    """Multi-scale."""
    yield LossOffer(
        name="multiscale",
        options=MultiScaleOptions,
        build=MultiScale,
        summary="critics at up to three scales: least squares (MUNIT), cross-entropy (DRIT) or hinge",
        source="Huang et al. 2018; Lee et al. 2018",
    )
