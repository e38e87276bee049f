"""GANimorph's objective (Gokaslan et al. 2018): a dilated critic, feature matching and a cycle that looks at structure.

One loss, because the paper weighs its terms against each other after dividing each by its own recent size: 0.49 least
squares, 0.21 feature matching, 0.3 cycle (0.7 of 1 - MS-SSIM and 0.3 of L1). What differs from the public
implementation, and why:

- The recent size is a moving average that forgets 1 % an update and is looked at every 200, as the paper says; the code
  forgets 0.01 %, which 200 updates do not notice.
- MS-SSIM has as many scales as the image has room for (five at 128 px), a centred window of 7, the usual constants, and
  does not become NaN where contrasts are opposed; the code has five, a window of 8 half a pixel off, and does.
- Values are in [-1, 1]: L1 is halved to what it is in [0, 1].
"""

# B batch, C channels, H W space

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from attrs import frozen, validators
from torch import Tensor, nn
from torch.nn import functional as F

from ....framework import (
    Features,
    ImageSpec,
    InputError,
    LevelSpec,
    LossOffer,
    TranslationView,
    betas_option,
    hookimpl,
    l1,
    option,
    over_all,
)
from ...layers.counts import Counting
from ...layers.critics import CriticOptions, Opponents
from .translator import Normed, halving, same

REAL = 0.9
"""What the critics are to say of real images and the generators want said of theirs (one-sided label smoothing)."""
DECAY, EVERY = 0.99, 200
SHARES = {"adversarial": 0.49, "matching": 0.21, "cycle": 0.3}
STRUCTURE = 0.7
"""Of the cycle; the rest is L1."""
WINDOW, DEVIATION = 7, 1.5
C1, C2 = 0.01**2, 0.03**2
SCALES = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""MS-SSIM's exponents (Wang et al. 2003)."""


@frozen
class GanimorphLossOptions(CriticOptions):
    """The published critic has width 128."""

    width: int = option(128, "channels of the critic's first layer (published: 128)", validators.ge(1))
    learning_rate: float = option(2e-4, "Adam's rate for the critics (published: 2e-4)", validators.gt(0.0))
    betas: tuple[float, ...] = betas_option((0.5, 0.999), "Adam's betas for the critics (published: 0.5, 0.999)")
    steps: int = option(1, "critic updates before each generator update", validators.ge(1))


class DilatedCritic(nn.Module):
    """Each logit sees the whole image: three halvings, then 3x3 convolutions of dilation 1, 2, 4 and 8."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        wide = 4 * width
        self.entry = nn.Sequential(halving(channels, width), nn.ReLU())
        self.downs = nn.ModuleList(
            [Normed(halving(width, 2 * width), 2 * width), Normed(halving(2 * width, wide), wide)]
        )
        self.near = Normed(same(wide, wide), wide)
        self.far = nn.ModuleList(Normed(same(wide, wide, dilation), wide) for dilation in (2, 4, 8))
        self.join = Normed(same(2 * wide, wide), wide)
        self.last = nn.Sequential(nn.ZeroPad2d((1, 2, 1, 2)), nn.Conv2d(wide, 1, 4, bias=False))

    def forward(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """(B, C, H, W) -> (B, 1, H / 8, W / 8) float32 logits, and the maps on the way but the first."""
        h, maps = self.entry(x), list[Tensor]()
        for layer in (*self.downs, self.near):
            h = layer(h)
            maps.append(h)
        near = h
        for layer in self.far:
            h = layer(h)
            maps.append(h)
        maps.append(self.join(torch.cat([near, h], 1)))
        return self.last(maps[-1]).float(), maps


def matching(real: list[Tensor], fake: list[Tensor]) -> Tensor:
    """Mean squared difference of the batches' mean maps, averaged over the maps."""
    means = [over_all(r.float().mean(0) - f.float().mean(0)) for r, f in zip(real, fake)]
    return torch.stack([m.square().mean() for m in means]).mean()


def ms_ssim(x: Tensor, y: Tensor) -> Tensor:
    """Multi-scale structural similarity (Wang et al. 2003) of (B, C, H, W) in [-1, 1], mean over channels, to 1."""
    x, y = ((v.float() + 1) / 2 for v in (x, y))
    scales = [w for k, w in enumerate(SCALES) if min(x.shape[2:]) >> k >= WINDOW]
    value = x.new_ones(())
    for k, weight in enumerate(scales):
        if k:
            x, y = F.avg_pool2d(x, 2), F.avg_pool2d(y, 2)
        luminance, contrast = _ssim(x, y)
        # a negative base has no power
        part = over_all((luminance * contrast if k == len(scales) - 1 else contrast).mean((0, 2, 3))).clamp_min(1e-6)
        value = value * part ** (weight / sum(scales))
    return value.mean()


def _ssim(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """The maps of luminance, and of contrast and structure."""
    mean_x, mean_y, xx, yy, xy = _blurred(torch.cat([x, y, x * x, y * y, x * y], 1)).chunk(5, 1)
    both, squares = mean_x * mean_y, mean_x.square() + mean_y.square()
    return (2 * both + C1) / (squares + C1), (2 * (xy - both) + C2) / (xx + yy - squares + C2)


def _blurred(x: Tensor) -> Tensor:
    """Under a Gaussian window, without the border."""
    places = torch.arange(WINDOW, device=x.device, dtype=x.dtype) - WINDOW // 2
    taps = torch.exp(-places.square() / (2 * DEVIATION**2))
    taps, n = taps / taps.sum(), x.shape[1]
    with torch.autocast(x.device.type, enabled=False):  # differences of squares need their digits
        x = F.conv2d(x, taps.view(1, 1, -1, 1).expand(n, -1, -1, -1), groups=n)
        return F.conv2d(x, taps.view(1, 1, 1, -1).expand(n, -1, -1, -1), groups=n)


class Ganimorph(Counting, Opponents[TranslationView]):
    """The whole objective; it owns a critic a domain, and the terms' recent sizes, which are part of checkpoints."""

    needs = frozenset({"real", "fake", "features", "cycled"})
    counts = ("updates",)
    average: Tensor
    divisor: Tensor
    updates: Tensor

    def __init__(self, options: GanimorphLossOptions, *, here: LevelSpec, image: ImageSpec) -> None:
        size = here.size(image.size)
        if size < 16:
            raise InputError(
                f"loss ganimorph at level {here.number}", found=f"a map of {size} x {size}", expected="at least 16 x 16"
            )
        super().__init__(lambda: DilatedCritic(here.channels, options.width), options)
        self.register_buffer("average", torch.zeros(len(SHARES)))
        self.register_buffer("divisor", torch.ones(len(SHARES)))
        self.register_buffer("updates", torch.zeros((), dtype=torch.long))

    def terms(self, view: TranslationView) -> Mapping[str, Tensor]:
        """`adversarial`, `matching` and `cycle`, each summed over both domains, divided by its size, and weighted."""
        a, b = self.critics.zip(_judged, view.real, view.fake)
        c, d = view.cycled.zip(_cycle, view.features)
        values = (a[0] + b[0], a[1] + b[1], c + d)
        self._measure(over_all(torch.stack([v.detach() for v in values])))
        return {name: share * v / d for (name, share), v, d in zip(SHARES.items(), values, self.divisor.clone())}

    def critic_terms(self, view: TranslationView, step: int) -> Mapping[str, Tensor]:
        """`critic`: least squares to 0.9 and 0, halved."""
        a, b = self.critics.zip(_opposed, view.real, view.fake)
        return {"critic": a + b}

    def _measure(self, values: Tensor) -> None:
        self.average.copy_(values if self.updates == 0 else torch.lerp(values, self.average, DECAY))
        if self.updates % EVERY == 0:
            self.divisor.copy_(self.average.clamp_min(1e-10))
        self.updates += 1


def _judged(critic: nn.Module, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    logits, maps = critic(fake)
    with torch.no_grad():
        _, wanted = critic(real)
    return (logits - REAL).square().mean(), matching(wanted, maps)


def _opposed(critic: nn.Module, real: Tensor, fake: Tensor) -> Tensor:
    return 0.5 * ((critic(real)[0] - REAL).square().mean() + critic(fake)[0].square().mean())


def _cycle(cycled: Features, real: Features) -> Tensor:
    ((x, y),) = ((cycled[i], real[i]) for i in cycled)
    return STRUCTURE * (1 - ms_ssim(x, y)) + (1 - STRUCTURE) * l1(x, y) / 2


@hookimpl
def losses() -> Iterator[LossOffer]:
    """GANimorph's objective."""
    yield LossOffer(
        name="ganimorph",
        options=GanimorphLossOptions,
        build=Ganimorph,
        summary="a dilated critic, feature matching, and a cycle by MS-SSIM and L1, kept in proportion",
        source="Gokaslan et al. 2018",
    )
