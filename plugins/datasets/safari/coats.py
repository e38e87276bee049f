"""The coats of the safari's animals: stripes, patches and wrinkled grey, as functions of the animal's own coordinates.

A coat is computed once for a whole animal and every part shows its window of it: no part boundary cuts a stripe or a
patch, and nothing is tiled within an animal's reach, so there are no seams to see.
"""

# H, W of the window; P control points; textures are periodic, PERIOD animal units wide

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
from attrs import field, frozen
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image

from .shapes import Shape

Plane = NDArray[np.float32]
PERIOD = 3.2  # larger than any animal
TEXELS = 640  # a texture's width in pixels
CELLS = 20  # patches across a texture
VARIANTS = 5


@frozen
class Window:
    """The pixels of an animal's bounding box: animal units at the left top corner and steps per pixel."""

    x0: float
    y0: float
    dx: float
    dy: float
    width: int
    height: int

    def coarse(self, most: int = 56) -> Window:
        """The same area with at most `most` pixels a side."""
        w, h = min(most, self.width), min(most, self.height)
        return Window(self.x0, self.y0, self.dx * self.width / w, self.dy * self.height / h, w, h)

    def axes(self) -> tuple[Plane, Plane]:
        """x as (1, W) and y as (H, 1) at the pixels' centres."""
        x = self.x0 + self.dx * (np.arange(self.width) + 0.5)
        y = self.y0 + self.dy * (np.arange(self.height) + 0.5)
        return x[None].astype(np.float32), y[:, None].astype(np.float32)

    def enlarge(self, plane: Plane) -> Plane:
        """A coarse plane of this area at this window's resolution."""
        picture = Image.fromarray(np.ascontiguousarray(plane, np.float32))
        return np.asarray(picture.resize((self.width, self.height), Image.Resampling.BICUBIC))


@frozen
class Coat:
    """A coat over a window: the colour `light` where the share is 0 and `dark` where it is 1, linear in between.

    Kept apart so that the many pixels of the window need one plane instead of three.
    """

    light: NDArray[np.float64] = field(eq=False)
    dark: NDArray[np.float64] = field(eq=False)
    share: Plane = field(eq=False)


def periodic_noise(rng: Generator, size: int, cells: tuple[int, ...], roughness: float = 0.75) -> Plane:
    """Smooth noise that repeats seamlessly, mean 0 and deviation 1; `cells` waves across, coarse to fine."""
    total = np.zeros((size, size), np.float32)
    for i, n in enumerate(cells):
        lattice = np.pad(rng.standard_normal((n, n)).astype(np.float32), 3, mode="wrap")
        margin = 3 * size // n
        full = Image.fromarray(lattice).resize(
            (size + 2 * margin,) * 2, Image.Resampling.BICUBIC, box=(0, 0, n + 6, n + 6)
        )
        total += np.asarray(full)[margin : margin + size, margin : margin + size] * roughness**i
    return (total - total.mean()) / total.std()


def _twice(plane: Plane) -> Image.Image:
    return Image.fromarray(np.tile(plane, (2, 2)))


@cache
def _noise(variant: int) -> Image.Image:
    """Cloudy noise."""
    return _twice(periodic_noise(np.random.default_rng([11, variant]), TEXELS, (6, 12, 24, 48, 96)))


@cache
def _wrinkles(variant: int) -> Image.Image:
    """Fine ridges that run mostly across: the creases of a thick skin."""
    rng = np.random.default_rng([12, variant])
    ridge = 1 - np.abs(periodic_noise(rng, TEXELS, (20, 40, 80), 0.8))
    return _twice(np.clip(ridge, 0, 1).astype(np.float32) ** 3)


@cache
def _patches(variant: int) -> tuple[Image.Image, Image.Image]:
    """A network of cells: the distance from the border in animal units, and a shade per cell."""
    rng = np.random.default_rng([13, variant])
    seeds = rng.uniform(0.14, 0.86, (CELLS, CELLS, 2)).astype(np.float32)
    shades = rng.standard_normal((CELLS, CELLS)).astype(np.float32)
    at = (np.arange(TEXELS, dtype=np.float32) + 0.5) * (CELLS / TEXELS)
    cell, within = np.floor(at).astype(int), at - np.floor(at)
    first = np.full((TEXELS, TEXELS), 9e9, np.float32)
    second, shade = first.copy(), np.zeros_like(first)
    for oy in (-1, 0, 1):
        for ox in (-1, 0, 1):
            row, column = (cell + oy) % CELLS, (cell + ox) % CELLS
            seed = seeds[row[:, None], column[None]]
            d = np.hypot(seed[..., 0] + ox - within[None], seed[..., 1] + oy - within[:, None])
            nearer = d < first
            second = np.where(nearer, first, np.minimum(second, d))
            first = np.where(nearer, d, first)
            shade = np.where(nearer, shades[row[:, None], column[None]], shade)
    return _twice((second - first) * (PERIOD / CELLS)), _twice(shade)


def _sample(
    texture: Image.Image, window: Window, offset: tuple[float, float], zoom: float = 1.0, stretch: float = 1.0
) -> Plane:
    """A periodic texture over the window, smoothly; `zoom` > 1 makes its features larger, `stretch` wider."""
    k, n = TEXELS / PERIOD / zoom, TEXELS
    kx = k / stretch
    left = (min(window.x0, window.x0 + window.dx * window.width)) * kx
    top = (min(window.y0, window.y0 + window.dy * window.height)) * k
    # Shift by whole periods, so that the window lies within the doubled texture.
    ox = offset[0] * n - np.floor((left + offset[0] * n) / n) * n
    oy = offset[1] * n - np.floor((top + offset[1] * n) / n) * n
    matrix = (window.dx * kx, 0.0, window.x0 * kx + ox, 0.0, window.dy * k, window.y0 * k + oy)
    size = (window.width, window.height)
    return np.asarray(texture.transform(size, Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR))


def _step(values: Plane, low: float, high: float) -> Plane:
    t = np.clip((values - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def _along(spine: NDArray[np.float64], x: Plane, y: Plane) -> Plane:
    """How far along the spine each point lies, smooth at the spine's bends."""
    steps = np.diff(spine, axis=0)
    lengths = np.hypot(steps[:, 0], steps[:, 1])
    starts = np.concatenate([[0.0], np.cumsum(lengths)])
    total, weight = np.zeros((1, 1), np.float32), np.full((1, 1), 1e-12, np.float32)
    for (px, py), (sx, sy), length, start in zip(spine[:-1], steps, lengths, starts):
        t = np.clip(((x - px) * sx + (y - py) * sy) / length**2, -0.35, 1.35)
        inside = np.clip(t, 0, 1)
        distance = (x - px - inside * sx) ** 2 + (y - py - inside * sy) ** 2
        w = np.exp(-distance / 0.02) + 1e-9 / (distance + 1e-3)
        total = total + w * (start + t * length)
        weight = weight + w
    return total / weight


def stripes(shape: Shape, window: Window, rng: Generator) -> Coat:
    """A zebra's: across the spine, turning to stand across the legs."""
    rate, thick, light = rng.uniform(6.4, 8.2), rng.uniform(-0.1, 0.2), rng.uniform(0.92, 1.0)
    offset, variant = tuple(rng.uniform(0, 1, 2)), int(rng.integers(VARIANTS))
    grid = window.coarse()
    x, y = grid.axes()
    phase = _along(shape.spine, x, y) * rate
    low = _step(y, shape.belly - 0.08, shape.belly + 0.12)  # 0 below the belly, 1 above
    rump = shape.belly * 0.2
    for leg_x in (shape.hind_x, shape.fore_x):
        # Where a leg joins, its stripes continue the body's at the leg's root.
        root = float(_along(shape.spine, np.full((1, 1), leg_x, np.float32), np.zeros((1, 1), np.float32))[0, 0]) * rate
        other = shape.fore_x + shape.hind_x - leg_x
        near = _step(np.abs(x - other) - np.abs(x - leg_x), -0.22, 0.22)
        way = -1.0 if leg_x < other else 1.0
        leg = root + way * (rump - y) * rate * 1.45
        width = 0.3 if way < 0 else 0.2
        reach = np.exp(-(((x - leg_x) / width) ** 2)) * (1 - _step(y, shape.belly, shape.belly * -0.35))
        share = near * np.maximum(1 - low, reach * (x < 0.75))
        phase = phase + share * (leg - phase)
    phase = phase + 0.16 * _sample(_noise(variant), grid, offset, 2.2)
    wave = np.sin(2 * np.pi * window.enlarge(phase))
    return Coat(
        np.array((242, 238, 230)) * light, np.array((26.0, 23.0, 25.0)), _step(wave, thick - 0.14, thick + 0.14)
    )


def patches(shape: Shape, window: Window, rng: Generator) -> Coat:
    """A giraffe's: brown patches in a light network, fading towards the hooves."""
    offset, variant, zoom = tuple(rng.uniform(0, 1, 2)), int(rng.integers(VARIANTS)), rng.uniform(0.95, 1.25)
    net = rng.uniform(0.022, 0.034)
    brown = np.array((164, 92, 40)) * rng.uniform(0.82, 1.12) + (rng.uniform(-8, 10), 0, 0)
    cream = np.array((236, 208, 156)) * rng.uniform(0.95, 1.03)
    edge, shade = (_sample(t, window, offset, zoom) for t in _patches(variant))
    _, y = window.axes()
    fade = 1 - 0.75 * _step(-y, -shape.belly + 0.1 * -shape.ground, -shape.ground * 0.95)
    share = _step(edge * zoom, net * 0.6, net * 1.15) * fade * np.clip(0.93 + 0.09 * shade, 0.7, 1.08)
    return Coat(cream, brown, share)


def wrinkles(shape: Shape, window: Window, rng: Generator) -> Coat:
    """An elephant's: grey, cloudy, finely creased."""
    offset, variant = tuple(rng.uniform(0, 1, 2)), int(rng.integers(VARIANTS))
    grey = np.array((1.0, rng.uniform(0.955, 0.99), rng.uniform(0.91, 0.985))) * rng.uniform(122, 150)
    cloud = _sample(_noise(variant), window, offset, 0.9)
    crease = _sample(_wrinkles(variant), window, offset, 1.0, 2.2)
    return Coat(grey, np.zeros(3), 0.13 * crease - 0.07 * cloud)


COATS: dict[str, Callable[[Shape, Window, Generator], Coat]] = {
    "zebra": stripes,
    "giraffe": patches,
    "elephant": wrinkles,
}
