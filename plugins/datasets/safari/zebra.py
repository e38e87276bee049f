"""The safari's zebra: stocky, with an erect mane."""

from __future__ import annotations

from math import cos, radians, sin

import numpy as np
from numpy.random import Generator

from .curves import ellipse, outline, placed, toward, tube
from .shapes import FAR, Leg, Part, Shape, hoofed, tail, walking


def zebra(rng: Generator) -> Shape:
    """A zebra: horse-like, erect mane, rounded ears, dark muzzle."""
    u = rng.uniform
    depth, leg = u(0.94, 1.1), u(0.94, 1.08)
    ground = -0.24 * depth - 0.55 * leg

    def down(fraction: float) -> float:
        return -0.2 * depth + (ground + 0.2 * depth) * fraction

    fore = Leg(
        ((0.31, 0.0), (0.325, down(0.0)), (0.335, down(0.46)), (0.325, down(0.82)), (0.345, down(0.95))),
        (0.26, 0.165, 0.088, 0.066, 0.075),
    )
    hind = Leg(
        ((-0.34, 0.02), (-0.33, down(0.02)), (-0.445, down(0.46)), (-0.42, down(0.82)), (-0.395, down(0.95))),
        (0.34, 0.25, 0.098, 0.07, 0.076),
    )
    torso = outline([
        (-0.40, 0.215), (-0.2, 0.21), (0.06, 0.185), (0.30, 0.245), (0.45, 0.15), (0.5, -0.02), (0.4, -0.18),
        (0.18, -0.235 * depth), (-0.06, -0.25 * depth), (-0.28, -0.2 * depth), (-0.47, -0.1), (-0.525, 0.07),
    ])  # fmt: skip
    angle = radians(u(8, 64))
    reach = u(0.44, 0.54)
    base = np.array([0.33, 0.09])
    poll = base + toward(angle, reach)
    bow = np.array([-sin(angle), cos(angle)]) * 0.035
    neck = tube([base, base * 0.55 + poll * 0.45 + bow, poll], (0.36, 0.255, 0.17))
    gaze = max(angle - radians(u(75, 105)), radians(-62))
    head = outline(placed([
        (-0.07, 0.03), (0.02, 0.075), (0.11, 0.075), (0.24, 0.042), (0.35, 0.03), (0.405, -0.01),
        (0.385, -0.075), (0.31, -0.085), (0.2, -0.1), (0.09, -0.145), (-0.02, -0.12),
    ], poll, gaze))  # fmt: skip
    muzzle = [(0.3, 0.038), (0.36, 0.03), (0.41, -0.01), (0.385, -0.08), (0.31, -0.09), (0.33, -0.02)]
    nose = Part(outline(placed(muzzle, poll, gaze)), 1.0, (44, 38, 40), "muzzle")

    def ear(root: tuple[float, float], lean: float, tone: float) -> Part:
        leaf = [(0, -0.03), (0.08, -0.045), (0.17, 0.0), (0.08, 0.04), (0, 0.03)]
        return Part(outline(placed(leaf, poll + placed([root], np.zeros(2), gaze)[0], gaze + radians(lean))), tone)

    far_ear, near_ear = ear((0.03, 0.06), u(70, 95), FAR + 0.1), ear((0.0, 0.05), u(95, 125), 0.97)
    eye = Part(ellipse(placed([(0.12, 0.012)], poll, gaze)[0], 0.024, 0.019, gaze), 1.0, (12, 9, 9), "eye")
    mane = Part(neck.ridge(0.06, 1.0, 0.25, 0.075, 9), 1.0, (30, 26, 28), "mane")
    middle = [Part(torso), mane, far_ear, Part(neck.polygon), Part(head), nose, near_ear, eye]
    parts = hoofed(walking(fore, hind, rng, 0.3), tail((-0.5, 0.14), u(0.38, 0.48), rng, 0.045, 0.14), middle, 0.075)
    spine = np.array([(-0.6, 0.05), (-0.2, 0.02), base - (0.04, 0.04), poll, poll + toward(gaze, 0.42)])
    return Shape(parts, spine, -0.38, 0.33, -0.24 * depth, ground)
