"""The site builds without a warning, asks nobody else for anything, and can be read on a phone."""

import functools
import os
import re
import subprocess
import sys
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.docs_tools import DOCS, ROOT

ELSEWHERE = r"(?:https?:)?//"
FETCHED = re.compile(
    rf"<(?:script|img|iframe|source|video)[^>]*\ssrc=[\"']?{ELSEWHERE}|<link[^>]*\shref=[\"']?{ELSEWHERE}"
)
IMPORTED = re.compile(rf"(?:url\(|@import)\s*[\"']?{ELSEWHERE}")
PHONE = {"width": 400, "height": 800}
LOOK = """() => [
    document.documentElement.scrollWidth,
    [...document.images].filter(i => i.complete && !i.naturalWidth).map(i => i.src)
]"""
pytestmark = pytest.mark.skipif(not find_spec("material"), reason="mkdocs-material is not installed")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site") / "site"
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder


def test_every_page_is_built_and_no_program_of_ours_with_it(site):
    pages = {path.relative_to(DOCS).with_suffix(".html") for path in DOCS.rglob("*.md")}
    assert pages | {Path("404.html")} == {path.relative_to(site) for path in site.rglob("*.html")}
    assert list(site.rglob("*.py")) == []


def test_the_page_that_translates_is_led_to_where_there_is_one(site, tmp_path):
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--site-dir", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, env={**os.environ, "DEMO": "demo"})
    pages = [path.relative_to(site) for path in site.rglob("*.html") if path.name != "404.html"]
    for page in pages:
        assert "demo/index.html" not in re.findall(r'href="(?:\.\./)*([^"]+)"', (site / page).read_text()), page
        assert f'<a href="{"../" * len(page.parts[1:])}demo/index.html">' in (tmp_path / page).read_text(), page


def test_pages_and_styles_ask_for_nothing_from_elsewhere(site):
    for path in site.rglob("*.html"):
        assert FETCHED.findall(path.read_text(encoding="utf-8")) == [], path
    for path in [*site.rglob("*.css"), *site.rglob("*.svg")]:
        assert IMPORTED.findall(path.read_text(encoding="utf-8")) == [], path


@pytest.fixture(scope="module")
def address(site):
    """The site as a server would give it: search needs one."""
    handler = functools.partial(Quiet, directory=str(site))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def test_a_browser_on_a_phone_shows_every_page_and_finds_a_key(site, address, browser):
    page = browser.new_page(viewport=PHONE)
    page.set_default_timeout(120_000)  # a busy machine takes its time
    asked, errors = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    for path in sorted(site.rglob("*.html")):
        page.goto(f"{address}/{path.relative_to(site).as_posix()}")
        wide, broken = page.evaluate(LOOK)
        assert wide <= PHONE["width"], f"{path.name} is {wide} wide"
        assert broken == [], path.name
    page.set_viewport_size({"width": 1280, "height": 800})
    page.goto(f"{address}/index.html")
    page.locator(".md-search__input").fill("clip_sigma")
    found = page.locator(".md-search-result__link").first
    found.wait_for(state="attached")
    assert "recipes.html" in found.get_attribute("href")
    page.close()
    assert errors == []
    assert [url for url in asked if not url.startswith((address, "data:", "blob:"))] == []
