"""An app's server in a thread, and what is asked of it."""

import http.client
import io
import json
import socket
import threading
from base64 import b64decode
from contextlib import contextmanager

import numpy as np
import pytest
from PIL import Image

from crosscade.framework import Pair
from tests.evaluation.plain import Plain

uvicorn = pytest.importorskip("uvicorn", reason="crosscade[app] is not installed")
from crosscade.evaluation.app.server import HEADERS, UPLOAD_TYPE, App  # noqa: E402

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


class Fake(Plain):
    """Of 8 pixels; `work` is what it does with pictures, `prepare` and `forget` what it does with a direction."""

    name, size, domains = "fake", 8, Pair("a", "b")

    def __init__(self, work=lambda images: images, prepare=lambda direction: None, forget=lambda: None):
        self.work, self.prepare, self.forget = work, prepare, forget

    def run(self, direction, images, styles, batch, *, previews):
        self.prepare(direction)
        return [self.work(images)]
