"""A safari scene: planned once in fractions of the image, painted at any size.

The plan draws every random number, so the same seed is the same scene at 64, 108 or 256 pixels, and, as each thing
has its own random stream, the same place, facing and background whatever animal stands there.
"""

# S image side, K = SUPER * S; planes are (S, S), pictures (S, S, 3), float32 in 0..255

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from attrs import frozen
from numpy.random import Generator, SeedSequence, default_rng
from numpy.typing import NDArray

from .curves import ellipse, outline
from .elephant import elephant
from .giraffe import giraffe
from .shapes import Colour, Shape
from .zebra import zebra

SHAPES = {"zebra": zebra, "giraffe": giraffe, "elephant": elephant}
SUPER = 3
Polygon = NDArray[np.float64]


@frozen
class Placed:
    """An animal in the scene: fractions of the image, y down; `scale` per animal unit."""

    shape: Shape
    x: float
    y: float
    scale: float
    facing: int
    centre: tuple[float, float]
    size: float
    stream: tuple[SeedSequence, SeedSequence]


@frozen
class Scene:
    """Everything that is random about a scene but the coats, which have their own streams."""

    species: str
    animals: tuple[Placed, ...]
    sky: tuple[NDArray[np.float64], NDArray[np.float64]]
    ground: tuple[NDArray[np.float64], NDArray[np.float64]]
    horizon: float
    land: tuple[tuple[Polygon, Colour], ...]
    grain: tuple[int, int, int]


def _colour(values: object) -> Colour:
    r, g, b = (int(min(max(v, 0.0), 255.0)) for v in np.asarray(values, np.float64).tolist())
    return r, g, b


def _tree(
    rng: Generator, x: float, foot: float, tall: float, green: NDArray[np.float64]
) -> list[tuple[Polygon, Colour]]:
    """A tree of the savannah: a leaning trunk that forks, and a flat crown of overlapping tufts."""
    # A tuft is lit from above: three layers, each smaller, higher and lighter.
    lean, width = rng.normal(0, 0.06) * tall, tall * rng.uniform(0.45, 0.75)
    top = foot - tall * 0.72
    bark = _colour(np.array((86, 64, 46)) * rng.uniform(0.8, 1.2))
    w = tall * 0.035
    things = [(np.array([(x - w, foot), (x + w, foot), (x + lean + w * 0.6, top), (x + lean - w * 0.6, top)]), bark)]
    tufts = [
        (x + lean + u * width * 0.5, top + rng.normal(0, 0.03) * tall - (1 - u * u) * tall * 0.06)
        for u in np.linspace(-0.8, 0.8, int(rng.integers(4, 7)))
    ]
    things += [
        (np.array([(x + lean * 0.6, foot - tall * 0.42), (x + lean * 0.6 + w, foot - tall * 0.42), t]), bark)
        for t in (tufts[0], tufts[-1])
    ]
    for lift, tone in ((0.0, 0.78), (-0.05, 1.0), (-0.085, 1.16)):
        one = ellipse((0.0, lift * tall), tall * 0.15 * (1 + lift * 4), tall * 0.085 * (1 + lift * 4))
        colour = _colour(green * tone)
        things += [(one + tuft, colour) for tuft in np.array(tufts)]
    return things


def _background(rng: Generator, limit: float) -> dict[str, object]:
    sky_low = np.array((rng.uniform(175, 235), rng.uniform(190, 228), rng.uniform(215, 248)))
    tint = rng.choice(4, p=(0.55, 0.2, 0.15, 0.1))  # blue, lilac, turquoise, rose
    high = np.array(((110, 168, 232), (150, 138, 226), (92, 206, 212), (214, 160, 196))[tint], np.float64)
    sky_high = high + rng.uniform(-18, 18, 3)
    base = np.array(((78, 140, 52), (140, 150, 62), (196, 160, 98), (168, 140, 104), (52, 146, 70))[rng.integers(5)])
    ground = base * rng.uniform(0.88, 1.12) + rng.uniform(-12, 12, 3)
    horizon = min(rng.uniform(0.3, 0.62), limit)
    land: list[tuple[Polygon, Colour]] = []
    bumps = rng.uniform(0.01, 0.11)
    for layer, haze in ((0, 0.42), (1, 0.0)):
        knots = np.stack([np.linspace(-0.25, 1.25, 9), rng.normal(0, 1, 9)], axis=1)
        knots[:, 1] = horizon - (0.06 + bumps * 0.8 * knots[:, 1] if layer == 0 else bumps * 0.35 * knots[:, 1])
        hill = np.concatenate([outline(knots, 8)[: 8 * 8 + 1], [(1.25, 1.2), (-0.25, 1.2)]])
        land.append((hill, _colour((ground * (0.92 if layer == 0 else 1.0)) * (1 - haze) + sky_low * haze)))
        for _ in range(int(rng.integers(0, 3 if layer == 0 else 4))):
            x, tall = rng.uniform(-0.02, 1.02), rng.uniform(0.05, 0.11) if layer == 0 else rng.uniform(0.1, 0.27)
            green = np.array((rng.uniform(36, 84), rng.uniform(84, 122), rng.uniform(36, 62)))
            foot = horizon + (rng.uniform(-0.05, -0.02) if layer == 0 else rng.uniform(0.015, 0.07))
            land += _tree(rng, x, foot, tall, green * (1 - haze * 0.6) + sky_low * haze * 0.6)
    return {
        "sky": (sky_high, sky_low),
        "ground": (ground, ground * rng.uniform(0.66, 0.9)),
        "horizon": horizon,
        "land": tuple(land),
        "grain": tuple(int(v) for v in rng.integers(0, 256, 3)),
    }


def placed_animals(species: str, seed: int | Sequence[int]) -> tuple[Placed, ...]:
    """The animals of this seed's scene, each with its pose and place."""
    place, _, *each = SeedSequence(seed).spawn(8)
    rng = default_rng(place)
    two = rng.random() < 0.3
    first = 1 if rng.random() < 0.5 else -1
    facings = [first] + ([first if rng.random() < 0.75 else -first] if two else [])
    side = 1 if rng.random() < 0.5 else -1
    animals = []
    for k, facing in enumerate(facings):
        pose, coat, detail = each[3 * k : 3 * k + 3]
        shape = SHAPES[species](default_rng(pose))
        x0, y0, x1, y1 = shape.extent
        if two:
            size = rng.uniform(0.46, 0.68)
            cx, cy = 0.5 + (side if k else -side) * rng.uniform(0.17, 0.29), 0.54 + 0.05 * k + rng.normal() * 0.035
        else:
            size = rng.uniform(0.62, 1.1)
            cx, cy = np.clip(rng.normal(0.5, 0.12), 0.2, 0.8), np.clip(rng.normal(0.55, 0.06), 0.4, 0.7)
        scale = size / max(x1 - x0, y1 - y0)
        animals.append(
            Placed(
                shape,
                float(cx - facing * (x0 + x1) / 2 * scale),
                float(cy + (y0 + y1) / 2 * scale),
                float(scale),
                facing,
                (float(cx), float(cy)),
                float(size),
                (coat, detail),
            )
        )
    return tuple(animals)


def truth_of(species: str, animals: Sequence[Placed]) -> dict[str, float | int | str]:
    """What is known of a scene, in fractions of the image: means over its animals; facing 0 where they differ."""
    facings = {v.facing for v in animals}
    values = np.array([(v.x, v.y, *v.centre, v.size) for v in animals]).mean(axis=0).tolist()
    return {
        "species": species,
        "count": len(animals),
        "facing": facings.pop() if len(facings) == 1 else 0,
        **dict(zip(("torso_x", "torso_y", "centre_x", "centre_y", "size"), values)),
    }


def plan(species: str, seed: int | Sequence[int]) -> Scene:
    """The scene of this seed with animals of this shape."""
    animals = placed_animals(species, seed)
    back = SeedSequence(seed).spawn(2)[1]
    limit = min(v.centre[1] + 0.27 * v.size for v in animals)
    return Scene(species, animals, **_background(default_rng(back), limit))  # type: ignore[arg-type]
