"""Styles: what a multimodal translator is given besides the source, and what the source does not decide.

B batch, S the style's size. The prior of a style is N(0, 1); a translator without styles has no `style_size`.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from .data.styles import draw_styles
from .support.ranks import of_batch


def style_size(net: nn.Module) -> int:
    """S of a translator, 0 when it has no styles."""
    return int(getattr(net, "style_size", 0))


def styles_on(x: Tensor, size: int, seed: int, start: int = 0) -> Tensor | None:
    """Drawn styles (B, size) of rows `start`, … of a set, where those rows `x` lie; None for a size of 0."""
    return torch.from_numpy(draw_styles(start + len(x), size, seed)[start:]).to(x.device) if size else None


def run(net: Any, features: Tensor, deeper: Tensor | None, like: Tensor | None = None) -> Tensor:
    """`net` on a batch: one that has styles takes those of target-domain features `like`, or draws from the prior."""
    size = style_size(net)
    if not size:
        return net(features, deeper)
    if like is not None:
        return net(features, deeper, net.style_of(like))
    return net(features, deeper, of_batch(lambda n: torch.randn(n, size, device=features.device), len(features)))


def run_seeded(net: Any, features: Tensor, deeper: Tensor | None, seed: int, start: int = 0) -> Tensor:
    """`net` on rows `start`, … of a set: one that has styles is given those that `draw_styles(…, seed)` has there."""
    style = styles_on(features, style_size(net), seed, start)
    return net(features, deeper) if style is None else net(features, deeper, style)
