"""`crosscade app`: a bundle or an export on a local web page."""

from __future__ import annotations

import argparse
import contextlib
import ipaddress
import socket
import threading
import webbrowser
from collections.abc import Iterable
from functools import partial
from typing import Any, cast

from ...framework import Catalogue, CommandOffer, InputError, hookimpl
from ...framework.recipe.read import device_argument

READY = "zebra-giraffe"
"""The model that comes with the package."""
HOST, PORT = "127.0.0.1", 7860
CONNECTIONS = 64
"""At a time; more are told to come back."""
SILENT_SECONDS = 10.0
"""How long a connection may ask for nothing before it is closed, so that others have room."""
NEEDS = ("starlette", "uvicorn", "anyio")


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "model",
        metavar="MODEL",
        nargs="?",
        default=READY,
        help=f"a bundle, a finished run's folder, an export, or a model's name; default: {READY}, which is ready-made",
    )
    parser.add_argument("--port", type=int, default=PORT, metavar="P", help=f"default: {PORT}; 0 takes a free one")
    parser.add_argument(
        "--host", default=HOST, metavar="H", help=f"default: {HOST}, this computer alone; any other lets others in"
    )
    device_argument(parser)
    parser.add_argument("--no-browser", action="store_true", help="do not open the page")


def _app(arguments: argparse.Namespace, catalogue: Catalogue) -> int:
    try:
        import uvicorn

        from .connection import Connection
        from .server import HEADERS, App
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] not in NEEDS:
            raise
        raise InputError(
            f"no package '{error.name}'", expected="it: this needs crosscade[app]", cure="pip install 'crosscade[app]'"
        ) from None
    from ...framework import Reporter
    from ..opening import open_translator

    report = Reporter()
    with contextlib.closing(_listening(arguments.host, arguments.port)) as listener:
        translator = open_translator(arguments.model, catalogue, device=arguments.device)
        for line in translator.warnings:
            report.warn(line)
        app = App(translator)
        port = listener.getsockname()[1]
        url = f"http://{f'[{arguments.host}]' if ':' in arguments.host else arguments.host}:{port}"
        if _is_loopback(arguments.host):
            hosts = ["127.0.0.1", "localhost", "[::1]", url.removeprefix("http://").removesuffix(f":{port}")]
        else:
            hosts = ["*"]
            report.warn(
                f"--host {arguments.host}: everybody who reaches port {port} of this machine can use the page; it has "
                "no password and no encryption"
            )
        server = uvicorn.Server(
            uvicorn.Config(
                app.asgi(hosts),
                http=cast(Any, partial(Connection, SILENT_SECONDS)),
                log_level="warning",
                access_log=False,
                server_header=False,
                headers=HEADERS,
                lifespan="off",
                ws="none",
                limit_concurrency=CONNECTIONS,
                timeout_graceful_shutdown=3,
            )
        )
        report.say(f"{url} shows {arguments.model}; Ctrl+C ends it")
        if not arguments.no_browser:
            threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()
        with contextlib.suppress(KeyboardInterrupt):  # the ordinary end
            server.run(sockets=[listener])
    return 0


def _listening(host: str, port: int) -> socket.socket:
    """A socket that listens. InputError for an address that is not this machine's, or a port that is taken."""
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except (OSError, OverflowError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise InputError(
            f"--host {host} --port {port}", found=reason, expected="a free port of this machine", cure="Try --port 0."
        ) from None


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@hookimpl
def commands() -> Iterable[CommandOffer]:
    """The command."""
    yield CommandOffer(
        name="app",
        arguments=_arguments,
        build=_app,
        summary="Translate your pictures on a local web page",
        group="use",
        example="crosscade app",
    )
