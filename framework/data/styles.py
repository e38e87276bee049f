"""A style is drawn by one rule, whatever runs it: training, a bundle or an export of one. Torch-free."""

# N pictures, S the length of a style

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError

Styles = NDArray[np.float32]


def draw_styles(count: int, size: int, seed: int = 0) -> Styles:
    """(N, S) from the prior N(0, 1). Row k depends on the seed and k alone, so that batches do not matter."""
    # not torch's generator: how it draws depends on how much it draws
    return np.random.default_rng(seed).standard_normal((count, size), dtype=np.float32)


def styles_for(count: int, size: int, style: Any = None, seed: int = 0) -> Styles | None:
    """(N, S) for `count` pictures, None where the method has no styles (`size` 0).

    `style` is (S,) or (1, S) for all, or (N, S); without it they are drawn. Raises InputError for another shape.
    """
    if style is None:
        return draw_styles(count, size, seed) if size else None
    if not size:
        raise InputError("style", found="a method without styles", expected="none", cure="Leave it out.")
    try:
        styles = np.broadcast_to(np.asarray(style, dtype=np.float32), (count, size))
    except (TypeError, ValueError):
        styles = np.full(1, np.nan, np.float32)
    if not np.isfinite(styles).all():
        expected = f"finite numbers of shape ({size},) or ({count}, {size})"
        raise InputError("style", found=f"{type(style).__name__} of shape {np.shape(style)}", expected=expected)
    return np.array(styles, order="C")
