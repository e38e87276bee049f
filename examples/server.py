"""A server of an export in 20 lines: a picture in, its translation out as PNG. `pip install '.[app]'`, no torch.

CROSSCADE_EXPORT=exports/zebra-giraffe uvicorn --app-dir examples server:app
curl --data-binary @zebra.jpg 'http://127.0.0.1:8000/translate?direction=a2b' --output giraffe.png
"""

import io
import os

from PIL import Image
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from crosscade.exporters.runtime import load
from crosscade.framework import InputError

exported = load(os.environ.get("CROSSCADE_EXPORT", "zebra-giraffe"))


async def translate(request: Request) -> Response:
    """The body is a file of a picture, of at most 32 MB and 64 million pixels."""
    try:
        direction = request.query_params.get("direction", exported.direction)
        translated = await run_in_threadpool(exported.translate, await request.body(), direction)
    except InputError as error:
        return PlainTextResponse(str(error), 400)
    file = io.BytesIO()
    Image.fromarray(translated).save(file, "PNG")
    return Response(file.getvalue(), media_type="image/png")


async def ready(request: Request) -> Response:
    """Answers once the graph is read and has repeated its golden pictures."""
    await run_in_threadpool(exported.prepare)
    return PlainTextResponse("ready\n")


app = Starlette(
    routes=[Route("/translate", translate, methods=["POST"]), Route("/ready", ready)], max_body_size=32 * 2**20
)
