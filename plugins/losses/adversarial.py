"""Least-squares and hinge adversarial losses, on features, on images, or on frozen features of images."""

# B batch, C channels, H W space; i level

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

import torch
from attrs import frozen, validators
from torch import Tensor, nn
from torch.nn import functional as F

from ...framework import (
    Encoder,
    ImageSpec,
    InputError,
    LevelSpec,
    LossOffer,
    Pair,
    View,
    betas_option,
    hookimpl,
    option,
    over_all,
)
from ..layers.augment import POLICIES, augmented
from ..layers.critics import CriticOptions, FeatureCritic, Opponents, PatchCritic, ProjectedCritic
from ..layers.pool import kept

Judged = Tensor | Mapping[int, Tensor]
"""What a critic sees: a map (B, C, H, W), or raw encoder features by level."""
RESUME = 5.0
"""A paused critic goes on once the ratio is this many times the one that paused it (0.1 and 0.5 in the original)."""


@frozen
class AdversarialOptions(CriticOptions):
    """The paper's inversion is `critic = "patch", norm = "batch", strided = 4`."""

    critic: str = option(
        "patch",
        "patch: PatchGAN; patchgan: as CycleGAN has it (70 x 70 pixels a logit where strided = 3); feature: one number "
        "a sample; projected: heads on frozen encoder features",
        validators.in_(("patch", "patchgan", "feature", "projected")),
    )
    width: int = option(32, "channels of the critic's first layer (PatchGAN as published: 64)", validators.ge(1))
    strided: int = option(
        4, 'strided convolutions of the critics "patch" and "patchgan" (paper: 4; CycleGAN: 3)', validators.ge(1)
    )
    norm: str = option(
        "batch",
        'norm of the critics "patch" and "patchgan" (paper: batch, CycleGAN: instance, but for the first layer)',
        validators.in_(("batch", "instance", "none", "spectral")),
    )
    judges: str = option(
        "fake",
        "fake: what is made of the other domain, or of these in an inversion; reconstructed: what is made of its own",
        validators.in_(("fake", "reconstructed")),
    )
    pool: int = option(
        0, "fakes of a domain that are kept and shown to its critic again (CycleGAN: 50; paper: 0)", validators.ge(0)
    )
    levels: tuple[int, ...] = option(
        (),
        'encoder levels that the critic "projected" judges (none: of images the three shallowest; of features their '
        "own and all deeper ones, to which the encoder goes on from them)",
    )
    roll: int = option(
        0, "shifts what the critic sees by up to this many image pixels, around the edges (paper: 0)", validators.ge(0)
    )
    augment: tuple[str, ...] = option(
        (),
        f"of {', '.join(POLICIES)}: changes what a critic of images sees, real and translated alike (DiffAugment: all "
        "three, for few images; paper: none)",
        validators.deep_iterable(validators.in_(tuple(POLICIES))),
    )
    mixing: bool = option(
        False,
        'fixed random convolutions mix the channels and levels that the critic "projected" sees (Sauer et al.: yes)',
    )
    r1: float = option(0.0, "weight of half the squared gradient at real samples (paper: 0)", validators.ge(0.0))
    r1_every: int = option(
        4, "critic updates from one such penalty to the next; it is multiplied by this", validators.ge(1)
    )
    pause: float = option(
        0.0,
        "gives a domain's critic no gradient from where its loss falls below this share of the translator's, "
        "until five times that (Dosovitskiy & Brox: 0.1; paper: 0)",
        validators.ge(0.0),
    )
    learning_rate: float = option(5e-4, "Adam's rate for the critics (paper: 1e-4)", validators.gt(0.0))
    betas: tuple[float, ...] = betas_option((0.5, 0.99), "Adam's betas for the critics (paper: 0.5, 0.999)")
    steps: int = option(1, "critic updates before each translator update", validators.ge(1))


@frozen
class Objective:
    """What a critic minimises on real and fake logits, and its generator on fakes."""

    real: Callable[[Tensor], Tensor]
    fake: Callable[[Tensor], Tensor]
    generator: Callable[[Tensor], Tensor]


LSGAN = Objective(lambda y: (y - 1).square(), lambda y: y.square(), lambda y: (y - 1).square())
HINGE = Objective(lambda y: F.relu(1 - y), lambda y: F.relu(1 + y), lambda y: -y)


class Adversarial(Opponents[View]):
    """One critic a domain with an objective. Logits are averaged a map, then over the maps of several levels."""

    paused: Tensor

    def __init__(
        self,
        objective: Objective,
        options: AdversarialOptions,
        make: Callable[[], nn.Module],
        levels: Sequence[LevelSpec] = (),
        stride: int = 1,
        pool: Callable[[], nn.Module] = nn.Identity,
    ) -> None:
        super().__init__(make, options)
        self.objective, self.options, self.stride = objective, options, stride
        self.strides = {level.number: level.stride for level in levels}
        self.encodes = tuple(self.strides)
        self.sees = tuple(f"encoded_{name}" if levels else name for name in ("real", options.judges))
        self.needs = frozenset(self.sees)
        self.register_buffer("paused", torch.zeros(2, dtype=torch.bool))
        self.pool_a, self.pool_b = pool(), pool()

    def terms(self, view: View) -> Mapping[str, Tensor]:
        """`adversarial`: the generators' objective on both domains' fakes."""
        shift = self._shift()
        a, b = self.critics.zip(
            lambda critic, fake: _mean(self.objective.generator, critic(self._rolled(fake, shift))),
            getattr(view, self.sees[1]),
        )
        return {"adversarial": a + b}

    def critic_terms(self, view: View, step: int) -> Mapping[str, Tensor]:
        """`critic` and, every so often where r1 is on, `r1`, already weighted."""
        reals, fakes = (getattr(view, name) for name in self.sees)
        fakes = Pair(self.pool_a, self.pool_b).zip(lambda pool, fake: pool(fake), fakes)
        shift = self._shift()
        terms: dict[str, Tensor] = {}
        for index, (critic, real, fake) in enumerate(zip(self.critics, reals, fakes)):
            if isinstance(critic, ProjectedCritic):
                critic.observe(real)
            real, fake = self._rolled(real, shift), self._rolled(fake, shift)
            on_fake = critic(fake)
            loss = _mean(self.objective.real, critic(real)) + _mean(self.objective.fake, on_fake)
            if self.options.pause:
                loss = loss * self._running(index, loss, _mean(self.objective.generator, on_fake))
            _add(terms, "critic", loss)
            if self.options.r1 and step % self.options.r1_every == 0:
                _add(terms, "r1", 0.5 * self.options.r1 * self.options.r1_every * _squared_gradient(critic, real))
        return terms

    def _running(self, index: int, critic: Tensor, generator: Tensor) -> Tensor:
        # Dosovitskiy & Brox stop a critic that is far ahead, whose gradient would teach its generator nothing.
        ratio = over_all(critic.detach()) / over_all(generator.detach()).abs().clamp_min(1e-8)
        limit = torch.where(self.paused[index], RESUME * self.options.pause, self.options.pause)
        self.paused[index] = ratio < limit
        return (~self.paused[index]).float()

    def _shift(self) -> tuple[int, int]:
        if not self.options.roll:
            return 0, 0
        down, right = torch.randint(-self.options.roll, self.options.roll + 1, (2,)).tolist()
        return down, right

    def _rolled(self, seen: Judged, shift: tuple[int, int]) -> Judged:
        if isinstance(seen, Tensor):
            return _roll(augmented(seen, self.options.augment), shift, self.stride)
        if shift == (0, 0):
            return seen
        return {i: _roll(x, shift, self.strides[i]) for i, x in seen.items() if i in self.strides}


def _roll(x: Tensor, shift: tuple[int, int], stride: int) -> Tensor:
    """Shifts by whole cells of a map whose cells are `stride` image pixels wide."""
    down, right = (round(s / stride) for s in shift)
    return x.roll((down, right), (2, 3)) if down or right else x


def _mean(function: Callable[[Tensor], Tensor], logits: Tensor | tuple[Tensor, ...]) -> Tensor:
    maps = (logits,) if isinstance(logits, Tensor) else logits
    return torch.stack([function(m).mean() for m in maps]).mean()


def _squared_gradient(critic: nn.Module, real: Judged) -> Tensor:
    """E |grad D(real)|^2, over all maps that D sees."""
    seen = {0: real} if isinstance(real, Tensor) else real
    leaves = {i: x.detach().float().requires_grad_(True) for i, x in seen.items()}
    logits = critic(leaves[0] if isinstance(real, Tensor) else leaves)
    maps = (logits,) if isinstance(logits, Tensor) else logits
    total = torch.stack([m.reshape(len(m), -1).mean(1).sum() for m in maps]).mean()
    gradients = torch.autograd.grad(total, list(leaves.values()), create_graph=True, allow_unused=True)
    return torch.stack([g.flatten(1).square().sum(1).mean() for g in gradients if g is not None]).sum()


def _add(terms: dict[str, Tensor], name: str, value: Tensor) -> None:
    terms[name] = terms[name] + value if name in terms else value


def build(
    objective: Objective, options: AdversarialOptions, *, here: LevelSpec, image: ImageSpec, encoder: Encoder
) -> Adversarial:
    """The loss with two fresh critics. Raises InputError when the critic does not fit the level."""
    _check(options, here)
    if options.critic == "projected":
        numbers = encoder.pyramid.numbers
        numbers = options.levels or (tuple(i for i in numbers if i >= here.number) if here.number else numbers[:3])
        if min(numbers) < here.number:
            found, expected = f"levels = {list(numbers)}", f"{here.number} and deeper ones"
            raise InputError(f'critic "projected" at level {here.number}', found=found, expected=expected)
        if here.number and type(encoder).continued is Encoder.continued:
            found = f"an encoder ({type(encoder).__name__}) that cannot go on from its features"
            raise InputError(f'critic "projected" at level {here.number}', found=found, expected="one with `continued`")
        levels = [encoder.pyramid[i] for i in numbers]

        def make_projected() -> nn.Module:
            return ProjectedCritic(levels, image.size, options.width, mixing=options.mixing)

        return Adversarial(objective, options, make_projected, levels)
    size = here.size(image.size)

    def make() -> nn.Module:
        if options.critic == "feature":
            return FeatureCritic(here.channels, size, options.width)
        published = options.critic == "patchgan"
        return PatchCritic(
            here.channels, size, options.width, strided=options.strided, norm=options.norm, published=published
        )

    return Adversarial(objective, options, make, stride=here.stride, pool=partial(kept, options.pool, here, size))


def _check(options: AdversarialOptions, here: LevelSpec) -> None:
    """`InputError` for options that do not go together."""
    instance = options.norm == "instance" and options.critic in ("patch", "patchgan")
    for key, clash, reason in (
        ("pool", options.critic == "projected", 'the critic "projected", which sees features'),
        ("r1", instance, 'norm = "instance", which has no second derivative here'),
        ("augment", options.critic == "projected", 'the critic "projected", which sees features'),
        ("augment", here.channels != 3, f"{here.channels} channels, which are no image"),
        ("mixing", options.critic != "projected", f'the critic "{options.critic}", which sees one map'),
    ):
        if (value := getattr(options, key)) and clash:
            raise InputError(f"{key} = {value}", found=reason, expected="none", cure="Change either.")


@hookimpl
def losses() -> Iterator[LossOffer]:
    """LSGAN and hinge."""
    yield LossOffer(
        name="lsgan",
        options=AdversarialOptions,
        build=partial(build, LSGAN),
        summary="least squares: real 1, fake 0; the paper's for inversion",
        source="Supplementary 6.1.2; Mao et al. 2017",
    )
    yield LossOffer(
        name="hinge",
        options=AdversarialOptions,
        build=partial(build, HINGE),
        summary="hinge: real above 1, fake below -1",
        source="Lim & Ye 2017 (ours for refinement)",
    )
