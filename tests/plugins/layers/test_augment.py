"""Each image is changed in its own way, and gradients pass."""

import pytest
import torch

from crosscade.plugins.layers.augment import POLICIES, augmented


@pytest.mark.parametrize("name", POLICIES)
def test_each_row_is_changed_in_its_own_way_and_gradients_pass(name):
    torch.manual_seed(0)
    one = torch.rand(1, 3, 32, 32) * 2 - 1
    images = one.repeat(4, 1, 1, 1).requires_grad_(True)
    changed = augmented(images, [name])
    assert changed.shape == images.shape
    assert len({tuple(row.flatten().tolist()) for row in changed.detach()}) == 4
    changed.sum().backward()
    assert images.grad.abs().sum() > 0


def test_a_shift_keeps_what_stays_inside():
    torch.manual_seed(0)
    images = torch.zeros(8, 3, 32, 32)
    images[:, :, 16, 16] = 1.0
    shifted = augmented(images, ["translation"])
    assert torch.equal(shifted.sum((1, 2, 3)), images.sum((1, 2, 3)))
    places = {tuple(row[0].nonzero()[0].tolist()) for row in shifted}
    assert len(places) > 1
    assert all(abs(y - 16) <= 4 and abs(x - 16) <= 4 for y, x in places)


def test_a_cutout_greys_a_quarter_at_most():
    torch.manual_seed(0)
    kept = augmented(torch.ones(8, 3, 32, 32), ["cutout"]).mean((1, 2, 3))
    assert ((kept >= 0.75) & (kept < 1)).all()


def test_colours_change_and_shapes_do_not():
    torch.manual_seed(0)
    images = torch.zeros(2, 3, 8, 8)
    images[:, :, :, :4] = 0.5
    changed = augmented(images, ["colour"])
    assert torch.equal(changed[..., :4], changed[..., :1, :1].expand(2, 3, 8, 4))


def test_nothing_asked_for_changes_nothing():
    images = torch.rand(2, 3, 8, 8)
    before = torch.random.get_rng_state()
    assert augmented(images, ()) is images
    assert torch.equal(torch.random.get_rng_state(), before)
