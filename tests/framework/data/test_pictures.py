"""What people give as a picture is translated as it is meant, or is one clear line: the same for bundle and export."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from crosscade.framework import InputError
from crosscade.framework.data.pictures import fitted

RGB = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)


@pytest.mark.parametrize("picture", [RGB, [RGB], RGB[None], Image.fromarray(RGB)], ids=["array", "list", "4d", "pil"])
def test_uint8_rgb_is_what_it_is(picture):
    np.testing.assert_array_equal(fitted(picture, 16)[0], RGB)


def test_a_path_is_read(tmp_path):
    Image.fromarray(RGB).save(tmp_path / "x.png")
    np.testing.assert_array_equal(fitted(tmp_path / "x.png", 16)[0], RGB)
    np.testing.assert_array_equal(fitted(str(tmp_path / "x.png"), 16)[0], RGB)


@pytest.mark.parametrize(
    ("picture", "line"),
    [
        (RGB / 255, r"an array of float64; expected uint8, 0 to 255\. For values in 0 to 1"),
        (RGB.astype(np.uint16) * 257, r"an array of uint16; .* Where white is 65535: \(values / 65535 \* 255\)"),
        (RGB > 127, r"an array of bool; .* For a mask"),
        (RGB[..., 0], r"an array of shape \(16, 16\); .* Grey"),
        (RGB[..., :1], r"an array of shape \(16, 16, 1\); .* Grey"),
        (RGB.transpose(2, 0, 1), r"an array of shape \(3, 16, 16\); .* Channels first"),
        (np.dstack([RGB, RGB[..., :1]]), r"an array of shape \(16, 16, 4\); .* Lay what is transparent"),
        (Image.fromarray(np.dstack([RGB, RGB[..., :1]])), "a Pillow image of mode RGBA"),
        (RGB[:0], r"an array of shape \(0, 16, 3\)"),
        (None, "NoneType; expected a path, a Pillow image, an array"),
        ([], "none; expected at least one"),
        (Path("nowhere.png"), "no such file"),
    ],
)
def test_anything_else_is_one_line(picture, line):
    with pytest.raises(InputError, match=line) as refused:
        fitted(picture, 16)
    assert "\n" not in str(refused.value)
