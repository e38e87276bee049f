"""What pixels show by themselves. Torch-free."""

# N images, H W space; images are uint8 (N, H, W, 3)

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

DARK, FLAT = 8, 2


def black(images: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Which images (N,) are black or of one colour: maximum below 8 or every channel's deviation below 2, of 255."""
    return np.array([image.max() < DARK or image.std((0, 1)).max() < FLAT for image in images], np.bool_)
