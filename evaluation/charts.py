"""Line charts as plain numbers for the page's template: ticks, and one SVG path a series. Torch-free."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from attrs import Factory, field, frozen

WIDTH, HEIGHT = 480, 270
LEFT, RIGHT, TOP, BOTTOM = 54, 12, 12, 40
MOST_POINTS = 300


def frozen_list(values: Iterable[Any]) -> tuple[Any, ...]:
    """`values` as a tuple (the built-in as a converter tells a type checker nothing)."""
    return tuple(values)


@frozen
class Series:
    """A named line through (x, y) points; points that are not finite leave a gap."""

    name: str
    points: Sequence[tuple[float, float]] = field(converter=frozen_list)


@frozen
class Curve:
    """One chart. Labels say the unit: `images seen`, `seconds`, `L1, mean`."""

    title: str
    series: tuple[Series, ...] = field(converter=frozen_list)
    x_label: str = "images seen"
    y_label: str = "loss"


@frozen
class Tick:
    """A place on an axis, in pixels, and what it says."""

    place: float
    text: str


@frozen
class Chart:
    """A curve laid out on WIDTH x HEIGHT pixels."""

    curve: Curve
    paths: tuple[tuple[str, str], ...]
    """(series' name, path data)."""
    x_ticks: tuple[Tick, ...] = Factory(tuple)
    y_ticks: tuple[Tick, ...] = Factory(tuple)

    @classmethod
    def of(cls, curve: Curve) -> Chart:
        """The layout. Extreme values (the first steps of a critic) are cut at the 1st and 99th percentile."""
        lines = [(s.name, thinned(s.points)) for s in curve.series]
        finite = [p for _, line in lines for p in line if math.isfinite(p[0] + p[1])]
        if not finite:
            return cls(curve, ())
        x_low, x_high = _widened(min(x for x, _ in finite), max(x for x, _ in finite))
        if 0 < x_low < 0.1 * x_high:
            x_low = 0.0  # images and seconds are counted from nought
        y_low, y_high = _widened(*_central([y for _, y in finite]))

        def place(x: float, y: float) -> str:
            y = min(max(y, y_low), y_high)
            return (
                f"{LEFT + (x - x_low) / (x_high - x_low) * (WIDTH - LEFT - RIGHT):.1f} "
                f"{HEIGHT - BOTTOM - (y - y_low) / (y_high - y_low) * (HEIGHT - TOP - BOTTOM):.1f}"
            )

        paths = []
        for name, line in lines:
            data, pen = [], "M"
            for x, y in line:
                if math.isfinite(x + y):
                    data.append(pen + place(x, y))
                    pen = "L"
                else:
                    pen = "M"
            paths.append((name, " ".join(data)))
        x_ticks = (Tick(float(place(v, y_low).split()[0]), short(v)) for v in nice(x_low, x_high))
        y_ticks = (Tick(float(place(x_low, v).split()[1]), short(v)) for v in nice(y_low, y_high))
        return cls(curve, tuple(paths), tuple(x_ticks), tuple(y_ticks))


def thinned(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """At most MOST_POINTS points: means of equal runs."""
    run = -(-len(points) // MOST_POINTS)
    if run <= 1:
        return list(points)
    parts = (points[i : i + run] for i in range(0, len(points), run))
    return [(sum(x for x, _ in part) / len(part), sum(y for _, y in part) / len(part)) for part in parts]


def nice(low: float, high: float, wanted: int = 5) -> list[float]:
    """Round values within [low, high]: steps of 1, 2 or 5 times a power of ten."""
    rough = (high - low) / wanted
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= rough * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [i * step for i in range(first, last + 1)]


def short(value: float) -> str:
    """12000 -> 12k; 0.25 -> 0.25."""
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:g}{letter}"
    return f"{value:.3g}" if value else "0"


def _central(values: Sequence[float]) -> tuple[float, float]:
    if len(values) < 100:
        return min(values), max(values)
    ordered = sorted(values)
    return ordered[len(ordered) // 100], ordered[-1 - len(ordered) // 100]


def _widened(low: float, high: float) -> tuple[float, float]:
    """A range that is not empty."""
    return (low, high) if high - low > 1e-12 * max(abs(low), abs(high), 1e-30) else (low - 0.5, high + 0.5)
