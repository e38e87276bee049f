"""`crosscade run`: animations and videos."""

import sys

import numpy as np
import pytest
from PIL import Image

from crosscade.framework.data.styles import draw_styles
from tests.cli_tools import made
from tests.exporters.tiny_export import pictures, translated, write


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
