"""What the tests of pages do in a browser: look at pictures, drop files, count faults of accessibility."""

import base64
import http.server
import importlib.resources
import os
import re
import shutil
import threading
from contextlib import contextmanager
from functools import partial
from urllib.parse import urlsplit

import numpy as np
import pytest

from crosscade.exporters.web import SITE

WIDTHS = {"desktop": 1280, "phone": 390}


def system_chromium():
    """The system's Chromium, or the one that CROSSCADE_CHROMIUM names; None where there is none."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return os.environ.get("CROSSCADE_CHROMIUM") or next(filter(None, map(shutil.which, names)), None)


def page_policy():
    """The content security policy of an exported page."""
    return re.search(r'content-security-policy" content="([^"]+)"', (SITE / "index.html").read_text())[1]


@contextmanager
def visiting(browser, url, ready, problems=(), **context):
    """The open page, once the label `ready` is there. No error on its console but `problems`."""
    opened = browser.new_context(viewport={"width": 1280, "height": 800}, **context)
    page = opened.new_page()
    page.set_default_timeout(120_000)
    found, asked = [], set()
    page.on("console", lambda message: found.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: found.append(str(error)))
    opened.on("request", lambda request: asked.add(urlsplit(request.url)))
    page.problems = found
    page.goto(url)
    page.get_by_label(ready).wait_for()
    try:
        yield page
    finally:
        opened.close()
    assert [line for line in found if not any(known in line for known in problems)] == []
    assert {v.hostname for v in asked if v.scheme not in ("data", "blob")} == {"127.0.0.1"}


def pixels(image):
    """What an <img> shows, (H, W, 3), in the picture's own size."""
    image.wait_for()
    width, height, text = image.evaluate(
        """async image => {
            await image.decode();
            const { naturalWidth: width, naturalHeight: height } = image;
            const context = Object.assign(document.createElement("canvas"), { width, height }).getContext("2d");
            context.drawImage(image, 0, 0);
            const data = context.getImageData(0, 0, width, height).data;
            let text = "";
            for (let at = 0; at < data.length; at += 4096) text += String.fromCharCode(...data.subarray(at, at + 4096));
            return [width, height, btoa(text)];
        }"""
    )
    return np.frombuffer(base64.b64decode(text), np.uint8).reshape(height, width, 4)[..., :3]


def send(page, event, *files):
    """Drops or pastes files, of the names that they have on the disk."""
    page.evaluate(
        """([event, files]) => {
            const data = new DataTransfer();
            for (const [name, text] of files)
                data.items.add(new File([Uint8Array.from(atob(text), v => v.charCodeAt(0))], name));
            const how = { bubbles: true, cancelable: true };
            document.body.dispatchEvent(event === "drop" ? new DragEvent("drop", { ...how, dataTransfer: data })
                : new ClipboardEvent("paste", { ...how, clipboardData: data }));
        }""",
        [event, [[file.name, base64.b64encode(file.read_bytes()).decode()] for file in files]],
    )


def no_overflow(page):
    """Whether the page is as wide as its window."""
    return page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def faults(page):
    """What axe-core finds serious or critical, a line each."""
    pytest.importorskip("axe_playwright_python", reason="axe-playwright-python is not installed")
    page.evaluate(importlib.resources.files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8"))
    found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")["violations"]
    return [
        f"{fault['id']}: {node['html']}"
        for fault in found
        if fault["impact"] in ("serious", "critical")
        for node in fault["nodes"]
    ]


class _Handler(http.server.SimpleHTTPRequestHandler):
    """A plain static server that sends the page's own policy with everything, and no other header."""

    def end_headers(self):
        self.send_header("content-security-policy", self.server.policy)
        super().end_headers()

    def log_message(self, *words):
        pass


@contextmanager
def serving(folder, policy):
    """The address of a static server of a folder."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, directory=str(folder)))
    server.policy = policy
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
