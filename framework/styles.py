"""Styles: what a multimodal translator is given besides the source, and what the source does not decide.

B batch, S the style's size. The prior of a style is N(0, 1); a translator without styles has no `style_size`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn


def style_size(net: nn.Module) -> int:
    """S of a translator, 0 when it has no styles."""
    return int(getattr(net, "style_size", 0))


def draw_styles(count: int, size: int, seed: int) -> Tensor:
    """(count, S) float32 from the prior. Row k depends on the seed and k alone, so that batches do not matter."""
    # not torch's generator: how it draws depends on how much it draws
    return torch.from_numpy(np.random.default_rng(seed).standard_normal((count, size), dtype=np.float32))


def run(net: Any, features: Tensor, deeper: Tensor | None, like: Tensor | None = None) -> Tensor:
    """`net` on a batch: one that has styles takes those of target-domain features `like`, or draws from the prior."""
    size = style_size(net)
    if not size:
        return net(features, deeper)
    style = torch.randn(len(features), size, device=features.device) if like is None else net.style_of(like)
    return net(features, deeper, style)


def run_seeded(net: Any, features: Tensor, deeper: Tensor | None, seed: int, start: int = 0) -> Tensor:
    """`net` on rows `start`, … of a set: one that has styles is given those that `draw_styles(…, seed)` has there."""
    size = style_size(net)
    if not size:
        return net(features, deeper)
    style = draw_styles(start + len(features), size, seed)[start:]
    return net(features, deeper, style.to(features.device))
