"""DRIT's own losses: the content critic, the two priors, and mode seeking."""

# B batch, C channels, H W space, S the attribute's size

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from attrs import frozen, validators
from torch import Tensor, nn
from torch.nn import functional as F

from ....framework import (
    AdversarialLoss,
    ImageSpec,
    InputError,
    LevelSpec,
    Loss,
    LossOffer,
    Pair,
    betas_option,
    hookimpl,
    l1,
    option,
    over_all,
)
from ...layers.blocks import SLOPE, initialise
from ...layers.borders import ReflectedConv
from ...layers.norms import InstanceNorm
from ..munit.translator import ContentView
from .networks import STRICT_SLOPE
from .translator import DritView

SMALLEST = 4
"""The content critic halves its map down to this many pixels a side."""
STRICT_STRIDED, STRICT_LEAST = 3, 53
"""Strided convolutions of the published one, and the pixels a side that these need."""
TINY = 1e-5
"""Keeps mode seeking finite where two styles give one image (DRIT++: the same)."""


@frozen
class ContentAdversarialOptions:
    """As published: `strict = true`."""

    channels: int = option(
        256, "channels of the content: the translator's width, doubled `downs` times", validators.ge(1)
    )
    downs: int = option(2, "how often the translator halves the level's map", validators.ge(0))
    norm: str = option(
        "none",
        "norm of the critic: none, which is what upstream runs, or instance, which is what it asks for",
        validators.in_(("none", "instance")),
    )
    clip: float = option(5.0, "the critic's gradient is shortened to this norm (published: 5)", validators.gt(0.0))
    strict: bool = option(
        False, "three 7x7 convolutions, for contents of at least 53 pixels a side (crops of 212), slope 0.01, no norm"
    )
    learning_rate: float = option(4e-5, "Adam's rate for the critic (published: 4e-5)", validators.gt(0.0))
    betas: tuple[float, ...] = betas_option((0.5, 0.999), "Adam's betas for the critic (published: 0.5, 0.999)")
    steps: int = option(3, "critic updates before each translator update (published: 3)", validators.ge(1))


class ContentCritic(nn.Module):
    """Which domain a content is of: strided convolutions down to 4x4 at most, one over what is left, a 1x1 one.

    `strict`: three 7x7 ones of stride 2 and a 4x4 one over whatever is left.
    """

    def __init__(self, channels: int, size: int, norm: str, strict: bool) -> None:
        super().__init__()
        slope, kernel = (STRICT_SLOPE, 7) if strict else (SLOPE, 4)
        layers: list[nn.Module] = []
        while len(layers) < 2 * STRICT_STRIDED if strict else size > SMALLEST:
            layers.append(ReflectedConv(channels, channels, kernel, 2, 1))
            size = (size + 2 - kernel) // 2 + 1
            if norm == "instance" and not strict:
                layers.append(InstanceNorm(channels))
            layers.append(nn.LeakyReLU(slope))
        last = nn.Conv2d(channels, channels, min(SMALLEST, size))
        self.layers = nn.Sequential(*layers, last, nn.LeakyReLU(slope), nn.Conv2d(channels, 1, 1))
        initialise(self, "normal")

    def forward(self, content: Tensor) -> Tensor:
        """(B, C, H, W) -> float32 logits, above 0 for domain b."""
        return self.layers(content).float()


class ContentAdversarial(AdversarialLoss[ContentView]):
    """One critic tells the domains' contents apart, and the encoders make it undecided: p = 1/2 for each."""

    needs = frozenset({"contents"})

    def __init__(self, options: ContentAdversarialOptions, *, here: LevelSpec, image: ImageSpec) -> None:
        super().__init__()
        size, least = here.size(image.size) // 2**options.downs, STRICT_LEAST if options.strict else 1
        if size < least:
            raise InputError(
                "loss content-adversarial",
                found=f"contents of {size} x {size}" + (" with strict = true" if options.strict else ""),
                expected=f"at least {least}",
                cure="Use a larger image.size, fewer `downs`, or strict = false.",
            )
        critic = ContentCritic(options.channels, size, options.norm, options.strict)
        self.critic = critic.to(memory_format=torch.channels_last)
        self.critics, self.clip, self.shape = Pair(self.critic, self.critic), options.clip, (options.channels, size)
        self.learning_rate, self.steps = options.learning_rate, options.steps
        self.betas = (options.betas[0], options.betas[1])

    def terms(self, view: ContentView) -> Mapping[str, Tensor]:
        """`content-adversarial`: cross-entropy against 1/2, summed over both domains."""
        a, b = view.contents.map(self._judged).map(lambda y: 0.5 * (F.softplus(y) + F.softplus(-y)).mean())
        return {"content-adversarial": a + b}

    def critic_terms(self, view: ContentView, step: int) -> Mapping[str, Tensor]:
        """`critic`: cross-entropy, domain a being 0 and b 1."""
        a, b = view.contents.map(self._judged)
        return {"critic": F.softplus(a).mean() + F.softplus(-b).mean()}

    def _judged(self, content: Tensor) -> Tensor:
        channels, size = self.shape
        if content.shape[1:] != (channels, size, size):
            raise InputError(
                "loss content-adversarial",
                found=f"contents of {content.shape[1]} channels, {content.shape[2]} x {content.shape[3]}",
                expected=f"{channels} channels, {size} x {size}",
                cure="Give it the translator's `downs`, and `channels` = its `width` doubled so often.",
            )
        return self.critic(content)


class StylePrior(Loss[DritView]):
    """Attributes are like the prior: the divergence of each posterior from N(0, 1), or of a code its mean square."""

    needs = frozenset({"posteriors"})

    def terms(self, view: DritView) -> Mapping[str, Tensor]:
        """`style-prior`: summed over an attribute's numbers (mean square: averaged) and both domains."""
        a, b = view.posteriors.map(_divergence)
        return {"style-prior": a + b}


def _divergence(posterior: Mapping[str, Tensor]) -> Tensor:
    square = posterior["mean"].float().square()
    if "log_variance" not in posterior:
        return square.mean()
    log_variance = posterior["log_variance"].float()
    return 0.5 * (square + log_variance.exp() - 1 - log_variance).sum(1).mean()


class ContentPrior(Loss[ContentView]):
    """Contents stay small: against their noise of N(0, 1) only that limits what they can say."""

    needs = frozenset({"contents"})

    def terms(self, view: ContentView) -> Mapping[str, Tensor]:
        """`content-prior`: the mean square, summed over both domains."""
        a, b = view.contents.map(lambda c: c.float().square().mean())
        return {"content-prior": a + b}


class ModeSeeking(Loss[DritView]):
    """Two attributes make two images: 1 / (|x - x'| / |z - z'| + 1e-5), differences averaged over the batch."""

    needs = frozenset({"fake", "varied", "drawn", "drawn_again"})

    def terms(self, view: DritView) -> Mapping[str, Tensor]:
        """`mode-seeking`: summed over both domains."""
        images, styles = view.fake.zip(_apart, view.varied), view.drawn.zip(_apart, view.drawn_again)
        a, b = images.zip(lambda image, style: 1 / (image / style + TINY), styles)
        return {"mode-seeking": a + b}


def _apart(x: Tensor, y: Tensor) -> Tensor:
    return over_all(l1(x, y))


@hookimpl
def losses() -> Iterator[LossOffer]:
    """The content critic, both priors, mode seeking."""
    source = "Lee et al. 2018, 2020"
    yield LossOffer(
        name="content-adversarial",
        options=ContentAdversarialOptions,
        build=ContentAdversarial,
        source=source,
        summary="nobody can tell by its content which domain an image is of (DRIT: weight 1)",
    )
    yield LossOffer(
        name="style-prior",
        build=lambda _: StylePrior(),
        source=source,
        summary="attributes are like draws from N(0, 1) (DRIT: weight 0.01)",
    )
    yield LossOffer(
        name="content-prior",
        build=lambda _: ContentPrior(),
        source=source,
        summary="contents stay small against their noise (DRIT: weight 0.01)",
    )
    yield LossOffer(
        name="mode-seeking",
        build=lambda _: ModeSeeking(),
        source="Mao et al. 2019; Lee et al. 2020",
        summary="different attributes give different images (DRIT++: weight 1)",
    )
