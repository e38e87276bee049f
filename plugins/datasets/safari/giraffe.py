"""The safari's giraffe: tall and sloping."""

from __future__ import annotations

from math import cos, radians, sin

import numpy as np
from numpy.random import Generator

from .curves import ellipse, outline, placed, toward, tube
from .shapes import Leg, Part, Shape, hoofed, tail, walking


def giraffe(rng: Generator) -> Shape:
    """A giraffe: sloping back, long legs and neck, ossicones."""
    u = rng.uniform
    leg, slope = u(0.93, 1.06), u(0.85, 1.15)
    ground = -0.2 - 0.92 * leg

    def down(fraction: float) -> float:
        return -0.2 + (ground + 0.2) * fraction

    fore = Leg(
        ((0.25, 0.05), (0.265, down(0.0)), (0.28, down(0.47)), (0.27, down(0.88)), (0.285, down(0.97))),
        (0.25, 0.155, 0.083, 0.06, 0.07),
    )
    hind = Leg(
        ((-0.27, -0.02), (-0.25, down(0.04)), (-0.345, down(0.48)), (-0.33, down(0.88)), (-0.31, down(0.97))),
        (0.3, 0.205, 0.088, 0.06, 0.07),
    )
    torso = outline([
        (-0.36, 0.09), (-0.2, 0.145 * slope), (0.03, 0.23 * slope), (0.24, 0.34 * slope), (0.38, 0.24),
        (0.43, 0.05), (0.36, -0.13), (0.2, -0.22), (0.0, -0.215), (-0.2, -0.165), (-0.37, -0.1), (-0.43, 0.0),
    ])  # fmt: skip
    angle = radians(u(40, 80))
    reach = u(0.92, 1.12)
    base = np.array([0.25, 0.16])
    poll = base + toward(angle, reach)
    bow = np.array([-sin(angle), cos(angle)]) * u(-0.05, 0.03)
    bend = [base * 0.72 + poll * 0.28 + bow * 0.6, base * 0.4 + poll * 0.6 + bow]
    neck = tube([base, *bend, poll], (0.36, 0.25, 0.165, 0.125))
    gaze = angle - radians(u(85, 112))
    head = outline(placed([
        (-0.06, 0.02), (0.0, 0.065), (0.08, 0.06), (0.17, 0.03), (0.26, 0.022), (0.305, -0.01),
        (0.285, -0.055), (0.2, -0.065), (0.1, -0.1), (0.0, -0.095),
    ], poll, gaze))  # fmt: skip
    muzzle = [(0.225, 0.026), (0.27, 0.02), (0.31, -0.01), (0.285, -0.06), (0.22, -0.065)]
    nose = Part(outline(placed(muzzle, poll, gaze)), 1.0, (120, 92, 76), "muzzle")
    top = placed([(0.015, 0.04), (0.055, 0.045)], poll, gaze)
    up = gaze + radians(u(98, 115))
    horns: list[Part] = []
    for foot, tone in ((top[1], 0.75), (top[0], 1.0)):
        tip = foot + toward(up, 0.125)
        horns += [
            Part(tube([foot, tip], (0.045, 0.036)).polygon, tone, (176, 128, 76), "ossicone"),
            Part(ellipse(tip, 0.029, 0.027), tone, (58, 42, 36), "tip"),
        ]
    leaf = [(0, -0.02), (0.07, -0.04), (0.15, -0.01), (0.07, 0.03), (0, 0.02)]
    ear = outline(placed(leaf, placed([(-0.02, 0.03)], poll, gaze)[0], gaze + radians(u(145, 175))))
    eye = Part(ellipse(placed([(0.085, 0.018)], poll, gaze)[0], 0.022, 0.018, gaze), 1.0, (14, 10, 9), "eye")
    mane = Part(neck.ridge(0.08, 0.98, 0.2, 0.035), 1.0, (138, 84, 46), "mane")
    middle = [Part(torso), mane, Part(neck.polygon), *horns[:2], Part(head), nose, *horns[2:], Part(ear, 0.92), eye]
    parts = hoofed(walking(fore, hind, rng, 0.26), tail((-0.4, 0.04), u(0.4, 0.5), rng, 0.035, 0.13), middle, 0.068)
    spine = np.array([(-0.5, 0.0), (-0.1, 0.03), base, base * 0.5 + poll * 0.5, poll, poll + toward(gaze, 0.32)])
    return Shape(parts, spine, -0.29, 0.27, -0.21, ground)
