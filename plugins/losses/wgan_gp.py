"""Wasserstein critics with a gradient penalty, the paper's adversarial loss (Eq. 1)."""

# B batch, C channels, H W space

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import torch
from attrs import frozen, validators
from torch import Tensor, nn
from torch.nn import functional as F

from ...framework import ImageSpec, LevelSpec, LossOffer, View, betas_option, hookimpl, of_batch, option
from ..layers.critics import CriticOptions, FeatureCritic, Opponents, SpaceMean

TINY = 1e-12
"""Under the root of the penalty's norm, whose derivative is infinite at 0."""


@frozen
class WganGpOptions(CriticOptions):
    """The paper is `learning_rate = 1e-4, betas = [0.5, 0.999], steps = 4, penalty_every = 1`."""

    width: int = option(
        96, "channels of the critic (gaps table, row 5: 256 to 512; the paper does not say)", validators.ge(1)
    )
    head: str = option(
        "flatten",
        "flatten and linear, or 1x1 convolution and mean a sample (gaps table, row 5)",
        validators.in_(("flatten", "mean")),
    )
    lambda_gp: float = option(10.0, "weight of the gradient penalty (Eq. 1: 10)", validators.ge(0.0))
    penalty_every: int = option(
        2, "critic updates from one penalty to the next; the penalty is multiplied by it (paper: 1)", validators.ge(1)
    )
    penalty: str = option(
        "tangent",
        "how its gradient is found; both give the same, tangent in about half the time",
        validators.in_(("tangent", "double-backward")),
    )
    learning_rate: float = option(
        5e-4, "Adam's rate for the critics (paper: 1e-4, the translators')", validators.gt(0.0)
    )
    betas: tuple[float, ...] = betas_option((0.5, 0.9), "Adam's betas for the critics (paper: 0.5, 0.999)")
    steps: int = option(2, "critic updates before each translator update (paper: 4)", validators.ge(1))


def straight(critic: nn.Module) -> Sequence[nn.Module] | None:
    """The layers of a critic that is a plain sequence of linear ones and leaky ReLUs; None for any other critic."""
    layers = critic if isinstance(critic, nn.Sequential) else getattr(critic, "layers", None)
    if not isinstance(layers, nn.Sequential):
        return None
    for layer in layers:
        if type(layer) is nn.Conv2d:
            if layer.padding_mode != "zeros":
                return None
        elif type(layer) not in (nn.Linear, nn.LeakyReLU, nn.Flatten, SpaceMean):
            return None
    return list(layers)


def tangent_penalty(layers: Sequence[nn.Module], x: Tensor) -> Tensor:
    """E (|grad D(x)| - 1)^2 for a piecewise linear critic D, without double backward.

    With g = grad D(x) and v = g / |g| held fixed, |g| = J(x) v, and J's parameters enter J(x) v through linear layers
    only, because the leaky ReLUs' slopes are constant almost everywhere. So d/dw (|g| - 1)^2 = 2 (|g| - 1) d/dw J(x) v:
    one more forward pass, of the tangent, and one ordinary backward pass.
    """
    x = x.detach().requires_grad_(True)
    h, before = x, list[Tensor]()
    with torch.enable_grad():
        for layer in layers:
            if isinstance(layer, nn.LeakyReLU):
                before.append(h.detach())
            h = layer(h)
        (g,) = torch.autograd.grad(h.float().sum(), x)
    norm = (g.float().flatten(1).square().sum(1) + TINY).sqrt()  # (B,)

    t, masks = g / norm.view(-1, 1, 1, 1), iter(before)
    for layer in layers:
        if isinstance(layer, nn.Conv2d):
            t = F.conv2d(t, layer.weight, None, layer.stride, layer.padding, layer.dilation, layer.groups)
        elif isinstance(layer, nn.Linear):
            t = F.linear(t, layer.weight)
        elif isinstance(layer, nn.LeakyReLU):  # times the slope that the value itself met, in one pass
            t = torch.ops.aten.leaky_relu_backward(t, next(masks), layer.negative_slope, False)
        else:
            t = layer(t)
    excess = norm - 1
    gradient = (2 / len(x) * excess * t.float().reshape(-1)).sum()
    # The value is the penalty's and the gradient is the tangent's, so the caller's one backward serves both.
    return excess.square().mean() + (gradient - gradient.detach())


def double_backward_penalty(critic: nn.Module, x: Tensor) -> Tensor:
    """E (|grad D(x)| - 1)^2 for any critic, as Eq. (1) is usually coded."""
    x = x.detach().requires_grad_(True)
    with torch.enable_grad():
        (g,) = torch.autograd.grad(critic(x).float().sum(), x, create_graph=True)
    norm = (g.float().flatten(1).square().sum(1) + TINY).sqrt()
    return (norm - 1).square().mean()


class WganGp(Opponents[View]):
    """Eq. (1): critics minimise E D(fake) - E D(real) + penalty, translators -E D(fake) (gaps table, row 7)."""

    needs = frozenset({"real", "fake"})

    def __init__(self, options: WganGpOptions, *, here: LevelSpec, image: ImageSpec) -> None:
        super().__init__(
            lambda: FeatureCritic(here.channels, here.size(image.size), options.width, options.head), options
        )
        self.options = options

    def terms(self, view: View) -> Mapping[str, Tensor]:
        """`adversarial`: -E D_B(b~) - E D_A(a~)."""
        a, b = self.critics.zip(lambda critic, fake: -critic(fake).mean(), view.fake)
        return {"adversarial": a + b}

    def critic_terms(self, view: View, step: int) -> Mapping[str, Tensor]:
        """`wasserstein` (minus the gap between real and fake) and, every so often, `penalty`, already weighted."""
        a, b = self.critics.zip(self._gap, view.real, view.fake)
        terms = {"wasserstein": a + b}
        if step % self.options.penalty_every == 0:
            a, b = self.critics.zip(self._penalty, view.real, view.fake)
            terms["penalty"] = self.options.lambda_gp * self.options.penalty_every * (a + b)
        return terms

    @staticmethod
    def _gap(critic: nn.Module, real: Tensor, fake: Tensor) -> Tensor:
        on_real, on_fake = critic(torch.cat([real, fake])).split([len(real), len(fake)])
        return on_fake.mean() - on_real.mean()

    def _penalty(self, critic: nn.Module, real: Tensor, fake: Tensor) -> Tensor:
        # the trainer seeds this generator every step
        share = of_batch(lambda n: torch.rand(n, 1, 1, 1, device=real.device), len(real))
        between = torch.lerp(real.float(), fake.float(), share)
        layers = straight(critic) if self.options.penalty == "tangent" else None
        return double_backward_penalty(critic, between) if layers is None else tangent_penalty(layers, between)


@hookimpl
def losses() -> Iterator[LossOffer]:
    """WGAN-GP."""
    yield LossOffer(
        name="wgan-gp",
        options=WganGpOptions,
        build=WganGp,
        summary="Wasserstein critics with a gradient penalty, for features",
        source="Eq. (1); Gulrajani et al. 2017",
    )
