"""A glance at images: size, kind and copies."""

import time

import numpy as np
import pytest
from PIL import Image, ImageFilter

from crosscade.framework import ImageSet
from crosscade.plugins.commands.doctor.look import SIDE, Glance, closest, copies, glance
from crosscade.plugins.datasets.folder import FileSet


def scene(seed: int, width: int = 120, height: int = 90) -> Image.Image:
    """A picture like no other: smooth, with edges."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (7, 9, 3), dtype=np.uint8))
    return coarse.resize((width, height), Image.Resampling.BICUBIC).filter(ImageFilter.GaussianBlur(1))


def seen(folder, *saved) -> Glance:
    """A glance at files of (name, picture, options of saving)."""
    paths = []
    for name, picture, options in saved:
        paths.append(folder / name)
        picture.save(paths[-1], **options)
    return glance(FileSet("files", paths), lambda _: None)


def test_each_kind_of_file_is_told(tmp_path):
    deep = Image.fromarray((np.arange(90 * 120, dtype=np.uint16) * 6).reshape(90, 120))
    half = scene(0).convert("RGBA")
    half.putalpha(128)
    turned = Image.Exif()
    turned[0x0112] = 6
    found = seen(
        tmp_path,
        ("rgb.jpg", scene(1), {}),
        ("grey.png", scene(2).convert("L"), {}),
        ("palette.gif", scene(3).convert("P"), {}),
        ("print.jpg", scene(4).convert("CMYK"), {}),
        ("deep.png", deep, {}),
        ("alpha.png", half, {}),
        ("turned.jpg", scene(5), {"exif": turned}),
    )
    assert found.kinds == {
        "RGB": 3, "grey": 1, "palette": 1, "CMYK": 1, "16 bit": 1, "transparent": 1, "EXIF-rotated": 1
    }  # fmt: skip
    assert found.sizes.tolist() == [[120, 90]] * 6 + [[90, 120]], "as it is shown, not as it is stored"
    assert found.labels[0] == "rgb.jpg"
    assert found.small.shape == (7, SIDE, SIDE)


def test_a_jpeg_read_at_a_fraction_looks_like_the_whole(tmp_path):
    big = scene(0, 1600, 1200)
    found = seen(tmp_path, ("big.jpg", big, {"quality": 95}), ("big.png", big, {}))
    assert np.abs(found.small[0].astype(int) - found.small[1]).max() <= 6


def test_copies_are_found_whatever_was_done_to_them_and_others_are_not(tmp_path):
    one, two = scene(1), scene(2)
    train = seen(tmp_path, *((f"{n}.png", scene(n), {}) for n in range(8)))
    test = seen(
        tmp_path,
        ("equal.png", one, {}),
        ("again.jpg", one, {"quality": 40}),
        ("small.png", two.resize((80, 60)), {}),
        ("mirrored.png", two.transpose(Image.Transpose.FLIP_LEFT_RIGHT), {}),
        ("dark.png", two.point(lambda v: int(v * 0.7 + 20)), {}),
        ("other.png", scene(99), {}),
    )
    exact, near = copies(test, train)
    assert exact == [(0, 1)]
    assert near == [(1, 1), (2, 2), (3, 2), (4, 2)]


def test_within_a_set_nothing_is_its_own_copy(tmp_path):
    found = seen(tmp_path, *((f"{n}.png", scene(n), {}) for n in range(4)))
    assert copies(found) == ([], [])
    doubled = seen(tmp_path, *((f"{n}.png", scene(n % 3), {}) for n in range(4)))
    assert copies(doubled) == ([(0, 3), (3, 0)], [])


def test_near_constant_pictures_are_no_copies_of_each_other(tmp_path):
    grey = Image.new("RGB", (60, 60), (90, 90, 90))
    found = seen(tmp_path, ("a.png", grey, {}), ("b.png", grey, {}), ("c.png", scene(0), {}))
    assert found.flat.tolist() == [True, True, False]
    assert copies(found) == ([], [])


def test_images_that_are_no_files_have_no_kind():
    class Drawn(ImageSet):
        name = "drawn"

        def __len__(self) -> int:
            return 3

        def load(self, index: int, short_side: int) -> np.ndarray:
            return np.asarray(scene(index % 2, 2 * short_side, short_side))

    found = glance(Drawn(), lambda _: None)
    assert not found.kinds
    assert (found.sizes[:, 0] / found.sizes[:, 1]).tolist() == [2.0] * 3
    assert copies(found) == ([(0, 2), (2, 0)], [])


@pytest.mark.parametrize("itself", [True, False])
def test_the_closest_is_what_comparing_each_with_each_finds(itself):
    rng = np.random.default_rng(0)
    theirs = rng.integers(0, 256, (40, SIDE, SIDE), dtype=np.uint8)
    mine = theirs if itself else rng.integers(0, 256, (1100, SIDE, SIDE), dtype=np.uint8)
    place, alike = closest(mine, theirs, itself=itself)
    for n in (0, 7, len(mine) - 1):
        others = [
            (max(np.corrcoef(v.ravel(), t.ravel())[0, 1] for v in (mine[n], mine[n][:, ::-1])), m)
            for m, t in enumerate(theirs)
            if not (itself and m == n)
        ]
        assert (round(float(alike[n]), 4), place[n]) == (round(float(max(others)[0]), 4), max(others)[1])


@pytest.mark.slow
def test_ten_thousand_pictures_are_compared_in_seconds():
    small = np.random.default_rng(0).integers(0, 256, (10_000, SIDE, SIDE), dtype=np.uint8)
    small[9_999] = small[5]
    start = time.process_time()
    place, alike = closest(small, small, itself=True)
    assert (place[5], place[9_999]) == (9_999, 5)
    assert alike[5] == pytest.approx(1, abs=1e-4)
    assert time.process_time() - start < 30
