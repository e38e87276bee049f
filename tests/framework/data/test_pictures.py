"""What people give as a picture is translated as it is meant, or is one clear line: the same for bundle and export."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from crosscade.framework import InputError
from crosscade.framework.data.pictures import fitted
from crosscade.framework.data.written import png

RGB = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)


@pytest.mark.parametrize("picture", [RGB, [RGB], RGB[None], Image.fromarray(RGB)], ids=["array", "list", "4d", "pil"])
def test_uint8_rgb_is_what_it_is(picture):
    np.testing.assert_array_equal(fitted(picture, 16)[0], RGB)


def test_what_gives_pictures_one_by_one_is_several():
    np.testing.assert_array_equal(fitted((v for v in [RGB, 255 - RGB]), 16), [RGB, 255 - RGB])


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "1", "CMYK", "I;16", "F", "YCbCr"])
def test_bytes_and_what_pillow_opened_are_what_their_file_is(tmp_path, mode):
    grey = np.arange(256, dtype=np.uint8).reshape(16, 16)
    values = {"I;16": grey.astype(np.uint16) * 200, "F": grey / np.float32(255)}.get(mode, np.dstack([RGB, grey]))
    image, path = Image.fromarray(values), tmp_path / ("x.tif" if mode in ("CMYK", "F", "YCbCr") else "x.png")
    if image.mode != mode:
        image = image.convert("RGB").convert(mode) if mode == "YCbCr" else image.convert(mode)
    image.save(path)
    expected = fitted(path, 16)
    np.testing.assert_array_equal(fitted(path.read_bytes(), 16), expected)
    np.testing.assert_array_equal(fitted(image, 16), expected)
    with Image.open(path) as opened:
        np.testing.assert_array_equal(fitted([opened, opened], 16), [expected[0]] * 2)


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
        (np.dstack([RGB, RGB[..., :1]]), r"an array of shape \(16, 16, 4\); .* Transparent: Image"),
        (b"", "picture: found an empty file"),
        (b"GIF89a", "picture: found no picture of a known format"),
        (png(RGB)[:200], "picture: found a damaged file"),
        (RGB[:0], r"an array of shape \(0, 16, 3\)"),
        (None, "NoneType; expected a path, a file's bytes, a Pillow image, an array"),
        ([], "none; expected at least one"),
        (Path("nowhere.png"), "no such file"),
    ],
)
def test_anything_else_is_one_line(picture, line):
    with pytest.raises(InputError, match=line) as refused:
        fitted(picture, 16)
    assert "\n" not in str(refused.value)
