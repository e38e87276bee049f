"""Animations and videos come back with their frames, their pace and their sound, or not at all."""

import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from crosscade.framework import InputError
from crosscade.framework.data import films
from crosscade.framework.data.films import film_of
from tests.framework.data.videos import TIMES, frames, video

PACE = [50, 60, 70, 80, 200]


def animation(path: Path, images: list[np.ndarray] | None = None, **how) -> Path:
    first, *rest = (Image.fromarray(image) for image in images or frames())
    first.save(path, save_all=True, append_images=rest, **how)
    return path


def shown(path: Path) -> tuple[list[np.ndarray], list[float], int | None]:
    """The frames of an animation, their milliseconds and how often it is said to be played."""
    with Image.open(path) as picture:
        images, pace = [], []
        for k in range(picture.n_frames):
            picture.seek(k)
            images.append(np.asarray(picture.convert("RGBA" if picture.has_transparency_data else "RGB")))
            pace.append(picture.info.get("duration"))
        return images, pace, picture.info.get("loop")


@pytest.mark.parametrize("suffix", ["gif", "png", "webp"])
@pytest.mark.parametrize("out", ["png", "webp"])
def test_an_animation_comes_back_with_its_pace(tmp_path, suffix, out):
    film = film_of(animation(tmp_path / f"a.{suffix}", duration=PACE, loop=0))
    film.write(tmp_path / f"b.{out}", (255 - frame.seen for frame in film.frames()), by="x")
    images, pace, loop = shown(tmp_path / f"b.{out}")
    assert (pace, loop) == (PACE, 0)
    assert np.abs(np.stack(images).astype(int) - (255 - np.stack(frames()))).mean() < 6
    assert [path.name for path in tmp_path.iterdir() if path.name[0] == "."] == []


@pytest.mark.parametrize(
    ("suffix", "how", "plays"),
    [("gif", {}, 1), ("gif", {"loop": 2}, 3), ("png", {"loop": 2}, 2), ("webp", {"loop": 2}, 2), ("tif", {}, 0)],
)
def test_it_is_played_as_often(tmp_path, suffix, how, plays):
    film = film_of(animation(tmp_path / f"a.{suffix}", **how))
    film.write(tmp_path / "b.png", (frame.seen for frame in film.frames()), by="x")
    images, pace, loop = shown(tmp_path / "b.png")
    assert loop == plays
    assert pace == [1000 if suffix == "tif" else 100] * 5  # where it says nothing
    assert len(images) == 5


@pytest.mark.parametrize("suffix", ["gif", "png", "webp"])
def test_what_is_transparent_stays_so_in_every_frame(tmp_path, suffix):
    clear = [np.dstack([image, np.where(image[..., 0] > 200, 255, 0)]).astype(np.uint8) for image in frames()]
    film = film_of(animation(tmp_path / f"a.{suffix}", clear, disposal=2) if suffix != "webp" else
                   animation(tmp_path / "a.webp", clear, lossless=True))  # fmt: skip
    film.write(tmp_path / "b.png", (frame.covered(frame.seen) for frame in film.frames()), by="x")
    for image, expected in zip(shown(tmp_path / "b.png")[0], clear):
        assert (image[..., 3] == expected[..., 3]).all()


def test_the_picture_for_programs_without_animations_is_no_frame(tmp_path):
    film = film_of(animation(tmp_path / "a.png", [np.zeros((24, 40, 3), np.uint8), *frames()], default_image=True))
    assert film.count == 5
    assert (next(film.frames()).seen == frames()[0]).all()


def test_one_picture_is_no_film(tmp_path):
    for suffix in ("gif", "png", "tif"):
        Image.fromarray(frames()[0]).save(tmp_path / f"a.{suffix}")
        assert film_of(tmp_path / f"a.{suffix}") is None


def test_more_than_memory_should_hold_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(films, "MOST", 4000)
    with pytest.raises(
        InputError, match=r"5 frames of 40 x 24 pixels; expected at most 0 million in all\. Make a video"
    ):
        film_of(animation(tmp_path / "a.gif"))


def test_an_animation_that_is_cut_off_says_so(tmp_path):
    noise = [*np.random.default_rng(0).integers(0, 256, (5, 24, 40, 3), dtype=np.uint8)]
    path = animation(tmp_path / "a.webp", noise, lossless=True)
    path.write_bytes(path.read_bytes()[:-3000])
    with pytest.raises(InputError, match="damaged"):
        list(film_of(path).frames())


# videos

av = pytest.importorskip("av", reason="PyAV is not installed")


def played(path: Path) -> tuple[np.ndarray, list[int], int]:
    """A video's frames (n, H, W, 3), their 24ths of a second and how many sounds it has a second."""
    with av.open(str(path)) as container:
        read = [(f.to_ndarray(format="rgb24"), round(f.time * 24)) for f in container.decode(video=0)]
    with av.open(str(path)) as container:
        heard = sum(frame.samples for frame in container.decode(audio=0)) if container.streams.audio else 0
    return np.stack([image for image, _ in read]), [tick for _, tick in read], heard


@pytest.mark.parametrize(
    ("name", "codec", "sound", "out", "kept"),
    [
        ("a.mp4", "libx264", "aac", "b.mp4", True),
        ("a.webm", "libvpx-vp9", "libopus", "b.webm", True),
        ("a.mov", "libx264", "pcm_s16le", "b.mp4", False),
        ("a.mkv", "libx264", "", "b.mp4", False),
    ],
)
def test_a_video_comes_back_with_its_pace_its_colours_and_its_sound_where_that_fits(
    tmp_path, name, codec, sound, out, kept
):
    film = film_of(video(tmp_path / name, codec, sound))
    assert film.note == ("translated without its sound: pcm_s16le does not fit into .mp4" if "pcm" in sound else "")
    film.write(tmp_path / out, (255 - frame.seen for frame in film.frames()), by="x")
    images, ticks, heard = played(tmp_path / out)
    assert ticks == TIMES
    assert np.abs(images[:, 30:].astype(int) - (255 - np.array((40, 90, 160)))).max() <= 6
    assert abs(heard - 48000) < 2500 if kept else heard == 0


def test_a_video_is_read_as_it_is_written_and_never_as_a_whole(tmp_path):
    film, ahead = film_of(video(tmp_path / "a.mp4")), []

    def images():
        for frame in film.frames():
            ahead.append(len(film._ticks))
            yield frame.seen

    film.write(tmp_path / "b.mp4", images(), by="x")
    assert ahead == [1] * len(TIMES)


def test_a_video_that_was_held_upright_is_upright(tmp_path):
    data = bytearray(video(tmp_path / "a.mp4").read_bytes())
    matrix = data.index(b"tkhd") + 44  # ISO/IEC 14496-12, 8.3.2
    data[matrix : matrix + 36] = struct.pack(">9i", 0, 1 << 16, 0, -1 << 16, 0, 0, 48 << 16, 0, 1 << 30)
    (tmp_path / "b.mp4").write_bytes(data)
    upright = next(film_of(tmp_path / "b.mp4").frames()).seen
    assert upright.shape == (64, 48, 3)
    assert np.abs(upright.astype(int) - np.rot90(frames(1, 48, 64)[0], -1)).mean() < 8


def test_odd_sides_lose_a_row(tmp_path):
    film = film_of(video(tmp_path / "a.mp4"))
    film.write(tmp_path / "b.mp4", (frame.seen[:47, :63] for frame in film.frames()), by="x")
    assert played(tmp_path / "b.mp4")[0].shape == (8, 46, 62, 3)


@pytest.mark.parametrize("error", [KeyboardInterrupt, InputError("x")])
def test_what_is_stopped_leaves_nothing(tmp_path, error):
    film = film_of(video(tmp_path / "a.mp4", sound="aac"))

    def images():
        yield next(film.frames()).seen
        raise error

    with pytest.raises(BaseException) as raised:
        film.write(tmp_path / "out" / "b.mp4", images(), by="x")
    assert raised.type in (KeyboardInterrupt, InputError)
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("data", [b"", b"#EXTM3U\nother.mp4\n", b"\0\0\0\x18ftypisom"])
def test_what_is_no_video_is_one_line(tmp_path, data):
    (tmp_path / "a.mp4").write_bytes(data)
    with pytest.raises(InputError, match=r"a\.mp4: found a damaged video"):
        film_of(tmp_path / "a.mp4")
