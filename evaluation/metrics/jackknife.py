"""How sure a score of a whole set of images is: the delete-a-group jackknife, and Wilson's interval. Torch-free."""

# N images

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]
GROUPS = 20
STUDENT = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
    2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093,
)  # fmt: skip
"""The 97.5 % quantiles of Student's t with 1 to GROUPS - 1 degrees of freedom."""
SPREAD = "±"
"""The name under which a score's spread lies beside it."""

NORMAL = 1.96
"""The 97.5 % quantile of the normal distribution."""
SHARE = "±: half of Wilson's 95 % interval"


def share_half_width(share: float, count: int) -> float:
    """Half of Wilson's 95 % interval of a share of `count` images: above 0 even where all or none have it."""
    square = NORMAL**2
    return NORMAL / (1 + square / count) * float(np.sqrt(share * (1 - share) / count + square / (4 * count**2)))


def how(count: int) -> str:
    """What `half_width` of so many images is, for people."""
    groups = min(GROUPS, count)
    return f"±: 95 % interval over the test images, by a jackknife of {groups} groups, the reference held fixed"


def half_width(statistic: Callable[[Rows], float], count: int) -> float:
    """Half of the 95 % interval of `statistic(rows)` over `count` images, of which each is as likely as another.

    Each of at most GROUPS interleaved groups is left out once (Shao and Tu 1995, Sec. 2.3). No image is repeated, as it
    would be in a bootstrap, whose copies make covariances and kernel sums smaller than those of different images.
    """
    groups = min(GROUPS, count)
    rows = np.arange(count)
    left = np.array([statistic(rows[rows % groups != k]) for k in range(groups)])
    return STUDENT[groups - 2] * float(np.sqrt((groups - 1) / groups * ((left - left.mean()) ** 2).sum()))
