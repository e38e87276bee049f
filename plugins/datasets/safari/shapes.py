"""The shapes of the safari's animals, in profile and facing right: what is drawn, from far to near.

Units: one torso is about 1 long; the origin is the torso's centre, x forward, y up. A shape knows nothing of coats:
parts without a colour of their own wear whatever coat is asked for, so that any shape goes with any texture.
"""

from __future__ import annotations

from math import cos, pi, radians, sin

import numpy as np
from attrs import field, frozen
from numpy.random import Generator

from .curves import Points, Tube, outline, placed, tube

Colour = tuple[int, int, int]
FAR = 0.6  # tone of the far side's limbs
DARK: Colour = (40, 34, 34)


@frozen
class Part:
    """One filled outline. `colour` None wears the coat; `detail` names what may be recoloured."""

    polygon: Points = field(eq=False)
    tone: float = 1.0
    colour: Colour | None = None
    detail: str = ""


@frozen
class Shape:
    """An animal's parts from far to near, and the lines that coats follow."""

    parts: tuple[Part, ...]
    spine: Points = field(eq=False)
    """Tail to muzzle; stripes stand across it."""
    hind_x: float
    fore_x: float
    belly: float
    ground: float

    @property
    def extent(self) -> tuple[float, float, float, float]:
        """Left, bottom, right and top of everything."""
        points = np.concatenate([part.polygon for part in self.parts])
        (x0, y0), (x1, y1) = points.min(axis=0), points.max(axis=0)
        return float(x0), float(y0), float(x1), float(y1)


@frozen
class Leg:
    """Where a leg's joints are when it stands: (x, y) from root to hoof, and the widths there."""

    joints: tuple[tuple[float, float], ...]
    widths: tuple[float, ...]
    knee: int = 2


def walking(fore: Leg, hind: Leg, rng: Generator, reach: float) -> tuple[list[Tube], list[Tube]]:
    """Far and near legs (hind, fore) somewhere in a walk: swung about the root, lifted when they move forward."""
    # Within these phases neither pair of legs stands exactly in line, so that all four show.
    phase, stride = radians(rng.uniform(25, 110)) + pi * rng.integers(2), rng.uniform(0.45, 1.0) * reach

    def posed(leg: Leg, lag: float, is_far: bool) -> Tube:
        turn, lift = sin(phase + lag) * stride, max(0.0, cos(phase + lag)) * stride
        joints = np.array(leg.joints)
        root, length = joints[0], joints[0, 1] - joints[-1, 1]
        down = (root[1] - joints[:, 1]) / length
        joints[:, 0] += np.sin(turn) * length * down
        # A lifted leg folds at its knee: the lower part trails, backwards for a fore and for a hind leg alike.
        lower = np.clip(down - down[leg.knee], 0, None)
        joints[:, 0] -= lift * 0.9 * length * lower
        joints[:, 1] += lift * 0.22 * length * lower / lower.max()
        if leg is hind:
            joints[leg.knee, 0] += lift * 0.05
        if is_far:
            joints += (0.055, 0.028)
        return tube(joints, leg.widths)

    far = [posed(hind, 0.0, True), posed(fore, 1.25 * pi, True)]
    return far, [posed(hind, pi, False), posed(fore, 0.25 * pi, False)]


def hoof_of(leg: Tube, size: float) -> Points:
    """A hoof at the end of a leg, its toe forward."""
    foot = leg.centre[-1]
    sole = np.array([(-0.5, 0.42), (0.42, 0.45), (0.75, -0.5), (0.1, -0.58), (-0.55, -0.5)])
    return outline(foot + sole * size, per=4)


def hoofed(legs: tuple[list[Tube], list[Tube]], back: list[Part], middle: list[Part], hoof: float) -> tuple[Part, ...]:
    """Far legs, what is behind, what is in the middle, near legs."""
    far = [Part(v.polygon, FAR) for v in legs[0]] + [Part(hoof_of(v, hoof), FAR, DARK, "hoof") for v in legs[0]]
    near = [Part(v.polygon, 0.98) for v in legs[1]] + [Part(hoof_of(v, hoof), 1.0, DARK, "hoof") for v in legs[1]]
    return (*far, *back, *near, *middle)


def tail(root: tuple[float, float], length: float, rng: Generator, width: float, tuft: float) -> list[Part]:
    """A tail that hangs from `root`, swung, with a tuft."""
    swing = rng.uniform(-0.14, 0.1)
    x, y = root
    line = [
        (x + 0.05, y),
        (x - 0.06, y - 0.05),
        (x - 0.1 + swing * 0.4, y - length * 0.5),
        (x - 0.09 + swing, y - length),
    ]
    stem = tube(line, (width * 1.4, width, width * 0.8, width * 0.6))
    end, way = stem.centre[-1], stem.centre[-1] - stem.centre[-4]
    brush = placed(
        [(-0.3, 0.0), (0.2, 0.32), (0.8, 0.2), (1.15, 0.0), (0.7, -0.25), (0.2, -0.3)],
        end,
        float(np.arctan2(way[1], way[0])),
        tuft,
    )
    return [Part(stem.polygon, 0.9), Part(outline(brush), 0.9, DARK, "tuft")]
