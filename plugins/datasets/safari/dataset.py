"""The embedded dataset: procedural scenes of zebras, giraffes and elephants, which differ in shape and in texture.

Nothing is downloaded and nothing is stored: image `index` of a set is a function of (seed, domain, split, index).
What a translation ought to keep (place, facing, number, background) is known of each image, and because any shape can
wear any texture, a judge of shape can be trained that is blind to texture, and the other way round.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
from attrs import frozen, validators
from numpy.typing import NDArray

from ....framework import (
    Dataset,
    DatasetOffer,
    Domain,
    Image,
    ImageSet,
    InputError,
    Pair,
    did_you_mean,
    hookimpl,
    option,
)
from .paint import paint, silhouette
from .scene import SHAPES, placed_animals, plan, truth_of

Truth = dict[str, float | int | str]


@frozen
class SafariOptions:
    """What to draw."""

    a: str = option(
        "zebra",
        "first domain: zebra, giraffe, elephant, or a shape in another's texture: zebra+giraffe-texture",
        validators.min_len(1),
    )
    b: str = option("giraffe", "second domain", validators.min_len(1))
    train: int = option(1500, "training images per domain", validators.ge(1))
    test: int = option(300, "test images per domain", validators.ge(1))
    seed: int = option(0, "another seed draws other scenes", validators.ge(0))


def render(shape: str, texture: str, seed: int | Sequence[int], size: int) -> tuple[Image, Truth]:
    """One scene and what is known of it. Equal seeds give equal places and backgrounds for every shape and texture.

    Args:
        shape: `zebra`, `giraffe` or `elephant`.
        texture: the same names. On another's shape most details (hooves, muzzle, mane, …) get random colours, so that
            they do not give the species away.
        seed: one number or several.
        size: pixels a side of the square image; the same scene at any size.
    """
    for what, name in (("shape", shape), ("texture", texture)):
        if name not in SHAPES:
            raise InputError(f"safari {what}", found=f"'{name}'", expected="an animal", cure=did_you_mean(name, SHAPES))
    scene = plan(shape, seed)
    return paint(scene, texture, size), truth_of(shape, scene.animals)


def shape_and_texture(domain: str) -> tuple[str, str]:
    """`zebra` -> zebra in zebra; `zebra+giraffe-texture` -> zebra in giraffe."""
    match = re.fullmatch(r"(\w+)(?:\+(\w+)-texture)?", domain)
    shape, texture = (match[1], match[2] or match[1]) if match else ("", "")
    if shape not in SHAPES or texture not in SHAPES:
        wrong = next((v for v in (shape, texture) if v not in SHAPES), domain) or domain
        raise InputError(
            f"safari domain '{domain}'",
            found="an unknown animal" if match else "an unknown form",
            expected="SHAPE or SHAPE+TEXTURE-texture",
            cure=did_you_mean(wrong, SHAPES),
        )
    return shape, texture


class _LazyTruth(Mapping[str, NDArray[np.generic]]):
    """Arrays of what is known, worked out when first asked for: planning a set takes seconds."""

    _names = ("species", "count", "facing", "torso_x", "torso_y", "centre_x", "centre_y", "size")

    def __init__(self, shape: str, seeds: Iterable[Sequence[int]]) -> None:
        self._shape, self._seeds = shape, seeds
        self._arrays: dict[str, NDArray[np.generic]] = {}

    def __getitem__(self, name: str) -> NDArray[np.generic]:
        if name not in self._names:
            raise KeyError(name)
        if not self._arrays:
            rows = [truth_of(self._shape, placed_animals(self._shape, seed)) for seed in self._seeds]
            self._arrays = {key: np.array([row[key] for row in rows]) for key in self._names}
        return self._arrays[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


class SafariSet(ImageSet):
    """`count` scenes of one domain, drawn when asked for."""

    def __init__(self, domain: str, split: str, count: int, seed: int) -> None:
        self.name = f"{domain}-{split}"
        self.shape, self.texture = shape_and_texture(domain)
        # The domain's own name is in the seed: no scene of one domain is the counterpart of another's.
        code = hashlib.sha256(f"{domain}/{split}".encode()).digest()
        self._seeds = [(seed, int.from_bytes(code[:4], "big"), index) for index in range(count)]
        self.truth = _LazyTruth(self.shape, self._seeds)

    def __len__(self) -> int:
        return len(self._seeds)

    def load(self, index: int, short_side: int) -> Image:
        """Scene `index`, drawn at this size (never resized)."""
        return paint(plan(self.shape, self._seeds[index]), self.texture, short_side)

    def foreground(self, index: int, short_side: int, domain: str) -> NDArray[np.bool_]:
        """The silhouettes of this scene with the animals of `domain`."""
        return silhouette(placed_animals(shape_and_texture(domain)[0], self._seeds[index]), short_side)


class Safari(Dataset):
    """Two domains of scenes."""

    name = "safari"

    def __init__(self, options: SafariOptions) -> None:
        if options.a == options.b:
            raise InputError("safari domains", found=f"'{options.a}' twice", expected="two different ones")

        def domain(name: str) -> Domain:
            return Domain(
                name,
                SafariSet(name, "train", options.train, options.seed),
                SafariSet(name, "test", options.test, options.seed),
            )

        self.domains = Pair(options.a, options.b).map(domain)

    def texture_swapped(self, train: int, test: int) -> Safari:
        """Zebras in giraffes' patches and giraffes in zebras' stripes."""
        a, b = (domain.name for domain in self.domains)
        return Safari(SafariOptions(f"{a}+{b}-texture", f"{b}+{a}-texture", train, test, seed=7))


@hookimpl
def datasets() -> Iterable[DatasetOffer]:
    """Offers `safari`."""
    yield DatasetOffer(
        name="safari",
        options=SafariOptions,
        build=Safari,
        source="drawn by Crosscade, no download",
        summary="Drawn scenes of zebras, giraffes and elephants with known truth; any shape in any texture",
    )
