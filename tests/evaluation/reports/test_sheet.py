"""The sheet to count by: the first images in order, each beside its translation."""

import numpy as np

from crosscade.evaluation.reports.sheet import COUNT, LABEL, PAIRS, sheet, whole_by_eye

SIZE, PAD = 24, 4


def flat(values):
    return np.stack([np.full((SIZE, SIZE, 3), value, np.uint8) for value in values])


def test_the_first_stand_in_order_with_their_numbers():
    drawn = sheet(flat(range(45)), flat(range(100, 145)))
    rows = COUNT // PAIRS
    assert drawn.shape == (PAD + rows * (SIZE + LABEL + PAD), PAD + PAIRS * (2 * SIZE + PAD), 3)
    for n in range(COUNT):
        top, left = PAD + n // PAIRS * (SIZE + LABEL + PAD), PAD + n % PAIRS * (2 * SIZE + PAD)
        head, pair = drawn[top : top + LABEL, left : left + 2 * SIZE], drawn[top + LABEL : top + LABEL + SIZE, left:]
        assert head.min() < 128, "a number"
        assert (pair[:, :SIZE] == n).all()
        assert (pair[:, SIZE : 2 * SIZE] == 100 + n).all()


def test_fewer_images_than_a_sheet_holds():
    assert sheet(flat(range(5)), flat(range(5))).shape[0] == PAD + 2 * (SIZE + LABEL + PAD)


def test_a_count_is_a_share_with_its_interval():
    score = whole_by_eye(30, 40, "dog", "sheets/a2b.png")
    assert (score.value, score.n) == (0.75, 40)
    assert 0.1 < score.beside["±"] < 0.15
    assert "a whole dog in the source's place" in score.protocol
