"""What the app says of itself is a valid OpenAPI document, of its own routes, and what it answers is as it says."""

import asyncio
import json

import pytest

from crosscade.exporters.runtime import load
from tests.exporters import tiny_export

pytest.importorskip("starlette", reason="crosscade[app] is not installed")
validator = pytest.importorskip("openapi_spec_validator")
import jsonschema  # noqa: E402 (which comes with it)

from crosscade.evaluation.app.server import App  # noqa: E402

PAGES_OWN = ("/icon.png", "/{name}")
"""What only the page asks for: its picture, scripts and styles."""


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    return App(load(tiny_export.write(tmp_path_factory.mktemp("app") / "export"), device="cpu")).asgi(["127.0.0.1"])


def asked(app, path):
    """An answer to GET, without a socket."""
    parts = []

    async def receive():
        return {"type": "http.request", "body": b""}

    async def send(message):
        parts.append(message)

    scope = {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": [(b"host", b"127.0.0.1")]}
    asyncio.run(app(scope, receive, send))
    return parts[0]["status"], b"".join(part.get("body", b"") for part in parts[1:])


def test_the_document_is_valid_and_of_the_routes_that_there_are(app):
    status, body = asked(app, "/openapi.json")
    document = json.loads(body)
    assert status == 200
    validator.validate(document)
    routes = {(route.path.replace(":int", ""), method.lower()) for route in app.routes for method in route.methods}
    said = {(path, method) for path, methods in document["paths"].items() for method in methods}
    assert said == {(path, method) for path, method in routes if method != "head" and path not in PAGES_OWN}
    (direction, *_) = document["paths"]["/translate"]["post"]["parameters"]
    assert direction["schema"]["enum"] == ["a2b", "b2a"]


def test_the_answers_are_as_it_says(app):
    document = json.loads(asked(app, "/openapi.json")[1])
    answer = document["paths"]["/model"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    jsonschema.validate(json.loads(asked(app, "/model")[1]), answer)
