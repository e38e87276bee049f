"""The conditional translator of the shallower levels: content from below, style from here (Tables S2 and S3)."""

# B batch, C channels, H W space of this level; the deeper map is (B, C_d, H / 2^k, W / 2^k)

from __future__ import annotations

from collections.abc import Iterator

import torch
from attrs import frozen, validators
from torch import Tensor, nn
from torch.nn import functional as F

from ...framework import (
    ImageSpec,
    InputError,
    LevelSpec,
    Shared,
    TranslatorOffer,
    TranslatorPair,
    Twins,
    hookimpl,
    noise_like,
    option,
)
from ..layers.blocks import SLOPE, UPSAMPLING, doubling, halvings, initialise, shrink
from ..layers.norms import adain

SMALLEST_STYLE = 4  # Table S2 ends at 4x4


@frozen
class AdainOptions:
    """Tables S2 and S3 are `width = 0, style_width = 512, hidden = 1000`."""

    width: int = option(
        256, "channels of the content's convolutions (0: the deeper level's, Table S3)", validators.ge(0)
    )
    up_width: int = option(
        0,
        "channels after the upsampling (0: half of width; this level's where width = 0, as Table S3's \"x/2\" "
        "cannot be: gaps table, row 10)",
        validators.ge(0),
    )
    style_width: int = option(64, "channels of the style's strided convolutions (Table S2: 512)", validators.ge(1))
    style_convs: int = option(
        0,
        "how many of them there are (0: down to a map of 4x4, Table S2; another number, with pool = mean, serves "
        "images of any size)",
        validators.ge(0),
    )
    hidden: int = option(
        256, "units of the linear layer before the AdaIN parameters (Table S2: 1000)", validators.ge(1)
    )
    pool: str = option(
        "flatten",
        "how the style map becomes a vector: flatten (Table S2) or its mean over space (gaps table, row 13)",
        validators.in_(("flatten", "mean")),
    )
    upsample: str = option(
        "transposed",
        "transposed: kernel 4, stride 2 (Table S3); resize: nearest and 3x3, no checkerboard; shuffle: sub-pixel",
        validators.in_(UPSAMPLING),
    )
    style_gain: float = option(
        0.3, "initial weights of the last linear layer over sqrt(fan in) (gaps table, row 14: 0)", validators.ge(0.0)
    )
    noise: float = option(
        0.0,
        "deviation of Gaussian noise on the deeper features while training, so that their small errors are "
        "not copied (paper: none)",
        validators.ge(0.0),
    )
    shared: bool = option(
        False, "one network for both directions: only the deeper level's translation tells them apart (paper: two)"
    )
    init: str = option(
        "kaiming",
        "initial weights: kaiming, or normal with deviation 0.02 (gaps table, row 19)",
        validators.in_(("kaiming", "normal")),
    )


class Adain(nn.Module):
    """Tables S2 (style) and S3 (content): three AdaIN layers where the deeper level has twice the stride.

    With a larger ratio there is one upsampling and AdaIN more for each doubling; with equal strides a 3x3
    convolution takes the upsampling's place.
    """

    def __init__(self, channels: int, size: int, deeper: int, doublings: int, options: AdainOptions) -> None:
        super().__init__()
        wide = options.width or deeper
        narrow = options.up_width or (max(1, options.width // 2) if options.width else channels)
        self.noise, self.mean_pool = options.noise, options.pool == "mean"

        ins, convolutions = channels, list[nn.Module]()
        # 3, 4, 5, 6 convolutions at the paper's levels 4, 3, 2, 1 (gaps table, row 12)
        while len(convolutions) < 2 * options.style_convs if options.style_convs else size > SMALLEST_STYLE:
            convolutions += [nn.Conv2d(ins, options.style_width, 3, 2, 1), nn.LeakyReLU(SLOPE)]
            ins, size = options.style_width, (size + 1) // 2
        self.style = nn.Sequential(*convolutions)
        ups = [doubling(options.upsample, wide, wide) for _ in range(doublings - 1)]
        last_up = doubling(options.upsample, wide, narrow) if doublings else nn.Conv2d(wide, narrow, 3, padding=1)
        self.content = nn.ModuleList(
            [nn.Conv2d(deeper, wide, 3, padding=1), nn.Conv2d(wide, wide, 3, padding=1), *ups, last_up]
        )
        self.widths = [wide] * (len(self.content) - 1) + [narrow]
        self.to_hidden = nn.Linear(ins if self.mean_pool else ins * size * size, options.hidden)
        self.to_parameters = nn.Linear(options.hidden, 2 * sum(self.widths))
        self.last = nn.Conv2d(narrow, channels, 3, padding=1)
        initialise(self, options.init)
        shrink(self.to_parameters, options.style_gain)
        shrink(self.last, 0.5)

    def forward(self, features: Tensor, deeper: Tensor) -> Tensor:
        """(B, C, H, W) and (B, C_d, H / 2^k, W / 2^k), both in [-1, 1] -> (B, C, H, W), float32, in [-1, 1]."""
        h = deeper
        if self.training and self.noise:
            h = (h + self.noise * noise_like(h)).clamp(-1, 1)
        for layer, parameters in zip(self.content, self.parameters_of_style(features)):
            scale, shift = parameters.chunk(2, dim=1)
            h = F.leaky_relu(adain(layer(h), 1 + scale, shift), SLOPE)
        return torch.tanh(self.last(h).float())

    def parameters_of_style(self, features: Tensor) -> tuple[Tensor, ...]:
        """For each AdaIN layer of w channels (B, 2w, 1, 1), float32: scales minus one, then shifts."""
        h = self.style(features)
        h = h.mean((2, 3)) if self.mean_pool else h.flatten(1)
        h = self.to_parameters(F.leaky_relu(self.to_hidden(h), SLOPE)).float()
        return h[:, :, None, None].split([2 * w for w in self.widths], dim=1)


def build(options: AdainOptions, *, here: LevelSpec, deeper: LevelSpec | None, image: ImageSpec) -> TranslatorPair:
    """Both translators of one level. Raises InputError without a deeper level, or when the strides do not fit."""
    where = f"translator adain at level {here.number}"
    if deeper is None:
        raise InputError(
            where,
            found="no deeper translated level",
            expected="one, whose features are the content",
            cure="Use the translator 'deepest' for the first stage.",
        )
    size, doublings = here.size(image.size), halvings(deeper.stride / here.stride)
    if doublings is None:
        raise InputError(
            where,
            found=f"stride {deeper.stride} at level {deeper.number} and {here.stride} here",
            expected="a ratio of 1, 2, 4, …",
            cure="Translate another level before this one, or use another encoder.",
        )
    deeper.size(image.size)  # refuses image sizes that the deeper stride does not divide
    parts = (here.channels, size, deeper.channels, doublings, options)
    return Shared(Adain(*parts)) if options.shared else Twins(Adain(*parts), Adain(*parts))


@hookimpl
def translators() -> Iterator[TranslatorOffer]:
    """The conditional translator."""
    yield TranslatorOffer(
        name="adain",
        options=AdainOptions,
        build=build,
        summary="content from the deeper translation, style from this level by AdaIN",
        source="Tables S2, S3; Fig. 4",
    )
