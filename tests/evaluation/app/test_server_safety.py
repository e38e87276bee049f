"""Who may ask the server what, and how much."""

import re
import socket
import tempfile
import threading
from functools import partial

import pytest

uvicorn = pytest.importorskip("uvicorn", reason="crosscade[app] is not installed")
from starlette.applications import Starlette  # noqa: E402

from crosscade.evaluation.app.connection import Connection  # noqa: E402
from crosscade.evaluation.app.server import MAX_BYTES  # noqa: E402
from tests.evaluation.app.asking import UPLOAD, Fake, running  # noqa: E402


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
