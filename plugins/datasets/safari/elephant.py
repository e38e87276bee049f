"""The safari's elephant: the third shape, with ears, trunk, tusks and pillars for legs."""

from __future__ import annotations

from math import cos, radians, sin

import numpy as np
from numpy.random import Generator

from .curves import Tube, ellipse, outline, placed, tube
from .shapes import FAR, Leg, Part, Shape, tail, walking

NAIL = (206, 196, 178)
IVORY = (243, 236, 216)


def elephant(rng: Generator) -> Shape:
    """An elephant: a round back, a domed head with a fan of an ear, trunk, tusk and toenails."""
    u = rng.uniform
    leg, bulk = u(0.92, 1.06), u(0.95, 1.06)
    ground = -0.36 * bulk - 0.5 * leg

    def down(fraction: float) -> float:
        return -0.25 + (ground + 0.25) * fraction

    fore = Leg(
        ((0.33, 0.0), (0.34, down(0.0)), (0.345, down(0.5)), (0.335, down(0.82)), (0.34, down(0.93))),
        (0.34, 0.27, 0.2, 0.185, 0.2),
    )
    hind = Leg(
        ((-0.37, 0.0), (-0.36, down(0.05)), (-0.39, down(0.5)), (-0.385, down(0.82)), (-0.38, down(0.93))),
        (0.46, 0.33, 0.2, 0.18, 0.195),
    )
    far, near = walking(fore, hind, rng, 0.2)
    torso = outline([
        (-0.5, 0.2), (-0.3, 0.33), (-0.05, 0.385 * bulk), (0.2, 0.36), (0.42, 0.3), (0.55, 0.12), (0.5, -0.14),
        (0.32, -0.3), (0.08, -0.36 * bulk), (-0.16, -0.36 * bulk), (-0.38, -0.3), (-0.55, -0.16), (-0.6, 0.04),
    ])  # fmt: skip
    nod = radians(u(-14, 10))
    base = np.array([0.6, 0.16 + 0.25 * sin(nod)])
    neck = tube([(0.3, 0.08), (0.46, 0.13), base], (0.62, 0.56, 0.46))
    skull = outline(placed([
        (-0.2, 0.16), (-0.06, 0.27), (0.09, 0.26), (0.2, 0.16), (0.245, 0.02), (0.25, -0.12), (0.17, -0.2),
        (0.06, -0.24), (-0.08, -0.2), (-0.2, -0.06),
    ], base, nod))  # fmt: skip
    root = placed([(0.14, 0.02), (0.2, -0.12)], base, nod)
    # The trunk hangs, then curls forward (or back, rarely) with a growing turn.
    curl, heading = u(-0.12, 0.5), radians(-80) + nod
    points, turn = [tuple(root[0]), tuple(root[1])], heading
    for i in range(6):
        turn += curl * (0.25 + 0.22 * i) * (1 if i > 0 else 0)
        points.append((points[-1][0] + 0.105 * cos(turn), max(points[-1][1] + 0.105 * sin(turn), ground + 0.06)))
    trunk = tube(points, (0.2, 0.21, 0.175, 0.145, 0.12, 0.1, 0.085, 0.075))
    folds = [Part(trunk.crease(at, 0.012, 0.012), 0.84) for at in np.linspace(0.3, 0.92, 9)]
    lip = tube(placed([(0.06, -0.17), (0.15, -0.235)], base, nod), (0.13, 0.07))
    tusk_root = placed([(0.15, -0.12)], base, nod)[0]
    length, tilt = u(0.17, 0.3), nod + radians(u(-42, -22))
    tusk = placed([(0, 0), (0.5, -0.03), (1.0, 0.1)], tusk_root, tilt, length)
    tusk_widths = (0.05, 0.042, 0.016)
    flap = u(1.0, 1.22)
    hinge = placed([(-0.03, 0.13)], base, nod)[0]
    fan = placed([
        (0.03, 0.03), (-0.1, 0.11), (-0.25, 0.08), (-0.33, -0.06), (-0.32, -0.22), (-0.22, -0.36),
        (-0.12, -0.42), (-0.06, -0.33), (-0.01, -0.18), (0.045, -0.06),
    ], hinge, nod * 0.6, flap)  # fmt: skip
    inner = placed([
        (0.0, 0.01), (-0.1, 0.075), (-0.23, 0.05), (-0.295, -0.07), (-0.28, -0.21), (-0.195, -0.33),
        (-0.12, -0.37), (-0.075, -0.29), (-0.03, -0.16), (0.01, -0.06),
    ], hinge, nod * 0.6, flap)  # fmt: skip
    eye = ellipse(placed([(0.105, 0.045)], base, nod)[0], 0.022, 0.018, nod)
    lid = ellipse(placed([(0.105, 0.05)], base, nod)[0], 0.04, 0.032, nod)

    def nails(side: list[Tube], tone: float) -> list[Part]:
        feet = [v.centre[-1] for v in side]
        return [
            Part(ellipse((f[0] + dx, f[1] - 0.062), 0.023, 0.026), tone, NAIL, "nail")
            for f in feet
            for dx in (-0.005, 0.045, 0.085)
        ]

    parts = (
        *(Part(v.polygon, FAR) for v in far),
        *nails(far, FAR),
        *tail((-0.55, 0.12), u(0.38, 0.5), rng, 0.04, 0.1),
        Part(tube(tusk + np.array([0.05, 0.02]), tusk_widths).polygon, 0.7, IVORY, "tusk"),
        *(Part(v.polygon, 0.96) for v in near[:1]),
        Part(torso),
        *(Part(v.polygon, 0.95) for v in near[1:]),
        *nails(near, 1.0),
        Part(neck.polygon),
        Part(lip.polygon, 0.82),
        Part(skull),
        Part(trunk.polygon),
        *folds,
        Part(tube(tusk, tusk_widths).polygon, 1.0, IVORY, "tusk"),
        Part(lid, 0.82),
        Part(eye, 1.0, (14, 11, 11), "eye"),
        Part(outline(fan), 0.74),
        Part(outline(inner), 0.88),
    )
    spine = np.array([(-0.7, 0.0), (-0.2, 0.02), (0.3, 0.05), base, *trunk.centre[[5, 15, -1]]])
    return Shape(parts, spine, -0.38, 0.34, -0.36 * bulk, ground)
