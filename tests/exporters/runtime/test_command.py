"""`crosscade run`: folders of pictures through an export."""

import sys
import time

import numpy as np
import pytest
from PIL import Image

from crosscade.exporters.runtime import command as run_command
from crosscade.exporters.runtime import onnxruntime as onnxruntime_backend
from crosscade.exporters.runtime.providers import Machine
from crosscade.framework import read_rgb, write_png
from crosscade.framework.data.styles import draw_styles
from tests.exporters.tiny_export import SIZE, masks, pictures, tapped, translated, write
from tests.test_floors import without_torch


@pytest.fixture
def run(crosscade, tmp_path):
    """`crosscade run` of an export and a folder with three pictures of its size."""
    write(tmp_path / "tiny.onnx")
    for k, image in enumerate(pictures(3)):
        write_png(tmp_path / "in" / f"{k}.png", image)
    return lambda *words, export="tiny.onnx": crosscade("run", export, *words)


def made(folder):
    return {path.relative_to(folder).as_posix(): read_rgb(path) for path in sorted(folder.rglob("*.png"))}


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
    assert [line.partition(", on")[0] for line in again] == ["0 images in out/a2b", "1 images in out/b2a"]
    assert run("in", "--out", "out/b2a", "--direction", "b2a").others[0].endswith("4 were there already")


def test_both_directions_of_an_export_of_one_are_refused(run, tmp_path):
    write(tmp_path / "one.onnx", directions=("a2b",))
    answer = run("in", "--out", "out", "--direction", "both", export="one.onnx")
    assert (answer.code, "direction 'b2a': found no such one in one.onnx" in answer.error) == (2, True)
    assert not (tmp_path / "out").exists()


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
    assert answer.others[0] == "tiny.onnx has no foreground map: all of each picture becomes the translation"
    assert (made(tmp_path / "out")["tall.png"] == np.full((70, 30, 3), 55)).all()
    assert made(tmp_path / "out")["in/0.png"].shape == (SIZE, SIZE, 3)


def test_the_squares_of_a_picture_are_of_one_style(run, tmp_path):
    write(tmp_path / "tiny.onnx", style_size=4)
    write_png(tmp_path / "wide.png", np.full((20, 60, 3), 128, np.uint8))
    assert run("in/0.png", "wide.png", "--out", "out", "--seed", "7", "--onto-source").code == 0
    flat = np.full((2, SIZE, SIZE, 3), 128, np.uint8)
    expected = translated(flat, styles=draw_styles(2, 4, 7))[1, 0, 0]
    assert (made(tmp_path / "out")["wide.png"] == expected).all()


def film(path, images, **how):
    first, *rest = (Image.fromarray(image) for image in images)
    first.save(path, save_all=True, append_images=rest, **how)


def test_the_first_frame_of_an_animation_unless_all_are_asked_for(run, tmp_path):
    film(tmp_path / "in" / "film.png", pictures(3), duration=[40, 50, 60])
    answer = run("in", "--out", "still")
    assert answer.others[0] == "warning: in/film.png: read, but only the first of its frames (--frames takes all)"
    assert (made(tmp_path / "still")["film.png"] == translated(pictures(3))[0]).all()
    assert run("in", "--out", "out", "--frames", "--batch", "2").code == 0
    assert len(made(tmp_path / "out")) == 4
    with Image.open(tmp_path / "out" / "film.png") as result:
        for k, duration in enumerate([40, 50, 60]):
            result.seek(k)
            assert (np.asarray(result.convert("RGB")) == translated(pictures(3))[k]).all()
            assert result.info["duration"] == duration
    assert run("in", "--out", "out", "--frames").others[0].endswith("4 were there already")
    assert "made in another way" in run("in", "--out", "out").error


def test_all_frames_are_of_one_style_and_so_are_pictures_beside_them(run, tmp_path):
    write(tmp_path / "tiny.onnx", style_size=4)
    film(tmp_path / "in" / "film.webp", pictures(3), lossless=True)
    assert run("in", "--out", "out", "--frames", "--seed", "7", "--format", "png").code == 0
    expected = translated(pictures(3), styles=draw_styles(1, 4, 7).repeat(3, 0))
    for k in range(3):
        assert (made(tmp_path / "out")[f"{k}.png"] == expected[k]).all()
    with Image.open(tmp_path / "out" / "film.png") as result:
        result.seek(2)
        assert (np.asarray(result.convert("RGB")) == expected[2]).all()


def test_an_animation_is_no_jpeg(run, tmp_path):
    film(tmp_path / "film.gif", pictures(3))
    answer = run("film.gif", "in", "--out", "out", "--frames", "--format", "jpg")
    assert answer.code == 1
    assert "film.gif: an animation, which a JPEG cannot be" in answer.others[0]
    assert len(list((tmp_path / "out").rglob("*.jpg"))) == 3


def test_a_video_lies_there_until_all_frames_are_asked_for(run, tmp_path):
    av = pytest.importorskip("av", reason="PyAV is not installed")
    with av.open(str(tmp_path / "in" / "film.webm"), "w") as out:
        stream = out.add_stream("libvpx-vp9", rate=10)
        stream.width = stream.height = 32
        for _ in range(5):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(np.full((32, 32, 3), 200, np.uint8), format="rgb24")))
        out.mux(stream.encode(None))
    answer = run("in", "--out", "still")
    assert (answer.code, answer.others[0]) == (0, "warning: in/film.webm: a video, which --frames translates")
    assert run("in/film.webm", "--out", "alone").code == 2
    assert run("in", "--out", "out", "--frames", "--onto-source").code == 0
    with av.open(str(tmp_path / "out" / "film.webm")) as result:
        frames = [frame.to_ndarray(format="rgb24") for frame in result.decode(video=0)]
    assert len(frames) == 5
    assert np.abs(np.stack(frames).astype(int) - 55).max() <= 3
    assert run("in", "--out", "out", "--frames", "--onto-source").others[-1].endswith("4 were there already")


def test_a_video_without_its_package_is_one_line_that_says_which(run, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    (tmp_path / "in" / "film.mp4").touch()
    answer = run("in", "--out", "out", "--frames")
    assert answer.error == "in/film.mp4: found a video, and no package av. pip install 'crosscade[video]'"
    assert not (tmp_path / "out").exists()


def test_a_strip_of_an_export_without_taps_is_refused(run):
    answer = run("in", "--out", "out", "--strip")
    assert answer.code == 2
    assert "--taps" in answer.error


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


def test_golden_pictures_that_differ_stop_it_unless_told_otherwise(run, tmp_path):
    write(tmp_path / "tiny.onnx", golden_error=8)
    for words in (["in", "--out", "out"], ["--check"]):
        answer = run(*words)
        assert answer.code == 1
        assert "golden pictures that come out at 30.1 dB; expected at least 45 dB" in answer.error
    assert not (tmp_path / "out").exists()
    assert run("in", "--out", "out", "--no-check").code == 0


def test_a_gpu_that_is_not_there_is_an_error_unless_the_cpu_will_do(run, monkeypatch):
    monkeypatch.setattr(onnxruntime_backend, "look", lambda ort: Machine())
    answer = run("in", "--out", "out", "--device", "cuda")
    assert answer.code == 1
    assert answer.error.startswith("device 'cuda': found 0 NVIDIA GPU(s)")
    answer = run("in", "--out", "out", "--device", "cuda", "--allow-cpu-fallback")
    assert answer.code == 0
    assert answer.others == ["3 images in out, on CPUExecutionProvider"]


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["in"], "no images or no --out"),
        (["--out", "out"], "no images or no --out"),
        (["in", "--check"], "--check"),
        (["--check", "--no-check"], "--check"),
        (["nowhere", "--out", "out"], "no such file"),
        (["in", "--out", "in"], "overlaps"),
        (["in", "--out", "tiny.onnx/a2b.onnx"], "a file"),
        (["in", "--out", "out", "--batch", "0"], "batch: found 0"),
        (["in", "--out", "out", "--mask"], "--mask: found tiny.onnx without one"),
        (["in", "--out", "out", "--mask", "--strip"], "--mask: found --strip as well"),
        (["in", "--out", "out", "--mask", "--frames"], "--mask: found --frames as well"),
        (["in", "--out", "out", "--onto-source", "--strip"], "--strip: not allowed with argument --onto-source"),
        (["in", "--out", "out", "--threads", "-2"], "threads: found -2"),
        (["in", "--out", "out", "--device", "tpu"], "tpu"),
        (["in", "--out", "out", "--backend", "openvino", "--device", "cuda"], "found backend 'openvino'"),
    ],
)
def test_what_makes_no_sense_is_refused_with_one_line(run, tmp_path, words, reason):
    answer = run(*words)
    assert answer.code == 2
    assert reason in answer.error
    assert not (tmp_path / "out").exists()


def test_a_folder_that_is_no_export_is_named(crosscade, tmp_path):
    (tmp_path / "empty").mkdir()
    Image.new("RGB", (4, 4)).save(tmp_path / "one.png")
    answer = crosscade("run", "empty", "one.png", "--out", "out")
    assert answer.code == 2
    assert "no manifest.json" in answer.error


def test_only_pictures_that_cannot_be_read_are_an_error(run, tmp_path):
    (tmp_path / "in" / "bad.png").write_bytes(b"")
    answer = run("in/bad.png", "--out", "out")
    assert answer.code == 2
    assert "none that can be read" in answer.error


def test_the_base_install_runs_it(run, tmp_path):
    done = without_torch(
        "from crosscade.framework.cli import main\n"
        f"sys.exit(main(['run', {str(tmp_path / 'tiny.onnx')!r}, {str(tmp_path / 'in')!r}, '--out', 'out']))"
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert (made(tmp_path / "out")["0.png"] == translated(pictures(3))[0]).all()


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda p: p.write_bytes(p.read_bytes()[:-9]), "bytes"),
        (lambda p: p.write_bytes(p.read_bytes()[:-1] + b"!"), "sha256"),
        (lambda p: p.write_bytes(b"PK\x03\x04 not a graph"), "bytes"),
        (lambda p: p.unlink(), "no file"),
    ],
)
def test_a_damaged_file_ends_the_command_at_once_with_code_2(run, tmp_path, damage, reason):
    damage(tmp_path / "tiny.onnx" / "a2b.onnx")
    start = time.process_time()
    answer = run("in", "--out", "out")
    assert time.process_time() - start < 2
    assert answer.code == 2
    assert answer.error.startswith("tiny.onnx/a2b.onnx")
    assert reason in answer.error
    assert not (tmp_path / "out").exists()
