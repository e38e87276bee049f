"""`crosscade run`: folders of pictures through an export."""

import numpy as np
import pytest
from PIL import Image, ImageCms

from crosscade.exporters.runtime import command as run_command
from crosscade.framework import read_rgb, write_png
from crosscade.framework.data.styles import draw_styles
from tests.cli_tools import made
from tests.exporters.tiny_export import SIZE, masks, pictures, tapped, translated, write
from tests.test_floors import without_torch


def test_a_folder_is_translated(run, tmp_path):
    answer = run("in", "--out", "out")
    assert answer.code == 0
    assert answer.others == ["3 images in out, on CPUExecutionProvider"]
    found = made(tmp_path / "out")
    assert list(found) == ["0.png", "1.png", "2.png"]
    assert (np.stack(list(found.values())) == translated(pictures(3))).all()


@pytest.mark.parametrize("suffix", ["jpg", "webp"])
def test_results_may_be_of_a_format_that_loses_a_little(run, tmp_path, suffix):
    assert run("in", "--out", "out", "--format", suffix).code == 0
    found = [read_rgb(tmp_path / "out" / f"{k}.{suffix}").astype(int) for k in range(3)]
    whole = (0, 1, 2)  # of noise nothing else is kept
    assert np.abs(np.stack(found).mean(whole) - translated(pictures(3)).mean(whole)).max() < 4
    assert run("in", "--out", "out", "--format", suffix).others == [
        "0 images in out, on CPUExecutionProvider, 3 were there already"
    ]


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp"])
def test_squares_keep_the_profile_of_their_pictures_colours(run, tmp_path, suffix):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.fromarray(pictures(1)[0]).save(tmp_path / "wide.jpg", icc_profile=profile)
    assert run("wide.jpg", "--out", "out", "--format", suffix).code == 0
    with Image.open(tmp_path / "out" / f"wide.{suffix}") as picture:
        assert picture.info["icc_profile"] == profile


def test_the_other_direction(run, tmp_path):
    assert run("in/1.png", "--out", "out", "--direction", "b2a", "--threads", "1").code == 0
    assert (made(tmp_path / "out")["1.png"] == translated(pictures(3), "b2a")[1]).all()


def test_both_directions_have_a_folder_each_as_if_they_were_asked_for_one_by_one(run, tmp_path):
    write_png(tmp_path / "in" / "deep" / "3.png", pictures(4)[3])
    first = run("in", "--out", "out", "--direction", "both")
    assert first.others == [f"4 images in out/{way}, on CPUExecutionProvider" for way in ("a2b", "b2a")]
    for way in ("a2b", "b2a"):
        found = made(tmp_path / "out" / way)
        assert list(found) == ["0.png", "1.png", "2.png", "deep/3.png"]
        assert (np.stack(list(found.values())) == translated(pictures(4), way)).all()
        assert len((tmp_path / "out" / way / "results.csv").read_text().splitlines()) == 5
    (tmp_path / "out" / "b2a" / "1.png").unlink()
    again = run("in", "--out", "out", "--direction", "both").others
    assert [line.partition(", on")[0] for line in again] == ["0 images in out/a2b", "1 image in out/b2a"]
    assert run("in", "--out", "out/b2a", "--direction", "b2a").others[0].endswith("4 were there already")


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
@pytest.mark.parametrize("suffix", ["png", "webp", "jpg"])
def test_what_is_transparent_stays_so_where_the_format_can(run, tmp_path, mode, suffix):
    picture = np.full((SIZE, 2 * SIZE, 4), 200, np.uint8)
    picture[: SIZE // 2, :, 3], picture[SIZE // 2 :, :, 3] = 0, 255
    image = Image.fromarray(picture)
    (image.quantize() if mode == "P" else image.convert(mode)).save(tmp_path / "clear.png")
    answer = run("clear.png", "in/0.png", "--out", "out", "--format", suffix)
    said = [line for line in answer.others if "transparent" in line]
    assert said == (
        ["warning: clear.png: transparent, which a JPEG is not: it lies on white"] if suffix == "jpg" else []
    )
    with (
        Image.open(tmp_path / "out" / f"clear.{suffix}") as result,
        Image.open(tmp_path / "out" / f"0.{suffix}") as other,
    ):
        assert (result.mode, other.mode) == ("RGB" if suffix == "jpg" else "RGBA", "RGB")
        pixels = np.asarray(result.convert("RGBA"))
    assert pixels.shape == (SIZE, SIZE, 4)
    assert np.abs(pixels[-1, :, :3].astype(int) - 55).max() < 4  # the negative
    if suffix == "jpg":
        assert (pixels[0] >= 252).all()
    else:
        assert (pixels[: SIZE // 2, :, 3] == 0).all()
        assert (pixels[SIZE // 2 :, :, 3] == 255).all()


def test_a_broken_picture_among_good_ones_is_set_aside(run, tmp_path):
    (tmp_path / "in" / "1.png").write_bytes(b"\x89PNG\r\n\x1a\nno more")
    answer = run("in", "--out", "out", "--batch", "2")
    assert answer.code == 1
    assert "1.png" in answer.others[0]
    expected = "2 images in out, on CPUExecutionProvider, 1 could not be read, see out/results.csv"
    assert answer.others[1] == expected
    assert list(made(tmp_path / "out")) == ["0.png", "2.png"]
    assert (made(tmp_path / "out")["2.png"] == translated(pictures(3))[2]).all()


def test_pictures_of_several_folders_may_share_a_name(run, tmp_path):
    write_png(tmp_path / "more" / "0.PNG", pictures(1, seed=5)[0])
    assert run("in", "more", "--out", "out", "--batch", "2").code == 0
    found = made(tmp_path / "out")
    assert list(found) == ["in/0.png", "in/1.png", "in/2.png", "more/0.png"]
    assert (found["more/0.png"] == translated(pictures(1, seed=5))[0]).all()


def test_the_strip_puts_the_levels_beside_each_other(run, tmp_path):
    write(tmp_path / "tiny.onnx", taps=True)
    assert run("in/2.png", "--out", "out", "--strip").code == 0
    image = pictures(3)[2:]
    sheet = made(tmp_path / "out")["2.png"]
    assert sheet.shape == (24, 84, 3)
    for column, expected in enumerate([image, tapped(image), tapped(image), translated(image)]):
        assert (sheet[4:20, 4 + 20 * column : 20 + 20 * column] == expected[0]).all()


def test_masks_lie_beside_their_pictures_and_are_listed(run, tmp_path):
    write(tmp_path / "tiny.onnx", mask=True)
    assert run("in", "--out", "out", "--mask", "--batch", "2").code == 0
    found = made(tmp_path / "out")
    assert list(found) == [f"{k}{ending}.png" for k in range(3) for ending in (".mask", "")]
    for k in range(3):
        assert (found[f"{k}.mask.png"] == masks(pictures(3))[k, :, :, None]).all()
        assert (found[f"{k}.png"] == translated(pictures(3))[k]).all()
    with Image.open(tmp_path / "out" / "1.mask.png") as mask:
        assert mask.mode == "L"
    assert "in/1.png,1.mask.png,\n" in (tmp_path / "out" / "results.csv").read_text()


def test_a_picture_of_any_shape_comes_back_whole(run, tmp_path):
    write(tmp_path / "tiny.onnx", mask=True)
    wide = np.zeros((24, 60, 3), np.uint8)
    wide[:, 40:] = 255  # red as well: the mask is there
    write_png(tmp_path / "wide.png", wide)
    assert run("wide.png", "--out", "out", "--onto-source", "--mask").code == 0
    found = made(tmp_path / "out")
    assert found["wide.mask.png"].shape == found["wide.png"].shape == wide.shape
    assert (found["wide.mask.png"][:, :30] == 0).all()
    assert (found["wide.png"][:, 45:] == 0).all()  # the negative of white
    answer = run("wide.png", "--out", "again", "--onto-source", "--direction", "b2a")
    assert (answer.code, len(answer.others)) == (0, 1)


def test_all_of_a_picture_is_translated_where_there_is_no_mask_and_that_is_said(run, tmp_path):
    write_png(tmp_path / "tall.png", np.full((70, 30, 3), 200, np.uint8))
    answer = run("tall.png", "in", "--out", "out", "--onto-source")
    assert answer.code == 0
    assert answer.others[0] == "this model has no foreground map: all of each picture becomes the translation"
    assert (made(tmp_path / "out")["tall.png"] == np.full((70, 30, 3), 55)).all()
    assert made(tmp_path / "out")["in/0.png"].shape == (SIZE, SIZE, 3)


def test_the_squares_of_a_picture_are_of_one_style(run, tmp_path):
    write(tmp_path / "tiny.onnx", style_size=4)
    write_png(tmp_path / "wide.png", np.full((20, 60, 3), 128, np.uint8))
    assert run("in/0.png", "wide.png", "--out", "out", "--seed", "7", "--onto-source").code == 0
    flat = np.full((2, SIZE, SIZE, 3), 128, np.uint8)
    expected = translated(flat, styles=draw_styles(2, 4, 7))[1, 0, 0]
    assert (made(tmp_path / "out")["wide.png"] == expected).all()


def test_a_pictures_style_depends_on_its_place_and_the_seed_alone(run, tmp_path):
    write(tmp_path / "tiny.onnx", style_size=4)
    (tmp_path / "in" / "1.png").write_bytes(b"")
    assert run("in", "--out", "out", "--seed", "7", "--batch", "2").code == 1
    expected = translated(pictures(3), styles=draw_styles(3, 4, 7))
    found = made(tmp_path / "out")
    assert (found["0.png"] == expected[0]).all()
    assert (found["2.png"] == expected[2]).all()


def test_the_check_needs_no_pictures(run, monkeypatch):
    monkeypatch.setattr(run_command, "SPEED_SECONDS", 0.01)
    answer = run("--check", "--batch", "2")
    assert answer.code == 0
    first, second = answer.output.splitlines()
    assert first.startswith("a2b day → night: CPUExecutionProvider, golden pictures at inf dB (at least 45), ")
    assert first.endswith(" images/s in batches of 2")
    assert second.startswith("b2a night → day: ")


def test_the_base_install_runs_it(run, tmp_path):
    done = without_torch(
        "from crosscade.framework.cli import main\n"
        f"sys.exit(main(['run', {str(tmp_path / 'tiny.onnx')!r}, {str(tmp_path / 'in')!r}, '--out', 'out']))"
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert (made(tmp_path / "out")["0.png"] == translated(pictures(3))[0]).all()
