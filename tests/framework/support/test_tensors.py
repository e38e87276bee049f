"""Pixels become tensors and come back."""

import numpy as np
import torch

from crosscade.framework import to_images, to_tensor


def test_pixels_survive_the_way_to_tensors_and_back():
    pixels = np.arange(256, dtype=np.uint8).repeat(3).reshape(1, 16, 16, 3)
    tensor = to_tensor(pixels)
    assert (float(tensor.min()), float(tensor.max())) == (-1, 1)
    np.testing.assert_array_equal(to_images(tensor), pixels)


def test_values_beyond_the_range_are_cut_and_the_middle_is_grey():
    values = torch.tensor([-1.2, 1.2, 0.0, -1.0]).reshape(1, 1, 2, 2).repeat(1, 3, 1, 1)
    assert to_images(values)[0, :, :, 0].tolist() == [[0, 255], [128, 0]]
