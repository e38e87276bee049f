"""The page as a person uses it: the command in a process without torch, the page in the system's Chromium."""

import os
import re
import signal
import struct
import subprocess
import sys
import zipfile
import zlib
from contextlib import contextmanager

import numpy as np
import pytest
from PIL import Image

from crosscade.exporters.runtime.exported import load
from crosscade.framework import write_png
from tests.browsing import WIDTHS, faults, no_overflow, pixels, send, visiting
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


@pytest.fixture
def page(browser, url):
    with visiting(browser, url, "day → night") as page:
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
        page.set_input_files("#file", file)


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


@pytest.mark.parametrize("event", ["drop", "paste"])
def test_a_file_may_be_dropped_or_pasted_anywhere(page, photo, export, event):
    send(page, event, photo)
    assert np.array_equal(pixels(page.locator("#chosen")), load(export).translate(photo, "a2b"))


def test_the_slider_lays_one_over_the_other(page, photo, export, tmp_path):
    give(page, photo)
    page.get_by_text("Slider", exact=True).click()
    assert page.locator("#chosen").is_hidden()
    assert np.array_equal(pixels(page.locator("#before")), load(export).fit(photo))
    assert np.array_equal(pixels(page.locator("#after")), load(export).translate(photo))
    edge = page.get_by_label("How much of the source is shown")
    edge.focus()
    for _ in range(3):
        edge.press("ArrowRight")
    assert page.locator("#before").evaluate("image => getComputedStyle(image).clipPath") == "inset(0px 47% 0px 0px)"
    page.screenshot(path=tmp_path / "slider.png", full_page=True)


@pytest.fixture
def folder(tmp_path):
    """Pictures two deep, one of a name that is there twice, and what is no picture."""
    for n, name in enumerate(["herd/a.png", "herd/b.jpg", "herd/far/a.png"]):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(tiny_export.pictures(1, seed=n, size=24)[0]).save(tmp_path / name)
    (tmp_path / "herd" / "notes.txt").write_text("dear")
    return tmp_path / "herd"


def downloaded(page):
    """The zip of all: {name: pixels}."""
    with page.expect_download() as download:
        page.get_by_role("button", name="Download all").click()
    with zipfile.ZipFile(download.value.path()) as archive:
        assert archive.testzip() is None
        return {name: np.asarray(Image.open(archive.open(name))) for name in archive.namelist()}


def test_a_folder_comes_back_as_a_zip(page, folder, export, tmp_path):
    page.set_input_files("#folder", folder)
    playwright.expect(page.locator("#count")).to_have_text("3 translated.")
    made = downloaded(page)
    assert sorted(made) == ["herd/a-night.png", "herd/b-night.png", "herd/far/a-night.png"]
    for name in ("a.png", "b.jpg", "far/a.png"):
        expected = load(export).translate(folder / name)
        assert np.array_equal(made[f"herd/{name[:-4]}-night.png"], expected)
    page.screenshot(path=tmp_path / "folder.png", full_page=True)
    page.get_by_label("night → day").check()  # all of them anew
    playwright.expect(page.locator("#count")).to_have_text("3 translated.")
    assert np.array_equal(downloaded(page)["herd/far/a-day.png"], load(export).translate(folder / "far/a.png", "b2a"))
    page.get_by_role("button", name="Clear").click()
    assert page.locator("#many").is_hidden()
    assert page.locator("#result").is_hidden()


def test_of_several_files_a_bad_one_is_named_and_the_others_come_back(page, folder, export):
    send(page, "drop", folder / "a.png", folder / "notes.txt", folder / "b.jpg", folder / "far" / "a.png")
    playwright.expect(page.locator("#count")).to_have_text("3 translated, 1 could not be.")
    assert sorted(downloaded(page)) == ["a-night-2.png", "a-night.png", "b-night.png"]
    page.locator("#gallery .cell").nth(1).click()
    playwright.expect(page.get_by_role("alert")).to_contain_text("notes.txt: this file: found no picture of a known")
    page.locator("#gallery .cell").nth(2).click()
    assert np.array_equal(pixels(page.locator("#chosen")), load(export).translate(folder / "b.jpg"))
    assert "400 (Bad Request)" in page.problems.pop()


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
    with serving(export, tmp_path / "temporary") as url, visiting(browser, url, "day → night") as page:
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
    page.set_input_files("#file", tmp_path / "large.png")
    playwright.expect(page.get_by_role("alert")).to_have_text("This file has 33.0 MB; at most 32 MB can be sent.")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_it_fits_and_is_accessible(page, photo, folder, tmp_path, scheme, width):
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": WIDTHS[width], "height": 800})
    assert no_overflow(page)
    assert faults(page) == []
    give(page, photo)
    send(page, "drop", folder / "a.png", folder / "notes.txt")
    playwright.expect(page.locator("#count")).to_have_text("2 translated, 1 could not be.")
    page.problems.clear()
    for view in ("Side by side", "Slider"):
        page.get_by_text(view, exact=True).click()
        assert no_overflow(page)
        assert faults(page) == []
        page.screenshot(path=tmp_path / f"{width}-{scheme}-{view[:4]}.png", full_page=True)


def test_long_names_fit_a_phone(page, tmp_path):
    page.set_viewport_size({"width": 400, "height": 800})
    file = tmp_path / f"{'averylongname' * 12}.png"
    write_png(file, tiny_export.pictures(1)[0])
    give(page, file)
    pixels(page.locator("#chosen"))
    assert no_overflow(page)
