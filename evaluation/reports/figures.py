"""Drawings for a page by matplotlib: no script, no paper of their own, equal bytes for equal data. Torch-free."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

from attrs import field, frozen
from cycler import cycler
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from ...framework import InputError

KINDS = {b"\x89PNG\r\n\x1a\n": "png", b"<?xml": "svg+xml", b"<svg": "svg+xml"}
INK = "#666a70"
COLOURS = ("#2067a8", "#a5481a", "#3b8146", "#8350a0", "#a07800", "#2f8a92", "#b0457a", "#5f6770")
# Read on white as they are; the page brightens a drawing where the paper is dark.
STYLE: dict[Any, Any] = {
    "axes.edgecolor": INK,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.labelcolor": INK,
    "axes.prop_cycle": cycler(color=COLOURS),
    "axes.spines.right": False,
    "axes.spines.top": False,
    "font.family": "sans-serif",
    "font.size": 10,
    "grid.alpha": 0.25,
    "grid.color": INK,
    "legend.fontsize": 9,
    "legend.frameon": False,
    "legend.labelcolor": INK,
    "lines.linewidth": 1.5,
    "savefig.transparent": True,
    "svg.fonttype": "none",  # text stays text: small, and in the reader's own font
    "svg.hashsalt": "crosscade",
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
}


def kind_of(picture: bytes) -> str:
    """`png` or `svg+xml`, as a MIME type says it; InputError when it is neither."""
    for head, kind in KINDS.items():
        if picture.startswith(head):
            return kind
    raise InputError("a picture of a page", found=repr(picture[:8]), expected="a PNG or an SVG file's bytes")


@frozen
class Figure:
    """One drawing of a page, with what it shows as its title."""

    title: str
    picture: bytes = field()
    """An SVG or a PNG file's bytes."""
    note: str = ""
    """A line below it: how it was made, how to read it."""

    @picture.validator
    def _known(self, _: object, picture: bytes) -> None:
        kind_of(picture)

    @classmethod
    def drawn(
        cls, title: str, draw: Callable[[Axes], object], note: str = "", size: tuple[float, float] = (4.2, 2.9)
    ) -> Figure:
        """What `draw` draws on matplotlib axes of `size` inches, as an SVG in the page's style.

        A legend has its place above the axes: `axes.figure.legend(loc="outside upper left", ncols=3)`.
        """
        with rc_context(STYLE):
            canvas = Canvas(figsize=size, layout="constrained")
            draw(canvas.add_subplot())
            svg = io.BytesIO()
            canvas.savefig(svg, format="svg", metadata={"Date": None})  # the same figure makes the same bytes
        return cls(title, svg.getvalue(), note)
