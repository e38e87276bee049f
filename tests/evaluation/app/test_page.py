"""The page as a person uses it: the command in a process without torch, the page in the system's Chromium."""

import base64
import io
import os
import re
import signal
import struct
import subprocess
import sys
import zlib
from contextlib import contextmanager
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import Image

from crosscade.exporters.runtime.exported import load
from crosscade.framework import write_png
from tests.exporters import tiny_export
from tests.test_floors import BLOCK

pytest.importorskip("uvicorn", reason="crosscade[app] is not installed")
playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
playwright.expect.set_options(timeout=120_000)
SERVE = BLOCK + "from crosscade.framework.cli import main; sys.exit(main(sys.argv[1:]))"


@pytest.fixture(scope="module")
def export(tmp_path_factory):
    return tiny_export.write(tmp_path_factory.mktemp("tiny") / "export", taps=True)


@contextmanager
def serving(export, temporary):
    """Where `crosscade app` listens; it ends well and leaves no file behind, not even its runtime's telemetry."""
    words = ["app", str(export), "--port", "0", "--no-browser"]
    variables = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    served = subprocess.Popen(
        [sys.executable, "-c", SERVE, *words],
        stderr=subprocess.PIPE,
        text=True,
        env={**variables, "TMPDIR": str(temporary)},
    )
    line = served.stderr.readline()
    try:
        yield re.match(r"(http://127\.0\.0\.1:\d+) ", line)[1]
    finally:
        served.send_signal(signal.SIGINT)
        _, rest = served.communicate(timeout=120)
    assert served.returncode == 0
    assert rest == ""
    assert list(temporary.iterdir()) == []


@pytest.fixture(scope="module")
def url(export, tmp_path_factory):
    with serving(export, tmp_path_factory.mktemp("temporary")) as url:
        yield url


@contextmanager
def visiting(browser, url):
    """The open page. No error on its console, nothing asked of another machine."""
    page = browser.new_page(viewport={"width": 1200, "height": 800})
    page.set_default_timeout(120_000)
    problems, asked = [], set()
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("request", lambda request: asked.add(urlsplit(request.url)))
    page.problems = problems
    page.goto(url)
    page.get_by_label("day → night").wait_for()
    try:
        yield page
    finally:
        page.close()
    assert problems == []
    assert {v.hostname for v in asked if v.scheme != "data"} == {"127.0.0.1"}


@pytest.fixture
def page(browser, url):
    with visiting(browser, url) as page:
        yield page


@pytest.fixture
def photo(tmp_path):
    """A JPEG that is neither square nor of the model's size."""
    file = tmp_path / "my.photo.jpg"
    Image.fromarray(tiny_export.pictures(1, size=40)[0]).resize((60, 40)).save(file)
    return file


def give(page, file):
    """Chooses a file and waits for what comes of it."""
    with page.expect_response(lambda response: "/translate" in response.url):
        page.set_input_files("input[type=file]", file)


def pixels(image):
    """What an <img> shows, which must have been decoded."""
    image.wait_for()
    image.evaluate("image => image.decode()")
    assert image.evaluate("image => image.naturalWidth") > 0
    data = image.get_attribute("src").removeprefix("data:image/png;base64,")
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))


def no_overflow(page):
    return page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_picture_its_levels_and_the_other_direction(page, photo, export, tmp_path):
    give(page, photo)
    expected = load(export).strip(photo, "a2b")
    labels = page.locator("#strip .cell")
    playwright.expect(labels).to_have_text(["source", "level 3", "level 2", "final"])
    for n, column in enumerate(expected):
        assert np.array_equal(pixels(labels.nth(n).locator("img")), column[0])
    assert np.array_equal(pixels(page.locator("#source")), expected[0][0])
    assert np.array_equal(pixels(page.locator("#chosen")), expected[-1][0])
    page.screenshot(path=tmp_path / "desktop.png", full_page=True)

    labels.nth(1).click()
    assert np.array_equal(pixels(page.locator("#chosen")), expected[1][0])
    page.get_by_label("night → day").check()  # the level that was chosen stays
    playwright.expect(page.locator("#to")).to_have_text("day: level 3")
    labels.nth(3).click()
    other = load(export).translate(photo, "b2a")
    assert np.array_equal(pixels(page.locator("#chosen")), other)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    assert download.value.suggested_filename == "my.photo-day-final.png"
    assert np.array_equal(np.asarray(Image.open(download.value.path())), other)


def test_a_file_may_be_dropped_anywhere(page, photo, export):
    page.evaluate(
        """text => {
            const data = new DataTransfer(), bytes = Uint8Array.from(atob(text), v => v.charCodeAt(0));
            data.items.add(new File([bytes], "dropped.jpg"));
            document.body.dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
        }""",
        base64.b64encode(photo.read_bytes()).decode(),
    )
    assert np.array_equal(pixels(page.locator("#chosen")), load(export).translate(photo, "a2b"))


def test_the_translation_in_the_whole_picture(page, photo, export, tmp_path):
    give(page, photo)
    playwright.expect(page.locator("#strip .cell")).to_have_count(4)
    with page.expect_response(lambda response: "/translate" in response.url):
        page.get_by_label("Also in the picture's own size").check()
    playwright.expect(page.locator("#to")).to_have_text("night: in the picture")
    assert np.array_equal(pixels(page.locator("#chosen")), load(export).onto_source(photo)[0])
    shown = page.locator("#source")
    shown.evaluate("image => image.decode()")
    assert shown.evaluate("image => [image.naturalWidth, image.naturalHeight]") == [60, 40]
    page.screenshot(path=tmp_path / "whole.png", full_page=True)
    with page.expect_response(lambda response: "/translate" in response.url):
        page.get_by_label("Also in the picture's own size").uncheck()
    playwright.expect(page.locator("#to")).to_have_text("night: final")
    assert np.array_equal(pixels(page.locator("#source")), load(export).fit(photo))


def test_examples_are_the_golden_pictures(page, export):
    page.locator("#examples .cell").nth(1).click()
    source = tiny_export.pictures(2, seed=9)[1]
    assert np.array_equal(pixels(page.locator("#source")), source)
    assert np.array_equal(pixels(page.locator("#chosen")), load(export).translate(source))


def test_a_method_with_styles_shows_as_many_as_are_asked_for(browser, photo, tmp_path):
    export = tiny_export.write(tmp_path / "export", style_size=3)
    (tmp_path / "temporary").mkdir()
    with serving(export, tmp_path / "temporary") as url, visiting(browser, url) as page:
        give(page, photo)
        playwright.expect(page.locator("#strip .cell")).to_have_text(["source", "final"])
        page.get_by_label("Seed").fill("7")
        page.get_by_label("Number").fill("3")
        page.get_by_label("Number").press("Enter")
        cells = page.locator("#strip .cell")
        playwright.expect(cells).to_have_text(["source", "final 1", "final 2", "final 3"])
        for n, image in enumerate(load(export).translate([photo] * 3, seed=7), 1):
            assert np.array_equal(pixels(cells.nth(n).locator("img")), image)
        page.get_by_label("Number").fill("99")
        page.get_by_label("Number").press("Enter")  # the browser says that 8 is the most; nothing is asked
        assert cells.count() == 4
        page.screenshot(path=tmp_path / "styles.png", full_page=True)


def bomb():
    """A PNG of 100 bytes that claims ten billion pixels."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"0" * 99)) + chunk(b"IEND", b"")
    )


BAD = {
    "empty.png": (lambda photo: b"", "an empty file"),
    "text.png": (lambda photo: b"no picture at all", "no picture of a known format"),
    "drawing.svg": (lambda photo: b'<svg xmlns="http://www.w3.org/2000/svg"/>', "no picture of a known format"),
    "cut.jpg": (lambda photo: photo[: len(photo) // 2], "a damaged file"),
    "bomb.png": (lambda photo: bomb(), "at most 32 million"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_gets_a_message_and_the_next_one_is_translated(page, photo, export, tmp_path, name):
    content, message = BAD[name]
    (tmp_path / name).write_bytes(content(photo.read_bytes()))
    give(page, tmp_path / name)
    alert = page.get_by_role("alert")
    playwright.expect(alert).to_contain_text(message)
    assert not re.search(r"Traceback|Error|File \"|/tmp|upload", alert.inner_text())
    assert page.locator("#chosen").is_hidden()
    assert len(page.problems) == 1
    assert "400 (Bad Request)" in page.problems.pop()  # the browser's own word on the answer

    give(page, photo)
    assert alert.is_hidden()
    assert np.array_equal(pixels(page.locator("#chosen")), load(export).translate(photo))


def test_a_file_that_is_too_large_is_not_sent(page, tmp_path):
    with (tmp_path / "large.png").open("wb") as file:
        file.truncate(33 * 2**20)
    page.set_input_files("input[type=file]", tmp_path / "large.png")
    playwright.expect(page.get_by_role("alert")).to_have_text("This file has 33.0 MB; at most 32 MB can be sent.")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone(page, photo, tmp_path, scheme):
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": 400, "height": 800})
    assert no_overflow(page)
    give(page, photo)
    pixels(page.locator("#chosen"))
    assert no_overflow(page)
    page.screenshot(path=tmp_path / f"phone-{scheme}.png", full_page=True)


def test_long_names_fit_a_phone(page, tmp_path):
    page.set_viewport_size({"width": 400, "height": 800})
    file = tmp_path / f"{'averylongname' * 12}.png"
    write_png(file, tiny_export.pictures(1)[0])
    give(page, file)
    pixels(page.locator("#chosen"))
    assert no_overflow(page)
