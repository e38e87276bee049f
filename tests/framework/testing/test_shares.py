"""A loss that looks at its own rows where it should look at the batch is found out by one process."""

import pytest
import torch

from crosscade.framework import Loss, of_batch, over_all
from crosscade.framework.testing import check_loss


class Contrast(Loss):
    """The translations' size over how much they vary in the batch."""

    needs = frozenset({"fake"})

    def __init__(self, mean):
        super().__init__()
        self.mean = mean

    def terms(self, view):
        return {"contrast": sum(f.abs().mean() / self.mean(f.square().mean()).sqrt() for f in view.fake)}


class Jittered(Loss):
    """Each row weighed by chance."""

    needs = frozenset({"fake"})

    def __init__(self, draw):
        super().__init__()
        self.draw = draw

    def terms(self, view):
        def draw(n):
            return torch.rand(n, 1, 1, 1, device=view.fake.a.device)

        return {"size": sum((self.draw(draw, len(f)) * f.square()).mean() for f in view.fake)}


def test_statistics_and_chance_of_the_whole_batch_are_right():
    check_loss(Contrast(over_all))
    check_loss(Jittered(of_batch))


@pytest.mark.parametrize(
    ("loss", "sentence"),
    [
        (Contrast(lambda mean: mean), r"Contrast: the .*terms of a batch .* two halves differ by .*`over_all`"),
        (Jittered(lambda draw, rows: draw(rows)), r"Jittered: .*what it draws for each row with `of_batch`"),
    ],
)
def test_those_of_a_share_are_found_out(loss, sentence):
    with pytest.raises(AssertionError, match=sentence):
        check_loss(loss)
    check_loss(loss, alone=True)
