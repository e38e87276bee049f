"""The web page of `crosscade app`: a picture in, the strip source | deepest | next | final out (Fig. S15).

What comes in is bytes that nobody vouches for. Their number is capped while they arrive, their pixels before any is
decoded (`framework.data.images`), and nothing of them outlives its request. The page is one file that asks nobody but
this server for anything, which its content security policy enforces; there is no analytics.
"""

# N samples

from __future__ import annotations

import asyncio
import tempfile
from base64 import b64encode
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from ...exporters.web import SITE
from ...framework import Direction, Image, InputError, Translator, did_you_mean
from ...framework.catalogue.catalogue import version_of
from ...framework.data.original import Original
from ...framework.data.styles import styles_for
from ...framework.data.written import png
from ..opening import strip_of
from .openapi import description

PAGE = {name: SITE / name for name in ("index.html", "style.css", "page.js", "files.js")}
"""An exported page is the same but for what translates."""
PAGE["backend.js"] = Path(__file__).with_name("backend.js")
MAX_BYTES = 32 * 2**20
"""Of an upload."""
MAX_PIXELS = 32_000_000
"""Of an upload; less than of a file of one's own, because anybody may send one."""
MAX_SAMPLES = 8
MAX_SEED = 2**31 - 1
WHOLE = "in the picture"
"""The column of translations in pictures of their own size."""
EXAMPLES = 4
"""Test images shown of each domain."""
UPLOAD_TYPE = "application/octet-stream"
"""Of an upload, whatever it is: another site's page cannot send this type without asking, and is not allowed to."""
HEADERS = [
    (
        "content-security-policy",
        "default-src 'none'; img-src 'self' blob:; connect-src 'self'; style-src 'self'; script-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    ("cache-control", "no-store"),
    ("cross-origin-resource-policy", "same-origin"),
    ("referrer-policy", "no-referrer"),
    ("x-content-type-options", "nosniff"),
]
"""Of every response."""


class RefusedError(InputError):
    """What was asked cannot be had; any other error is the server's own, whose paths are nobody's business."""


class App:
    """The page's three questions: what is served, an example, and a translation.

    One translation works at a time, and one direction is in memory.
    """

    def __init__(self, translator: Translator) -> None:
        self.translator = translator
        self._turn = asyncio.Lock()
        self._examples = {direction: translator.examples(direction, EXAMPLES) for direction in translator.directions}
        self._direction = translator.directions[0]
        translator.prepare(self._direction)

    def asgi(self, hosts: list[str]) -> Starlette:
        """The application. It answers to these host names alone, so that no other site's name can lead to it."""
        routes = [
            Route("/", self._page),
            Route("/icon.png", self._icon),
            Route("/openapi.json", _own(self._openapi)),
            Route("/model", _own(self._model)),
            Route("/examples/{direction}/{number:int}", _own(self._example)),
            Route("/translate", _own(self._translate), methods=["POST"]),
            Route("/{name}", self._page),
        ]
        return Starlette(
            routes=routes,
            middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=hosts, www_redirect=False)],
            exception_handlers={RefusedError: _refused, Exception: _failed},
            max_body_size=MAX_BYTES,
        )

    async def _page(self, request: Request) -> Response:
        name = request.path_params.get("name", "index.html")
        if name not in PAGE:
            raise HTTPException(404)
        return FileResponse(PAGE[name])

    async def _icon(self, request: Request) -> Response:
        examples = self._examples[self.translator.directions[0]]
        return Response(png(examples[0]), media_type="image/png") if examples else Response(status_code=204)

    async def _model(self, request: Request) -> Response:
        ways = []
        for direction, examples in self._examples.items():
            source, target = Direction(direction).turn(self.translator.domains)
            ways.append({"direction": direction, "source": source, "target": target, "examples": len(examples)})
        limits: dict[str, Any] = {
            "whole": WHOLE,
            "max_bytes": MAX_BYTES,
            "max_samples": MAX_SAMPLES,
            "max_seed": MAX_SEED,
            "type": UPLOAD_TYPE,
        }
        return JSONResponse({"name": self.translator.name, "size": self.translator.size, "ways": ways, **limits})

    async def _openapi(self, request: Request) -> Response:
        return JSONResponse(
            description(
                title=f"Crosscade: {' and '.join(self.translator.domains)}",
                version=version_of("crosscade"),
                directions=self.translator.directions,
                size=self.translator.size,
                limits={"max_bytes": MAX_BYTES, "max_samples": MAX_SAMPLES, "max_seed": MAX_SEED},
                upload=UPLOAD_TYPE,
            )
        )

    async def _example(self, request: Request) -> Response:
        pictures = self._examples.get(request.path_params["direction"], [])
        number = request.path_params["number"]
        if number >= len(pictures):
            raise HTTPException(404)
        return Response(png(pictures[number]), media_type="image/png")

    async def _translate(self, request: Request) -> Response:
        if request.headers.get("content-type") != UPLOAD_TYPE:
            raise HTTPException(415)
        direction = _chosen(request.query_params.get("direction", ""), self.translator.directions)
        samples = _number("samples", request.query_params.get("samples", "1"), 1, MAX_SAMPLES)
        seed = _number("seed", request.query_params.get("seed", "0"), 0, MAX_SEED)
        whole = _number("whole", request.query_params.get("whole", "0"), 0, 1) == 1
        data = await request.body()
        async with self._turn:
            if await request.is_disconnected():
                return Response()  # to nobody: whoever asked has asked something else since
            return JSONResponse(await run_in_threadpool(self._made, data, direction, samples, seed, whole))

    def _made(self, data: bytes, direction: str, samples: int, seed: int, whole: bool) -> dict[str, Any]:
        picture = _picture(data, self.translator.white)
        if direction != self._direction:
            self.translator.forget()  # the old one goes before the new one comes
            self._direction = direction
        styles = self.translator.style_size(direction) > 0
        if samples > 1 and not styles:
            raise RefusedError("samples", found=str(samples), expected="1: a method without styles has no others")
        strip = strip_of(self.translator, [picture.seen] * samples, direction, seed)
        rows = [[_data_uri(image, picture.profile) for image in row] for row in zip(*strip)]
        columns = ["source", *self.translator.previews(direction), "final"]
        if whole:
            columns.append(WHOLE)
            drawn = styles_for(samples, self.translator.style_size(direction), seed=seed)
            for row, style in zip(rows, [None] if drawn is None else drawn):
                image, _ = self.translator.onto_source(picture, direction, style=style)
                row.append(_data_uri(image, picture.profile))
        return {"columns": columns, "styles": styles, "rows": rows}


Answer = Callable[[Request], Awaitable[Response]]


def _own(answer: Answer) -> Answer:
    """What only the page asks for: a browser says when another site's page does."""

    async def guarded(request: Request) -> Response:
        if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            raise HTTPException(403)
        return await answer(request)

    return guarded


def _data_uri(image: Image, profile: bytes) -> str:
    return "data:image/png;base64," + b64encode(png(image, profile=profile)).decode()


def _picture(data: bytes, white: int) -> Original:
    """An upload. InputError says what is wrong with it."""
    with tempfile.TemporaryDirectory(prefix="crosscade-app-") as folder:
        path = Path(folder) / "upload"
        path.write_bytes(data)
        try:
            return Original.of(path, white, MAX_PIXELS)
        except InputError as error:
            raise RefusedError("this file", found=error.found, expected=error.expected, cure="Try another.") from None


def _chosen(direction: str, directions: Sequence[str]) -> str:
    if direction not in directions:
        raise RefusedError("direction", found=f"'{direction:.20}'", cure=did_you_mean(direction, directions))
    return direction


def _number(name: str, text: str, least: int, most: int) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 12 and least <= int(text) <= most):
        raise RefusedError(name, found=f"'{text:.20}'", expected=f"{least} to {most}")
    return int(text)


async def _refused(request: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, status_code=400)


async def _failed(request: Request, error: Exception) -> Response:
    message = f"The server failed ({type(error).__name__}). Its terminal says where; it still runs."
    return JSONResponse({"error": message}, status_code=500)
