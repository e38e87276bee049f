"""Smooth outlines for the safari's animals: closed Catmull-Rom curves and tubes of varying width.

Everything is a matrix product with a basis that is cached by the number of control points, because a scene has some
sixty curves and must be planned in well under a millisecond each.
"""

# N control points, M samples on the curve; all coordinates are (x, y) with y up

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from math import cos, sin

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

Points = NDArray[np.float64]
Line = Sequence[tuple[float, float] | Points] | Points
"""Points one by one or as an array (N, 2)."""


@cache
def _basis(n: int, closed: bool, per: int) -> tuple[Points, Points]:
    """Catmull-Rom values and derivatives, both (M, N): `per` samples a segment."""
    segments = n if closed else n - 1
    count = segments * per + (0 if closed else 1)
    at = np.arange(count) / per
    start = np.minimum(at.astype(int), segments - 1)
    t = at - start
    values = np.stack([-t + 2 * t**2 - t**3, 2 - 5 * t**2 + 3 * t**3, t + 4 * t**2 - 3 * t**3, t**3 - t**2], axis=1)
    slopes = np.stack([-1 + 4 * t - 3 * t**2, -10 * t + 9 * t**2, 1 + 8 * t - 9 * t**2, 3 * t**2 - 2 * t], axis=1)
    basis, derivative = np.zeros((count, n)), np.zeros((count, n))
    for k in range(4):
        column = start + k - 1
        column = column % n if closed else np.clip(column, 0, n - 1)
        np.add.at(basis, (np.arange(count), column), values[:, k] / 2)
        np.add.at(derivative, (np.arange(count), column), slopes[:, k] / 2)
    return basis, derivative


def outline(points: Line, per: int = 6) -> Points:
    """A smooth closed curve through `points`."""
    control = np.asarray(points, dtype=np.float64)
    return _basis(len(control), True, per)[0] @ control


@frozen
class Tube:
    """A limb: its outline, and the samples of its centre line with normals (left of the way) and half widths."""

    polygon: Points
    centre: Points
    normal: Points
    half: NDArray[np.float64]

    def across(self, at: float, reach: float = 1.0) -> tuple[Points, Points]:
        """The two points of the outline at the fraction `at` of the way."""
        i = round(at * (len(self.half) - 1))
        side = self.normal[i] * self.half[i] * reach
        return self.centre[i] + side, self.centre[i] - side

    def crease(self, at: float, thickness: float, bend: float = 0.0, reach: float = 0.96) -> Points:
        """A thin band across the tube at the fraction `at` of the way: a wrinkle."""
        i = round(at * (len(self.half) - 1))
        left, right = self.across(at, reach)
        along = np.array([self.normal[i, 1], -self.normal[i, 0]])
        middle = self.centre[i] + along * bend
        return outline([left, middle + along * thickness / 2, right, middle - along * thickness / 2])

    def ridge(self, start: float, stop: float, inside: float, height: float, teeth: int = 0) -> Points:
        """A band along the left side, `height` tall in its middle: a mane. `inside` is how deep it is rooted."""
        last = len(self.half) - 1
        span = np.arange(round(start * last), round(stop * last) + 1)
        u = np.linspace(0, 1, len(span))
        rise = height * np.minimum(1, np.minimum(u * 5 + 0.15, (1 - u) * 6 + 0.35))
        if teeth:
            rise *= 1 - 0.22 * np.abs((u * teeth) % 1 - 0.5) * 2
        half, normal = self.half[span], self.normal[span]
        outer = self.centre[span] + normal * (half + rise)[:, None]
        inner = self.centre[span] + normal * (half * (1 - inside))[:, None]
        return np.concatenate([outer, inner[::-1]])


_TURN = np.arange(20) * (np.pi / 10)
_ROUND = np.stack([np.cos(_TURN), np.sin(_TURN)], axis=1)
_LEFT = np.array((-1.0, 1.0))
_ARC = np.stack([np.sin(_TURN[1:10]), np.cos(_TURN[1:10])], axis=1)


def tube(points: Line, widths: Sequence[float], per: int = 5) -> Tube:
    """A limb along `points` with the full `widths` there and round ends."""
    control = np.asarray(points, dtype=np.float64)
    basis, derivative = _basis(len(control), False, per)
    centre, tangent = basis @ control, derivative @ control
    tangent /= np.sqrt((tangent * tangent).sum(axis=1, keepdims=True)) + 1e-12
    normal = tangent[:, ::-1] * _LEFT
    half = basis @ (np.asarray(widths, dtype=np.float64) / 2)
    side = normal * half[:, None]
    end = centre[-1] + _ARC @ np.array((tangent[-1] * half[-1], side[-1]))
    start = centre[0] - _ARC @ np.array((tangent[0] * half[0], side[0]))
    return Tube(np.concatenate([centre + side, end, (centre - side)[::-1], start]), centre, normal, half)


def ellipse(centre: tuple[float, float] | Points, rx: float, ry: float, angle: float = 0.0) -> Points:
    """An ellipse about `centre` turned by `angle` radians."""
    c, s = cos(angle), sin(angle)
    return _ROUND @ np.array([[c * rx, s * rx], [-s * ry, c * ry]]) + np.asarray(centre)


def toward(angle: float, reach: float = 1.0) -> Points:
    """The step (x, y) of length `reach` in a direction, in radians from straight ahead."""
    return reach * np.array([cos(angle), sin(angle)])


def placed(local: Line, origin: Points, angle: float, scale: float = 1.0) -> Points:
    """`local` points turned by `angle`, scaled and moved to `origin`."""
    points = np.asarray(local, dtype=np.float64) * scale
    c, s = cos(angle), sin(angle)
    return origin + points @ np.array([[c, s], [-s, c]])
