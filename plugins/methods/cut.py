"""CUT (Park et al. 2020): a patch of the translation must resemble the same patch of its source more than any other.

Resemblance is cosine in an embedding of the generator's own encoder features, learnt with it. There is no cycle: each
direction is trained by itself, and this pair holds two of them. With the losses `lsgan` (critic "patchgan", no pool)
and `patch-nce` on level 0 this is CUT. What differs from the public implementation, and why:

- Initial weights are N(0, 0.02), as CycleGAN's, where upstream's default is Xavier with gain 0.02, a fiftieth of the
  usual: its first images are flat grey, and instance norm hides the rest. `strict` brings it back.
- Embeddings are built with the generator, not at the first batch: their sizes are known.
- The source's features are those of the pass that makes the translation, not of a second one: the same values.
- The critics halve by strides as CycleGAN's do, where upstream also blurs there.
- What `plugins.cyclegan` says of the order of updates, of the critics' loss and of the rate.
"""

# B batch, C channels, H W space; P patches of a map, E the embedding's size

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import torch
from attrs import frozen, validators
from torch import Tensor, nn
from torch.nn import functional as F

from ...framework import (
    Features,
    ImageSpec,
    LevelSpec,
    Loss,
    LossOffer,
    Pair,
    TranslationView,
    TranslatorOffer,
    Twins,
    hookimpl,
    option,
)
from ..layers.blocks import Both, initialise
from ..layers.borders import reflected
from .cyclegan import ResnetGenerator, ResnetOptions, check_quarters, published_blocks

DEEPEST_BLOCK = 5
"""Of the generator's blocks the first and this one are embedded, besides the image and both halvings."""


@frozen
class CutOptions(ResnetOptions):
    """The published network is the default with `strict = true`."""

    embedding: int = option(256, "E, the size of a patch's embedding and of its hidden layer", validators.ge(1))
    patches: int = option(256, "P, patches of a map that are compared at most", validators.ge(2))
    strict: bool = option(False, "initial weights with Xavier gain 0.02, as upstream's default; else N(0, 0.02)")


@frozen
class PatchNceOptions:
    """The published loss is the default."""

    temperature: float = option(0.07, "of the softmax over patches", validators.gt(0.0))
    identity: bool = option(
        True, "also compares a target image with its own translation, and halves both (FastCUT: no)"
    )


class BlurredDown(nn.Module):
    """A 3x3 convolution at full size, then every second pixel of a [1, 2, 1] x [1, 2, 1] / 16 blur (Zhang 2019)."""

    def __init__(self, ins: int, outs: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(ins, outs, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C', H / 2, W / 2)."""
        twice = F.avg_pool2d(reflected(self.conv(x), 1), 2, stride=1)  # two boxes of 2 are [1, 2, 1]
        return F.avg_pool2d(twice, 2)


class BlurredUp(nn.Module):
    """Doubling by the [1, 3, 3, 1] blur, which is bilinear interpolation, then a 3x3 convolution at full size."""

    def __init__(self, ins: int, outs: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(ins, outs, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C', 2H, 2W)."""
        return self.conv(F.interpolate(x, scale_factor=2.0, mode="bilinear"))


class CutView(TranslationView):
    """Translations with embedded patches, by the domain of the generator that made them."""

    _pair: CutPair

    @cached_property
    def _made(self) -> Pair[tuple[Tensor, list[Tensor]]]:
        return self._into.zip(_translated, self.real.swap())

    @cached_property
    def _own(self) -> Pair[tuple[Tensor, list[Tensor]]]:
        return self._into.zip(_translated, self.real)

    @cached_property
    def fake(self) -> Pair[Tensor]:
        """fake.b is made from features.a."""
        return self._made.map(lambda made: made[0])

    @cached_property
    def identity(self) -> Pair[Features]:
        """identity.a is made from features.a."""
        return self._levelled(self._own.map(lambda made: made[0]))

    @cached_property
    def patches(self) -> Pair[list[tuple[Tensor, Tensor]]]:
        """For each map (B, P, E) of unit vectors of `fake` and, without gradient, of its source at the same places."""
        return self._into.zip(self._compared, self._pair.embed, self._made)

    @cached_property
    def identity_patches(self) -> Pair[list[tuple[Tensor, Tensor]]]:
        """`patches` of `identity`."""
        return self._into.zip(self._compared, self._pair.embed, self._own)

    def _compared(self, net: Any, embed: Any, made: tuple[Tensor, list[Tensor]]) -> list[tuple[Tensor, Tensor]]:
        image, source = made
        deepest, compared = self._pair.deepest, []
        maps = [[*m[:4], m[2 + deepest]] for m in (net.encode(image, deepest), source)]
        for embedding, of_made, of_source in zip(embed, *maps):
            places = torch.randperm(of_made[0, 0].numel(), device=image.device)[: self._pair.patches]
            with torch.no_grad():
                key = _embedded(embedding, of_source, places)
            compared.append((_embedded(embedding, of_made, places), key))
        return compared


class CutPair(Twins):
    """Two generators, and for each an embedding of what its encoder makes of sources and translations.

    `embed` has a network for each map: features of P patches (B, P, C) -> (B, P, E). InputError when the map cannot be
    halved.
    """

    view = CutView

    embed = Both()

    def __init__(self, options: CutOptions, *, here: LevelSpec, image: ImageSpec) -> None:
        size, width = here.size(image.size), options.width
        check_quarters(size, f"translator cut at level {here.number}")
        blocks = options.blocks or published_blocks(size)
        widths = [here.channels, 2 * width, 4 * width, 4 * width, 4 * width]
        generators, embeddings = [], []
        for _ in "ab":
            generators.append(ResnetGenerator(here.channels, width, blocks, BlurredDown, BlurredUp))
            embeddings.append(nn.ModuleList(_embedding(w, options.embedding) for w in widths))
        super().__init__(*generators)
        self.embed_a, self.embed_b = embeddings
        self.deepest, self.patches = min(DEEPEST_BLOCK, blocks), options.patches
        initialise(self, "normal")
        if options.strict:
            for module in (m for g in generators for m in g.modules() if isinstance(m, nn.Conv2d)):
                nn.init.xavier_normal_(module.weight, 0.02)


def _embedding(ins: int, size: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(ins, size), nn.ReLU(), nn.Linear(size, size))


def _translated(net: Any, features: Tensor) -> tuple[Tensor, list[Tensor]]:
    maps = net.encode(features, len(net.blocks))
    return net.decode(maps[-1]), maps


def _embedded(embedding: nn.Module, x: Tensor, places: Tensor) -> Tensor:
    return F.normalize(embedding(x.permute(0, 2, 3, 1).flatten(1, 2)[:, places]).float(), dim=2)


def patch_nce(query: Tensor, key: Tensor, temperature: float) -> Tensor:
    """Cross entropy of each query's own key among all of its image's; both (B, P, E), unit vectors (CUT's Eq. 3)."""
    logits = query @ key.transpose(1, 2) / temperature
    own = torch.arange(logits.shape[1], device=logits.device).expand(logits.shape[:2])
    return F.cross_entropy(logits.flatten(0, 1), own.flatten())


class PatchNce(Loss[CutView]):
    """Patches of a translation against those of its source, the mean over the maps."""

    def __init__(self, options: PatchNceOptions) -> None:
        super().__init__()
        self.temperature = options.temperature
        self.sees = ("patches", "identity_patches") if options.identity else ("patches",)
        self.needs = frozenset(self.sees)

    def terms(self, view: CutView) -> Mapping[str, Tensor]:
        """`nce` and, with the identity, `nce-identity`: summed over both domains and halved when there are two."""
        names = ("nce", "nce-identity")
        return {name: self._mean(getattr(view, seen)) / len(self.sees) for name, seen in zip(names, self.sees)}

    def _mean(self, compared: Pair[Sequence[tuple[Tensor, Tensor]]]) -> Tensor:
        a, b = compared.map(lambda maps: torch.stack([patch_nce(q, k, self.temperature) for q, k in maps]).mean())
        return a + b


@hookimpl
def translators() -> Iterator[TranslatorOffer]:
    """CUT's."""
    yield TranslatorOffer(
        name="cut",
        options=CutOptions,
        build=CutPair,
        summary="CUT's generator without aliasing, with an embedding of its patches",
        source="Park et al. 2020",
    )


@hookimpl
def losses() -> Iterator[LossOffer]:
    """Patch-wise contrast."""
    yield LossOffer(
        name="patch-nce",
        options=PatchNceOptions,
        build=PatchNce,
        summary="each patch of a translation is most like the same patch of its source",
        source="Park et al. 2020, Eq. (3) to (6)",
    )
