"""What the server does, asked without a browser."""

import io
import json
import time
from base64 import b64decode
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image, ImageCms

from crosscade.evaluation.opening import open_translator
from crosscade.exporters.runtime.exported import load
from crosscade.framework import Catalogue, InputError
from crosscade.framework.data.styles import draw_styles
from tests.evaluation.app.asking import PICTURE, Fake, pixels, rows, running
from tests.exporters import tiny_export


def test_styles_are_those_of_the_seed(ask, export):
    found = rows(ask(path="/translate?direction=b2a&samples=3&seed=7"))
    expected = load(export).translate([PICTURE] * 3, "b2a", seed=7)
    assert len(found) == 3
    for row, image in zip(found, expected):
        assert np.array_equal(row[0], load(export).fit(PICTURE))
        assert np.array_equal(row[1], image)
    assert not np.array_equal(found[0][1], found[1][1])


def test_a_picture_comes_back_in_its_own_size_when_asked(ask, export):
    file = io.BytesIO()
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.fromarray(tiny_export.pictures(1, size=48)[0]).resize((70, 30)).save(file, "PNG", icc_profile=profile)
    path = "/translate?direction=a2b&samples=2&seed=7&whole=1"
    answer = ask(path=path, body=file.getvalue())
    assert json.loads(answer[2])["columns"] == ["source", "final", "in the picture"]
    styles = draw_styles(2, 3, 7)
    for row, style in zip(rows(answer), styles):
        expected, _ = load(export).onto_source(pixels(file.getvalue()), "a2b", style=style)
        assert row[2].shape == (30, 70, 3)
        assert np.array_equal(row[2], expected)
    for uri in (uri for row in json.loads(answer[2])["rows"] for uri in row):
        with Image.open(io.BytesIO(b64decode(uri.partition(",")[2]))) as picture:
            assert picture.info["icc_profile"] == profile, "squares have their picture's colours too"


@pytest.fixture
def two_levels(whole, monkeypatch):
    """A bundle that can also show what its deepest level decided, by an untrained inverter."""
    from torch import manual_seed, nn

    from crosscade.framework import Bundle

    plain = Bundle.cascade

    def cascade(bundle, direction="a2b"):
        made = plain(bundle, direction)
        manual_seed(0)
        made.previews["5"] = nn.Sequential(nn.ConvTranspose2d(112, 3, 16, 16), nn.Tanh())
        return made

    monkeypatch.setattr(Bundle, "cascade", cascade)
    return whole


def test_a_bundles_levels_are_its_own(two_levels):
    from crosscade.framework import Translation
    from crosscade.framework.bundle import bundle

    with running(open_translator(two_levels, Catalogue.discover())) as ask:
        for direction in ("a2b", "b2a"):
            answer = ask(path=f"/translate?direction={direction}")
            assert json.loads(answer[2])["columns"] == ["source", "level 5", "final"]
            expected = Translation(bundle.load(two_levels)).strip([PICTURE], direction)
            for found, column in zip(rows(answer)[0], expected):
                assert np.array_equal(found, column[0])
        assert ask(path="/translate?direction=a2b&samples=2")[0] == 400  # no styles


def test_one_request_at_a_time_and_one_direction_in_memory():
    working, most, held = [], [], set()

    def prepare(direction):
        held.add(direction)
        assert len(held) == 1

    def work(images):
        working.append(1)
        most.append(len(working))
        time.sleep(0.02)
        working.pop()
        return images

    with running(Fake(work, prepare, held.clear)) as ask, ThreadPoolExecutor(6) as pool:
        paths = [f"/translate?direction={way}" for way in ("a2b", "b2a", "b2a") * 4]
        assert {answer[0] for answer in pool.map(lambda path: ask(path=path), paths)} == {200}
    assert most == [1] * 12


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("direction=a2c", "direction: found 'a2c'. did you mean"),
        ("", "direction: found ''"),
        ("direction=a2b&samples=9", "samples: found '9'; expected 1 to 8"),
        ("direction=a2b&samples=0", "samples: found '0'"),
        ("direction=a2b&whole=2", "whole: found '2'; expected 0 to 1"),
        ("direction=a2b&seed=-1", "seed: found '-1'"),
        ("direction=a2b&seed=1e9", "seed: found '1e9'"),
        ("direction=a2b&seed=٣", "seed: found '٣'"),
    ],
)
def test_bad_options_get_a_message(ask, query, message):
    from urllib.parse import quote

    status, _, body = ask(path=f"/translate?{quote(query, safe='=&')}")
    assert status == 400
    assert json.loads(body)["error"].startswith(message)


def test_a_failure_is_a_message_and_the_server_lives_on():
    failures = [ZeroDivisionError("secret"), InputError("/mine/bundle", found="a damaged file"), None]

    def work(images):
        if error := failures.pop(0):
            raise error
        return images

    with running(Fake(work)) as ask:
        first, second = ask(), ask()
        assert first[0] == second[0] == 500
        assert b"ZeroDivisionError" in first[2]
        assert b"secret" not in first[2]
        assert json.loads(second[2])["error"].startswith("The server failed (InputError)"), "no path of the server's"
        assert np.array_equal(*rows(ask())[0])
