"""The server of 20 lines, asked without a socket; and what the Dockerfiles copy is there."""

import asyncio
import importlib.util
import io
import re

import numpy as np
import pytest
from PIL import Image

from tests.docs_tools import ROOT
from tests.exporters import tiny_export

pytest.importorskip("starlette", reason="crosscade[app] is not installed")
FILE = ROOT / "examples" / "server.py"


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    export = tiny_export.write(tmp_path_factory.mktemp("served") / "export")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CROSSCADE_EXPORT", str(export))
        spec = importlib.util.spec_from_file_location("server", FILE)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return module.app


def asked(app, method, path, query="", body=b""):
    parts = []

    async def receive():
        return {"type": "http.request", "body": body}

    async def send(message):
        parts.append(message)

    headers = [(b"content-length", str(len(body)).encode())]
    scope = {"type": "http", "method": method, "path": path, "query_string": query.encode(), "headers": headers}
    asyncio.run(app(scope, receive, send))
    return parts[0]["status"], b"".join(part.get("body", b"") for part in parts[1:])


@pytest.mark.parametrize("direction", ["a2b", "b2a"])
def test_a_picture_comes_back_translated(app, direction):
    file, pixels = io.BytesIO(), tiny_export.pictures(1)[0]
    Image.fromarray(pixels).save(file, "PNG")
    status, body = asked(app, "POST", "/translate", f"direction={direction}", file.getvalue())
    assert status == 200
    expected = tiny_export.translated(pixels[None], direction)[0]
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(body))), expected)


def test_what_is_no_picture_or_no_direction_gets_a_line(app):
    status, body = asked(app, "POST", "/translate", body=b"hello")
    assert (status, b"expected" in body, b"\n" in body) == (400, True, False)
    assert asked(app, "POST", "/translate", "direction=c2d", b"hello")[0] == 400
    assert asked(app, "GET", "/ready") == (200, b"ready\n")


def test_it_has_about_twenty_lines():
    text = FILE.read_text()
    code = [v for v in text.split('"""', 2)[2].splitlines() if v and not v.startswith(("import", "from"))]
    assert len(code) <= 24


@pytest.mark.parametrize("name", ["Dockerfile.cpu", "Dockerfile.cuda"])
def test_a_dockerfile_copies_what_is_there_and_says_that_it_was_not_built(name):
    text = (FILE.parent / "docker" / name).read_text()
    assert "built" in text.split("FROM")[0]
    assert [p for p in re.findall(r"/src/(\S+)", text) if not (ROOT / p).exists()] == []
    assert re.search(r'^CMD \["uvicorn", "server:app"', text, re.MULTILINE)
    assert re.search(r"^USER nobody$", text, re.MULTILINE)
