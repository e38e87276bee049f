"""Reading what people have, refusing what is no picture, resizing exactly."""

from __future__ import annotations

import os
import struct
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from crosscade.framework import InputError, read_rgb, resize_short_side, write_png
from crosscade.framework.data import images
from crosscade.framework.data.images import MAX_PIXELS, centre_crop, fit_square, verify

RAMP = np.stack(np.broadcast_arrays(np.arange(0, 240, 5)[None], np.arange(0, 200, 5)[:, None], 90), -1).astype(np.uint8)


@pytest.mark.parametrize("suffix", ["png", "bmp", "tiff", "webp", "gif", "jpg"])
def test_every_format_comes_as_rgb(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"x.{suffix}"
    Image.fromarray(RAMP).save(path, **({"lossless": True} if suffix == "webp" else {}))
    image = read_rgb(path)
    assert image.shape == RAMP.shape
    assert image.dtype == np.uint8
    lossy = suffix in ("gif", "jpg")
    assert np.abs(image.astype(int) - RAMP).mean() <= (12 if lossy else 0)
    assert verify(path) == (48, 40)


def test_sixteen_bit_grey_is_scaled_and_not_cut_off(tmp_path: Path) -> None:
    values = np.array([[0, 255, 256, 32768, 65535]], np.uint16)
    for name in ("x.png", "x.tiff"):
        Image.fromarray(values).save(tmp_path / name)
        assert read_rgb(tmp_path / name)[0, :, 0].tolist() == [0, 1, 1, 128, 255]


def test_sixteen_bit_colour_keeps_its_high_bytes(tmp_path: Path) -> None:
    # Pillow cannot write one, so here is a PNG by hand.
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    row = b"\0" + struct.pack(">6H", 65535, 32768, 0, 10 * 257, 200 * 257, 77 * 257)
    content = chunk(b"IHDR", struct.pack(">IIBBBBB", 2, 1, 16, 2, 0, 0, 0)) + chunk(b"IDAT", zlib.compress(row))
    (tmp_path / "x.png").write_bytes(b"\x89PNG\r\n\x1a\n" + content + chunk(b"IEND", b""))
    assert read_rgb(tmp_path / "x.png").tolist() == [[[255, 128, 0], [10, 200, 77]]]


@pytest.mark.parametrize(
    ("values", "expected"), [([0.0, 0.5, 1.0], [0, 128, 255]), ([0.0, 100.0, 255.0], [0, 100, 255])]
)
def test_float_tiff(tmp_path: Path, values: list[float], expected: list[int]) -> None:
    Image.fromarray(np.array([values], np.float32)).save(tmp_path / "x.tiff")
    assert read_rgb(tmp_path / "x.tiff")[0, :, 1].tolist() == expected


def test_one_bit_palette_and_grey(tmp_path: Path) -> None:
    Image.fromarray(RAMP[..., 0] > 100).save(tmp_path / "bit.png")
    Image.fromarray(RAMP[..., 0]).save(tmp_path / "grey.png")
    Image.fromarray(RAMP).quantize(256).save(tmp_path / "palette.png")
    assert set(np.unique(read_rgb(tmp_path / "bit.png"))) == {0, 255}
    assert np.array_equal(read_rgb(tmp_path / "grey.png")[..., 2], RAMP[..., 0])
    assert np.abs(read_rgb(tmp_path / "palette.png").astype(int) - RAMP).mean() < 8


def test_transparency_is_laid_on_white(tmp_path: Path) -> None:
    for mode, clear, solid in (("RGBA", (9, 9, 9, 0), (200, 0, 0, 255)), ("LA", (9, 0), (200, 255))):
        picture = Image.new(mode, (2, 1), clear)
        picture.putpixel((1, 0), solid)
        picture.save(tmp_path / "x.png")
        image = read_rgb(tmp_path / "x.png")
        assert image[0, 0].tolist() == [255, 255, 255]
        assert image[0, 1, 0] == 200
    paletted = Image.new("P", (2, 1), 0)
    paletted.putpalette([10, 20, 30, 40, 50, 60])
    paletted.putpixel((1, 0), 1)
    paletted.save(tmp_path / "x.png", transparency=0)
    assert read_rgb(tmp_path / "x.png").tolist() == [[[255] * 3, [40, 50, 60]]]


def test_cmyk_jpeg(tmp_path: Path) -> None:
    Image.new("CMYK", (16, 16), (0, 255, 255, 0)).save(tmp_path / "x.jpg")
    assert np.abs(read_rgb(tmp_path / "x.jpg").mean((0, 1)) - (255, 0, 0)).max() < 6


def test_exif_orientation_is_applied(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held upright: turn clockwise
    Image.fromarray(RAMP).save(tmp_path / "x.png", exif=exif)
    assert np.array_equal(read_rgb(tmp_path / "x.png"), np.rot90(RAMP, -1))
    Image.fromarray(RAMP).save(tmp_path / "x.jpg", exif=exif, quality=95)
    assert read_rgb(tmp_path / "x.jpg").shape == (48, 40, 3)


def test_first_frame_of_an_animation(tmp_path: Path) -> None:
    red, blue = Image.new("RGB", (8, 8), "red"), Image.new("RGB", (8, 8), "blue")
    red.save(tmp_path / "x.gif", save_all=True, append_images=[blue])
    assert read_rgb(tmp_path / "x.gif")[0, 0].tolist() == [255, 0, 0]


@pytest.mark.parametrize("reader", [read_rgb, verify])
def test_bad_files_are_named_with_the_reason(tmp_path: Path, reader: object) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    for name in ("cut.jpg", "cut.png", "cut.webp", "cut.bmp"):
        Image.fromarray(noise).save(tmp_path / name)
        whole = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(whole[: len(whole) // 2])
    flipped = tmp_path / "flipped.png"
    Image.fromarray(noise).save(flipped)
    content = bytearray(flipped.read_bytes())
    content[len(content) // 2] ^= 0xFF
    flipped.write_bytes(content)
    (tmp_path / "text.jpg").write_text("<html>not found</html>")
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "drawing.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n")  # a format that is not on the list
    for path in [*tmp_path.iterdir(), tmp_path / "absent.png"]:
        with pytest.raises(InputError) as caught:
            reader(path)  # type: ignore[operator]
        assert caught.value.where == str(path)
        assert "\n" not in str(caught.value)


def test_enormous_pictures_are_refused_before_decoding(tmp_path: Path) -> None:
    side = int(MAX_PIXELS**0.5) + 1
    for name, w, h in (("over.png", side, side), ("bomb.png", 60_000, 60_000)):
        header = struct.pack(">IIBBBBB", w, h, 8, 2, 0, 0, 0)
        chunk = b"IHDR" + header
        (tmp_path / name).write_bytes(
            b"\x89PNG\r\n\x1a\n"
            + struct.pack(">I", 13)
            + chunk
            + struct.pack(">I", zlib.crc32(chunk))
            + struct.pack(">I", 4)
            + b"IDAT"
            + b"abcd"
            + struct.pack(">I", zlib.crc32(b"IDATabcd"))
        )
        with pytest.raises(InputError, match="pixels"):
            read_rgb(tmp_path / name)


def test_resize_and_crop() -> None:
    for size in (7, 20, 40, 96):
        for image in (RAMP, RAMP.transpose(1, 0, 2)):
            resized = resize_short_side(image, size)
            assert min(resized.shape[:2]) == size
            assert centre_crop(resized, size).shape == (size, size, 3)
    assert resize_short_side(RAMP, 40) is RAMP
    checks = np.repeat((np.indices((96, 96)).sum(0) % 2 * 255).astype(np.uint8)[..., None], 3, 2)
    assert resize_short_side(checks, 24).std() < 3  # antialiased: fine checks become grey, not moiré
    with pytest.raises(InputError, match="centre crop"):
        centre_crop(RAMP, 41)


def exif_of_a_phone(turn: int) -> bytes:
    """An orientation beside a tag that Pillow reads and cannot write back: its type is unsigned, its value is not."""
    entries = struct.pack("<HHIHH", 0x0112, 3, 1, turn, 0) + struct.pack("<HHII", 0x011A, 5, 1, 38)
    return b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<H", 2) + entries + struct.pack("<I", 0) + struct.pack("<II", 1, 0)


@pytest.mark.parametrize(("turn", "expected"), list(enumerate(
    [RAMP, RAMP[:, ::-1], RAMP[::-1, ::-1], RAMP[::-1], RAMP.transpose(1, 0, 2), np.rot90(RAMP, -1),
     RAMP[::-1, ::-1].transpose(1, 0, 2), np.rot90(RAMP)], 1
)))  # fmt: skip
def test_every_orientation_is_applied_by_its_number(tmp_path: Path, turn: int, expected: np.ndarray) -> None:
    exif = Image.Exif()
    exif[0x0112] = turn
    Image.fromarray(RAMP).save(tmp_path / "x.png", exif=exif)
    assert np.array_equal(read_rgb(tmp_path / "x.png"), expected)
    Image.fromarray(RAMP).save(tmp_path / "x.jpg", exif=exif_of_a_phone(turn))
    assert read_rgb(tmp_path / "x.jpg").shape == expected.shape
    assert verify(tmp_path / "x.jpg") == (48, 40)


@pytest.mark.parametrize("exif", [b"", b"Exif\0\0", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0" + b"\xff" * 99])
def test_exif_that_cannot_be_read_costs_no_picture(tmp_path: Path, exif: bytes) -> None:
    Image.fromarray(RAMP).save(tmp_path / "x.jpg", exif=exif)
    assert read_rgb(tmp_path / "x.jpg").shape == RAMP.shape
    verify(tmp_path / "x.jpg")


def test_what_is_no_regular_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    for path in (tmp_path / "pipe.png", tmp_path, Path("/dev/zero")):
        with pytest.raises(InputError, match="no regular file"):
            read_rgb(path)


def test_any_error_of_a_decoder_is_the_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_png(tmp_path / "x.png", RAMP)
    for error, said in ((MemoryError(), "memory"), (struct.error("odd"), "odd"), (RecursionError("deep"), "deep")):

        def fail(*_: object, error: Exception = error) -> None:
            raise error

        monkeypatch.setattr(Image.Image, "convert", fail)
        for reader in (read_rgb, verify):
            with pytest.raises(InputError, match=said):
                reader(tmp_path / "x.png")


def test_pictures_are_converted_in_strips_to_the_same_bits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    made = {
        "deep.png": Image.fromarray(rng.integers(0, 2**16, (40, 30), dtype=np.uint16)),
        "float.tiff": Image.fromarray(rng.uniform(0, 200, (40, 30)).astype(np.float32)),
        "clear.png": Image.fromarray(rng.integers(0, 256, (40, 30, 4), dtype=np.uint8)),
        "grey.png": Image.fromarray(rng.integers(0, 256, (40, 30, 2), dtype=np.uint8), "LA"),
    }
    for name, picture in made.items():
        picture.save(tmp_path / name)
    whole = {name: read_rgb(tmp_path / name) for name in made}
    monkeypatch.setattr(images, "STRIP", 100)
    for name in made:
        assert np.array_equal(read_rgb(tmp_path / name), whole[name])


@pytest.mark.parametrize("length", [50, 61, 900])
def test_a_narrow_picture_is_cut_first_to_the_same_square(length: int) -> None:
    smooth = np.linspace(0, 255, length)[:, None, None] * np.ones((1, 4, 3))
    image = smooth.round().astype(np.uint8)
    for size in (8, 32, 50):
        expected = centre_crop(resize_short_side(image, size), size).astype(int)
        assert np.abs(fit_square(image, size) - expected).max() <= 256 / length
        assert np.array_equal(fit_square(image.swapaxes(0, 1), size), fit_square(image, size).swapaxes(0, 1))
    usual = np.random.default_rng(0).integers(0, 256, (40, 100, 3), dtype=np.uint8)
    assert np.array_equal(fit_square(usual, 24), centre_crop(resize_short_side(usual, 24), 24))


@pytest.mark.parametrize("shape", [(1, 200_000), (200_000, 1), (40, 4_000_000 // 40)])
def test_a_narrow_picture_takes_no_more_memory_than_itself_and_the_square(shape: tuple[int, int]) -> None:
    image = np.full((*shape, 3), 77, np.uint8)
    tracemalloc.start()
    assert fit_square(image, 256).shape == (256, 256, 3)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 4 * (image.nbytes + 3 * 256**2)
