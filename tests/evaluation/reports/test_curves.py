"""Drawings for the page: text as text, the same bytes for the same data, few points, gaps kept."""

import math
import re
from xml.etree import ElementTree

import numpy as np
import pytest

from crosscade.evaluation.reports.curves import MOST_POINTS, line_chart, thinned, training_curves
from crosscade.evaluation.reports.figures import Figure, kind_of
from crosscade.framework import InputError

SVG = "{http://www.w3.org/2000/svg}"


def paths(figure):
    """The lines' vertices: (count, 2) each, in points of the page; those of axes and ticks are left out."""
    found = []
    for path in ElementTree.fromstring(figure.picture).iter(f"{SVG}path"):
        data = path.get("d")
        if "stroke-width: 1.5" in path.get("style", ""):
            found.append([(pen, float(x), float(y)) for pen, x, y in re.findall(r"([ML]) ([-\d.]+) ([-\d.]+)", data)])
    return found


def texts(figure):
    return ["".join(text.itertext()) for text in ElementTree.fromstring(figure.picture).iter(f"{SVG}text")]


def test_a_chart_a_stage_of_a_runs_events():
    events = [
        {"event": "step", "title": "level 5", "images": n, "values": {"cycle": 1 / n, "critic": 2.0}}
        for n in (1000, 2000, 3000)
    ]
    events += [
        {"event": "stage", "title": "level 5"},
        {"event": "step", "title": "refine", "images": 1, "values": {"cycle": math.nan}},
    ]
    level, refine = training_curves(events)
    assert level.title == "level 5"
    assert {"cycle", "critic", "images seen of each domain", "2k"} <= set(texts(level))
    assert refine.note == "No finite values."


def test_a_falling_loss_goes_down_the_page_and_breaks_at_what_is_not_finite():
    chart = line_chart("c", {"cycle": [(0, 1.0), (10, 0.5), (20, math.inf), (30, 0.25), (40, 0.2)]}, "x", "y")
    (line,) = [p for p in paths(chart) if len(p) > 3]
    assert [pen for pen, _, _ in line] == ["M", "L", "M", "L"]
    heights = [y for _, _, y in line]
    assert heights == sorted(heights)
    assert heights[0] < heights[-1]


def test_long_curves_are_thinned_to_means():
    found = thinned([(float(i), float(i % 2)) for i in range(10_000)])
    assert found.shape == (MOST_POINTS, 2)
    assert found[:, 1] == pytest.approx(np.full(MOST_POINTS, 0.5))
    assert thinned([(1.0, 2.0)]).tolist() == [[1.0, 2.0]]
    noisy = np.random.default_rng(0).normal(size=(6, 10_000))
    chart = line_chart("c", {f"term {n}": list(enumerate(v)) for n, v in enumerate(noisy)}, "x", "y")
    assert len(chart.picture) < 60_000


def test_first_steps_of_a_critic_do_not_flatten_the_rest():
    usual = [(float(n), math.sin(n)) for n in range(150)]

    def height_of(points):
        chart = line_chart("c", {"critic": points}, "x", "y")
        heights = [y for line in paths(chart) if len(line) > 9 for _, _, y in line[5:]]
        return max(heights) - min(heights)

    assert height_of([(0.0, 1e6), *usual[1:]]) == pytest.approx(height_of(usual), rel=0.1)


def test_the_same_data_makes_the_same_bytes_without_a_date():
    one, other = (line_chart("c", {"cycle": [(0, 1), (1, 2)]}, "x", "y").picture for _ in range(2))
    assert one == other
    assert b"<dc:date>" not in one
    assert b"<script" not in one
    assert not re.search(rb'style="fill: #ffffff', one), "no paper of its own"


def test_a_figure_is_a_png_or_an_svg():
    assert kind_of(Figure.drawn("t", lambda axes: axes.plot([1, 2])).picture) == "svg+xml"
    with pytest.raises(InputError, match="PNG or an SVG"):
        Figure("t", b"GIF89a")
