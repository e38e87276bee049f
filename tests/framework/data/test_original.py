"""A picture comes back in its own size, with its translation where that counts and its own pixels elsewhere."""

import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from crosscade.framework.data.images import fit_square
from crosscade.framework.data.original import MOST_SQUARES, Original
from crosscade.framework.data.written import png

SIZE = 32


def smooth(height: int, width: int) -> np.ndarray:
    """A picture that resizing keeps, (H, W, 3)."""
    rows, columns = np.linspace(0, 200, height)[:, None], np.linspace(20, 255, width)
    return np.stack(np.broadcast_arrays(rows, columns, 128), -1).astype(np.uint8)


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    ("height", "width", "count"),
    [
        (64, 64, 1),
        (64, 72, 1),
        (72, 64, 1),
        (60, 80, 2),
        (96, 64, 2),
        (90, 160, 3),
        (20, 200, 19),
        (4, 4000, MOST_SQUARES),
    ],
)
def test_squares_cover_the_picture_from_one_end_to_the_other(height: int, width: int, count: int) -> None:
    picture = smooth(height, width)
    squares = Original.of(picture).squares(SIZE)
    assert squares.shape == (count, SIZE, SIZE, 3)
    first, last = squares[0, 0, 0].astype(int), squares[-1, -1, -1].astype(int)
    assert np.abs(first - picture[0, 0]).max() <= 12
    assert np.abs(last - picture[-1, -1]).max() <= 12


def test_a_square_picture_is_seen_as_it_always_was() -> None:
    assert (Original.of(noise(64, 64)).squares(SIZE)[0] == fit_square(noise(64, 64), SIZE)).all()


@pytest.mark.parametrize(("height", "width"), [(120, 80), (80, 120), (77, 201), (20, 20), (13, 40)])
def test_what_is_translated_into_itself_stays_where_it_was(height: int, width: int) -> None:
    original = Original.of(smooth(height, width))
    image, mask = original.replaced(original.squares(SIZE))
    assert mask is None
    assert image.shape == (height, width, 3)
    assert np.abs(image.astype(int) - smooth(height, width)).max() <= 4


def test_where_the_translation_does_not_count_not_a_byte_changes() -> None:
    original = Original.of(noise(150, 400))
    squares = original.squares(SIZE)
    image, mask = original.replaced(squares, np.zeros(squares.shape[:3], np.uint8))
    assert (image == noise(150, 400)).all()
    assert mask is not None
    assert mask.shape == (150, 400)
    assert not mask.any()


def test_where_only_the_translation_counts_nothing_of_the_source_is_left() -> None:
    original = Original.of(noise(150, 400))
    squares = original.squares(SIZE)
    image, mask = original.replaced(np.full_like(squares, 90), np.full(squares.shape[:3], 255, np.uint8))
    assert (image == 90).all()
    assert mask is not None
    assert (mask == 255).all()


def test_half_and_half_are_mixed_and_keep_half_of_the_detail() -> None:
    picture = noise(64, 64) // 4 + 100
    original = Original.of(picture)
    squares = original.squares(SIZE)
    composed = np.rint(squares * 0.5 + 90 * 0.5).astype(np.uint8)  # as a cascade does it
    image, _ = original.replaced(composed, np.full(squares.shape[:3], 128, np.uint8))
    assert np.abs(image - (picture * 0.5 + 90 * 0.5)).max() <= 2


def test_squares_fade_into_one_another() -> None:
    original = Original.of(smooth(64, 96))
    squares = np.stack([np.full((SIZE, SIZE, 3), value, np.uint8) for value in (50, 150)])
    row = original.replaced(squares)[0][30, :, 0].astype(int)
    assert (row[:30] == 50).all()
    assert (row[-30:] == 150).all()
    assert (np.diff(row) >= 0).all()
    assert np.diff(row).max() <= 8


def test_transparency_stays_and_is_white_to_the_translator(tmp_path: Path) -> None:
    picture = np.dstack([noise(64, 64), np.full((64, 64), 255, np.uint8)])
    picture[:32, :, 3] = 0
    Image.fromarray(picture).save(tmp_path / "x.png")
    original = Original.of(tmp_path / "x.png")
    squares = original.squares(SIZE)
    assert (squares[:, :12] == 255).all()
    image, _ = original.replaced(squares, np.zeros(squares.shape[:3], np.uint8))
    assert (image[:, :, 3] == picture[:, :, 3]).all()
    assert (image[32:] == picture[32:]).all()


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA", "P"])
def test_the_middle_alone_keeps_its_transparency(mode: str) -> None:
    alpha = np.zeros((64, 96), np.uint8)
    alpha[:, 48:] = 255
    picture = Image.fromarray(np.dstack([noise(64, 96), alpha]))
    if mode == "PA":
        picture = picture.convert("LA")
        picture = Image.merge("PA", [picture.getchannel("L"), picture.getchannel("A")])
    middle = Original.of(picture.quantize() if mode == "P" else picture.convert(mode)).fitted(SIZE)
    assert middle.alpha is not None
    assert middle.seen.shape == (SIZE, SIZE, 3)
    assert middle.alpha[:, : SIZE // 2 - 1].max() <= 8
    assert middle.alpha[:, SIZE // 2 + 1 :].min() >= 247
    assert middle.covered(middle.seen).shape == (SIZE, SIZE, 4)
    assert (middle.seen[:, : SIZE // 2 - 2] >= 250).all(), "a translator sees white there"


def test_a_picture_is_upright_and_keeps_its_colours_meaning(tmp_path: Path) -> None:
    exif, profile = Image.Exif(), ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif[0x0112] = 6  # held upright, stored lying
    Image.fromarray(smooth(40, 60)).save(tmp_path / "x.jpg", exif=exif, icc_profile=profile, quality=95)
    original = Original.of(tmp_path / "x.jpg")
    assert original.own.shape == (60, 40, 3)
    assert original.profile == original.fitted(SIZE).profile == profile
    (tmp_path / "y.png").write_bytes(png(original.own, profile=original.profile))
    with Image.open(tmp_path / "y.png") as written:
        assert written.info["icc_profile"] == profile


@pytest.mark.parametrize("mode", ["L", "I;16", "CMYK", "P"])
def test_every_mode_comes_back_as_the_reader_sees_it(tmp_path: Path, mode: str) -> None:
    grey = np.arange(40 * 40, dtype=np.uint16).reshape(40, 40) * 40
    picture = Image.fromarray(grey) if mode == "I;16" else Image.fromarray((grey >> 8).astype(np.uint8)).convert(mode)
    picture.save(tmp_path / "x.tiff")
    original = Original.of(tmp_path / "x.tiff")
    squares = original.squares(SIZE)
    image, _ = original.replaced(squares, np.zeros(squares.shape[:3], np.uint8))
    assert (image == original.seen).all()
    assert original.alpha is None


def test_twelve_megapixels_take_seconds() -> None:
    picture = np.broadcast_to(smooth(1, 6000), (2000, 6000, 3))
    start = time.process_time()
    original = Original.of(np.ascontiguousarray(picture))
    squares = original.squares(128)
    assert original.replaced(squares, np.full(squares.shape[:3], 99, np.uint8))[0].shape == (2000, 6000, 3)
    assert time.process_time() - start < 10
