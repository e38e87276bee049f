"""What the server does, asked without a browser."""

import http.client
import io
import json
import re
import socket
import tempfile
import threading
import time
from base64 import b64decode
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial

import numpy as np
import pytest
from PIL import Image

from crosscade.evaluation.opening import open_translator
from crosscade.exporters.runtime.exported import load
from crosscade.framework import DIRECTIONS, Catalogue, InputError, Pair, Translator
from crosscade.framework.data.styles import draw_styles
from tests.exporters import tiny_export

uvicorn = pytest.importorskip("uvicorn", reason="crosscade[app] is not installed")
from starlette.applications import Starlette  # noqa: E402

from crosscade.evaluation.app.connection import Connection  # noqa: E402
from crosscade.evaluation.app.server import HEADERS, MAX_BYTES, UPLOAD_TYPE, App  # noqa: E402

PICTURE = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
UPLOAD = {"content-type": UPLOAD_TYPE}


def png(picture=PICTURE):
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "PNG")
    return stream.getvalue()


def pixels(data):
    return np.asarray(Image.open(io.BytesIO(data)))


@contextmanager
def running(served):
    """`ask(method, path, body, headers)` -> status, headers, body of a server of it in a thread."""
    listener = socket.create_server(("127.0.0.1", 0))
    app = App(served).asgi(["127.0.0.1"])
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", headers=HEADERS, lifespan="off"))
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()

    def ask(method="POST", path="/translate?direction=a2b", body=None, headers=UPLOAD):
        connection = http.client.HTTPConnection("127.0.0.1", listener.getsockname()[1], timeout=120)
        connection.request(method, path, png() if body is None and method == "POST" else body, headers)
        answer = connection.getresponse()
        found = answer.status, answer.headers, answer.read()
        connection.close()
        return found

    try:
        yield ask
    finally:
        server.should_exit = True
        thread.join(120)
        listener.close()
    assert not thread.is_alive()


def rows(answer):
    """The pictures of a good answer."""
    status, _, body = answer
    assert status == 200, body
    return [[pixels(b64decode(uri.split(",")[1])) for uri in row] for row in json.loads(body)["rows"]]


class Fake(Translator):
    """Of 8 pixels; `work` is what it does with pictures, `prepare` and `forget` what it does with a direction."""

    name, size, directions, domains = "fake", 8, DIRECTIONS, Pair("a", "b")

    def __init__(self, work=lambda images: images, prepare=lambda direction: None, forget=lambda: None):
        self.work, self.prepare, self.forget = work, prepare, forget

    def previews(self, direction=None):
        return ()

    def style_size(self, direction=None):
        return 0

    def examples(self, direction, count):
        return []

    prepare = forget = None  # each has its own

    def run(self, direction, images, styles, batch, *, previews):
        self.prepare(direction)
        return [self.work(images)]


@pytest.fixture(scope="module")
def export(tmp_path_factory):
    return tiny_export.write(tmp_path_factory.mktemp("app") / "export", style_size=3)


@pytest.fixture(scope="module")
def ask(export):
    with running(open_translator(export, Catalogue.of())) as ask:
        yield ask


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
    Image.fromarray(tiny_export.pictures(1, size=48)[0]).resize((70, 30)).save(file, "PNG")
    path = "/translate?direction=a2b&samples=2&seed=7&whole=1"
    answer = ask(path=path, body=file.getvalue())
    assert json.loads(answer[2])["columns"] == ["source", "final", "in the picture"]
    styles = draw_styles(2, 3, 7)
    for row, style in zip(rows(answer), styles):
        expected, _ = load(export).onto_source(pixels(file.getvalue()), "a2b", style=style)
        assert row[2].shape == (30, 70, 3)
        assert np.array_equal(row[2], expected)


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


def test_size_is_capped_whether_it_is_declared_or_not(ask):
    assert ask(body=b"", headers=UPLOAD | {"content-length": str(MAX_BYTES + 1)})[0] == 413

    def pieces(*rest):
        for piece in [bytes(MAX_BYTES // 32)] * 32:
            yield b"%x\r\n%s\r\n" % (len(piece), piece)
        yield from rest

    undeclared = UPLOAD | {"transfer-encoding": "chunked"}
    assert ask(body=pieces(b"0\r\n\r\n"), headers=undeclared)[0] == 400  # as much as may be, but no picture
    assert ask(body=pieces(b"1\r\n1\r\n"), headers=undeclared)[0] == 413  # refused before it ends


def test_no_other_site_can_ask(ask):
    assert ask(headers={"content-type": "text/plain"})[0] == 415
    assert ask(headers=UPLOAD | {"host": "evil.example"})[0] == 400
    assert ask("OPTIONS", headers={"origin": "http://evil.example"})[0] == 405
    assert "access-control-allow-origin" not in ask()[1]


@pytest.mark.parametrize("path", ["/", "/index.html", "/page.js", "/files.js", "/backend.js", "/style.css"])
def test_the_page_may_ask_nobody_else_and_is_not_kept(ask, path):
    status, headers, body = ask("GET", path)
    assert status == 200
    assert headers["content-security-policy"].startswith("default-src 'none'; img-src 'self' blob:; connect-src 'self'")
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["cache-control"] == "no-store"
    assert not re.search(rb"https?:|@import|url\(", body)


def test_no_other_file_is_served(ask):
    assert {ask("GET", f"/{name}")[0] for name in ("worker.js", "..%2fserver.py", "server.py")} == {404}


def test_nothing_is_left_behind(ask, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert ask()[0] == 200
    assert ask(body=b"no picture")[0] == 400
    assert list(tmp_path.iterdir()) == []


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


def test_another_sites_page_is_told_nothing():
    with running(Fake()) as ask:
        status, headers, _ = ask(headers=UPLOAD | {"sec-fetch-site": "cross-site"})
        assert status == 403
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert ask(headers=UPLOAD | {"sec-fetch-site": "same-origin"})[0] == 200


def test_silent_connections_keep_nobody_out():
    """uvicorn's protocol with a clock: a connection on which nothing is asked is closed."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        made = partial(Connection, 0.3)
        server = uvicorn.Server(uvicorn.Config(Starlette(), http=made, lifespan="off", log_level="error"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        with socket.create_connection(listener.getsockname(), timeout=20) as silent:
            assert silent.recv(1) == b""
        server.should_exit = True
        thread.join(20)
