"""How training went, as charts: each stage's terms over the images seen. Torch-free."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import EngFormatter, MaxNLocator
from numpy.typing import NDArray

from .figures import Figure

MOST_POINTS = 200
MANY = 100
"""Points from which on a chart leaves out the extreme hundredth at either end: a critic's first steps."""


def training_curves(events: Iterable[Mapping[str, Any]]) -> tuple[Figure, ...]:
    """One chart a stage of a run's events: its weighted terms."""
    stages: dict[str, dict[str, list[tuple[float, float]]]] = {}
    for event in events:
        if event["event"] == "step":
            for name, value in event["values"].items():
                stages.setdefault(event["title"], {}).setdefault(name, []).append((event["images"], value))
    return tuple(
        line_chart(title, series, "images seen of each domain", "weighted term") for title, series in stages.items()
    )


def line_chart(title: str, series: Mapping[str, Sequence[tuple[float, float]]], x_label: str, y_label: str) -> Figure:
    """Named lines through (x, y) points; what is not finite leaves a gap."""
    lines = {name: thinned(points) for name, points in series.items() if len(points)}

    def draw(axes: Axes) -> None:
        for name, line in lines.items():
            axes.plot(*line.T, label=name)
        axes.set(xlabel=x_label, ylabel=y_label)
        axes.xaxis.set_major_locator(MaxNLocator(5))
        axes.xaxis.set_major_formatter(EngFormatter(sep=""))
        heights = np.concatenate([line[:, 1] for line in lines.values()] or [np.empty(0)])
        heights = heights[np.isfinite(heights)]
        if len(heights) >= MANY:
            low, high = np.percentile(heights, (1, 99))
            room = 0.05 * (high - low) or 0.5
            axes.set_ylim(low - room, high + room)
        if lines:
            axes.figure.legend(loc="outside upper left", ncols=2)

    note = "" if any(np.isfinite(line).all(1).any() for line in lines.values()) else "No finite values."
    return Figure.drawn(title, draw, note, size=(4.2, 2.6 + 0.17 * (len(lines) // 2)))


def thinned(points: Sequence[tuple[float, float]]) -> NDArray[np.float64]:
    """At most MOST_POINTS points (count, 2): means of runs as equal as can be."""
    values = np.asarray(points, np.float64)
    values[~np.isfinite(values)] = np.nan
    return np.stack([part.mean(0) for part in np.array_split(values, min(len(values), MOST_POINTS))])
