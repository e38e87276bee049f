"""Black, or of one colour, is the same for the health of a training and for a score."""

import numpy as np
import pytest

from crosscade.evaluation.metrics import image_statistics
from crosscade.framework.data.pixels import black
from crosscade.framework.features import health

CHECKERED = np.indices((16, 16)).sum(0)[..., None] % 2
NOISE = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (np.zeros((16, 16, 3)), True),
        (NOISE.integers(0, 8, (16, 16, 3)), True),  # too dark to show anything
        (np.full((16, 16, 3), (200, 30, 90)), True),  # its channels differ, its pixels do not
        (np.array((200, 30, 90)) + NOISE.integers(0, 4, (16, 16, 3)), True),
        (np.where(CHECKERED, (200, 100, 60), (100, 200, 60)), False),  # two colours of one grey
        ((0, 0, 12) * CHECKERED, False),
        (NOISE.integers(0, 256, (16, 16, 3)), False),
    ],
)
def test_an_image_is_black_when_no_channel_shows_anything(image, expected):
    images = image.astype(np.uint8)[None]
    assert black(images).tolist() == [expected]
    assert health.black_share(images) == expected


def test_the_score_counts_them_alike():
    assert image_statistics.black is black
