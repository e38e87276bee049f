"""The page as a visitor uses it: from a plain static server, in a subfolder, in the system's Chromium."""

import json
import re

import numpy as np
import pytest
from PIL import Image

from crosscade.exporters.runtime import load
from crosscade.exporters.web.page import write_page
from tests.benchmarks.browser import compare
from tests.browsing import WIDTHS, faults, no_overflow, page_policy, pixels, send, serving, visiting
from tests.exporters import tiny_export

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
playwright.expect.set_options(timeout=120_000)
POLICY = page_policy()
READY = "Ready: the model gives here what it gave where it was made."


@pytest.fixture(scope="module")
def made(runtime, tmp_path_factory):
    """`made(name, **how)`: the export and its page."""

    def make(name, **how):
        folder = tmp_path_factory.mktemp(name)
        write_page(tiny_export.write(folder / "export", **how), folder / "site" / "some" / "where", runtime)
        return folder / "export", folder / "site"

    return make


@pytest.fixture(scope="module")
def site(made):
    return made("plain", taps=True, mask=True)


@pytest.fixture(scope="module")
def url(site):
    with serving(site[1], POLICY) as address:
        yield f"{address}/some/where/"


@pytest.fixture
def page(browser, url):
    with visiting(browser, url, "day → night") as page:
        playwright.expect(page.locator("#empty")).to_have_text(READY)
        yield page


@pytest.fixture
def picture(tmp_path):
    """A PNG that is neither square nor of the model's size, and partly transparent."""
    opaque = np.asarray(Image.fromarray(tiny_export.pictures(1, size=40)[0]).resize((60, 40)))
    alpha = np.where(np.arange(60) < 25, 0, 255) * np.ones((40, 1))
    Image.fromarray(np.dstack([opaque, alpha]).astype(np.uint8)).save(tmp_path / "my.picture.png")
    return tmp_path / "my.picture.png"


def give(page, file):
    page.set_input_files("#file", file)
    page.locator("#result").wait_for()


def test_a_picture_is_what_native_onnxruntime_makes_of_it(page, picture, site, tmp_path):
    exported = load(site[0])
    give(page, picture)
    cells = page.locator("#strip .cell")
    playwright.expect(cells).to_have_text(["source", "level 3", "level 2", "final", "mask"])
    source = exported.fit(picture)
    expected = [source, *(tiny_export.tapped(source),) * 2, exported.translate(picture)]
    for n, image in enumerate(expected):
        assert np.array_equal(pixels(cells.nth(n).locator("img")), image)
    assert np.array_equal(pixels(cells.nth(4).locator("img"))[..., 0], tiny_export.masks(source))
    page.get_by_label("night → day").check()
    playwright.expect(page.locator("#to")).to_have_text("day: final")
    assert np.array_equal(pixels(page.locator("#chosen")), exported.translate(picture, "b2a"))
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    assert download.value.suggested_filename == "my.picture-day-final.png"
    page.screenshot(path=tmp_path / "page.png", full_page=True)


def test_a_photograph_is_seen_as_the_pipeline_sees_it(page, site, tmp_path):
    """A large JPEG, turned by its EXIF: the browser's decoder is another build of the same one."""
    rows, columns = np.mgrid[:1500, :2100]
    values = np.stack([128 + 100 * np.sin(rows / 90 + c) * np.cos(columns / (70 + 9 * c)) for c in range(3)], -1)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(values.astype(np.uint8)).save(tmp_path / "photo.jpg", quality=92, exif=exif)
    give(page, tmp_path / "photo.jpg")
    error = pixels(page.locator("#source")).astype(float) - load(site[0]).fit(tmp_path / "photo.jpg")
    assert 10 * np.log10(255**2 / max(np.square(error).mean(), 1e-9)) > 50


def test_it_works_without_a_network_after_its_first_load(page, picture, site):
    playwright.expect(page.locator("#foot")).to_contain_text("works without a network from now on")
    page.context.set_offline(True)
    page.reload()
    give(page, picture)
    page.get_by_label("night → day").check()
    playwright.expect(page.locator("#to")).to_have_text("day: final")
    assert np.array_equal(pixels(page.locator("#chosen")), load(site[0]).translate(picture, "b2a"))


@pytest.mark.slow
def test_a_trained_cascade_gives_what_native_onnxruntime_gives(browser, crosscade, bundle, runtime, tmp_path):
    assert crosscade("export", "bundle", "--out", "made", "--direction", "a2b").code == 0
    *_, share, most = compare(browser, tmp_path / "made", tmp_path, runtime, turns=4)
    assert share <= 3e-4
    assert most <= 1


def test_two_pages_of_one_host_keep_their_own(page, url, made, site, tmp_path):
    other = made("other", directions=("a2b",))[1]
    (other / "some" / "where").rename(site[1] / "other")
    playwright.expect(page.locator("#foot")).to_contain_text("works without a network")
    page.goto(url.replace("some/where", "other"))
    playwright.expect(page.locator("#foot")).to_contain_text("works without a network")
    assert page.evaluate("caches.keys().then(names => names.map(name => name.split(' ')[1]))") == [
        url, url.replace("some/where", "other"),
    ]  # fmt: skip
    assert json.loads(page.evaluate("fetch('app.json').then(answer => answer.text())"))["name"] == "day → night"


def test_styles_are_the_first_of_seed_0(browser, made, picture):
    export, folder = made("styles", style_size=3)
    with serving(folder, POLICY) as address, visiting(browser, f"{address}/some/where/", "day → night") as page:
        give(page, picture)
        page.get_by_label("Number").fill("3")
        page.get_by_label("Number").press("Enter")
        cells = page.locator("#strip .cell")
        playwright.expect(cells).to_have_text(["source", "final 1", "final 2", "final 3"])
        for n, image in enumerate(load(export).translate([picture] * 3, seed=0), 1):
            assert np.abs(pixels(cells.nth(n).locator("img")).astype(int) - image).max() <= 1
        assert page.get_by_label("Seed").is_hidden()


def test_other_golden_pictures_are_said_and_nothing_is_translated(browser, made, picture):
    _, folder = made("golden", golden_error=64)
    with serving(folder, POLICY) as address, visiting(browser, f"{address}/some/where/", "day → night") as page:
        alert = page.get_by_role("alert")
        playwright.expect(alert).to_contain_text("golden pictures come out at")
        page.set_input_files("#file", picture)
        playwright.expect(alert).to_contain_text("at least 45 are right. Nothing is translated.")
        assert page.locator("#result").is_hidden()


def test_a_file_that_is_not_the_exports_is_refused(browser, made):
    _, folder = made("cut")
    graph = folder / "some" / "where" / "model" / "a2b.onnx"
    graph.write_bytes(graph.read_bytes()[:-7])
    with serving(folder, POLICY) as address, visiting(browser, f"{address}/some/where/", "day → night") as page:
        playwright.expect(page.get_by_role("alert")).to_have_text(
            re.compile(r"^Only \d+ of \d+ bytes of a2b.onnx arrived")
        )


def test_a_gpu_that_fails_is_not_used(browser, url, picture, site):
    """A browser that promises WebGPU and cannot: the processor takes over."""
    fake = "Object.defineProperty(navigator, 'gpu', { value: { requestAdapter: async () => ({ info: {} }) } });"
    context = browser.new_context()
    context.add_init_script(fake)
    page = context.new_page()
    page.goto(url)
    give(page, picture)
    assert np.array_equal(pixels(page.locator("#chosen")), load(site[0]).translate(picture))
    playwright.expect(page.locator("#foot")).to_contain_text("the processor (WebAssembly)")
    context.close()


@pytest.mark.parametrize("missing", ["WebAssembly.validate = () => false", "delete window.OffscreenCanvas"])
def test_an_old_browser_gets_one_line(browser, url, missing):
    page = browser.new_page()
    page.add_init_script(missing)
    page.goto(url)
    playwright.expect(page.get_by_role("alert")).to_have_text(
        re.compile("^This browser is too old for this page: it lacks Web")
    )
    page.close()


def test_from_the_disk_one_line_says_how(browser, site):
    page = browser.new_page()
    page.goto((site[1] / "some" / "where" / "index.html").as_uri())
    playwright.expect(page.get_by_role("alert")).to_contain_text("run python -m http.server in its folder")
    page.close()


def test_bad_files_get_one_line_and_the_next_is_translated(page, picture, site, tmp_path):
    (tmp_path / "text.png").write_text("no picture at all")
    (tmp_path / "cut.png").write_bytes(picture.read_bytes()[:50])
    with (tmp_path / "large.png").open("wb") as file:
        file.truncate(65 * 2**20)
    Image.new("1", (8001, 8001)).save(tmp_path / "wide.png")
    lines = {
        "text.png": "No picture that this browser can read. Try another.",
        "cut.png": "No picture that this browser can read. Try another.",
        "large.png": "This file has 65.0 MB; at most 64 MB are read.",
        "wide.png": "This picture has 64 million pixels; at most 64 million are read.",
    }
    for name, line in lines.items():
        page.set_input_files("#file", tmp_path / name)
        playwright.expect(page.get_by_role("alert")).to_have_text(line)
        assert page.locator("#result").is_hidden()
    give(page, picture)
    assert page.get_by_role("alert").is_hidden()
    assert np.array_equal(pixels(page.locator("#chosen")), load(site[0]).translate(picture))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_it_fits_and_is_accessible(page, picture, tmp_path, scheme, width):
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": WIDTHS[width], "height": 800})
    assert no_overflow(page)
    assert faults(page) == []
    give(page, picture)
    send(page, "drop", picture, picture)
    playwright.expect(page.locator("#count")).to_have_text("3 translated.")
    for view in ("Side by side", "Slider"):
        page.get_by_text(view, exact=True).click()
        assert no_overflow(page)
        assert faults(page) == []
    page.screenshot(path=tmp_path / f"{width}-{scheme}.png", full_page=True)


def test_it_can_be_used_by_the_keyboard_alone(page, site):
    """Tab from the top: every stop shows where it is, and an example is translated by Enter."""
    seen = []
    for _ in range(8):
        page.keyboard.press("Tab")
        at = "document.activeElement"
        seen.append(page.evaluate(f"{at}.type + ' ' + ({at}.id || {at}.className)"))
        if seen[-1] == "button cell":
            page.keyboard.press("Enter")
            break
    assert seen == ["radio ", "file file", "file folder", "button cell"]
    expected = load(site[0]).translate(tiny_export.pictures(1, seed=9)[0])
    assert np.array_equal(pixels(page.locator("#chosen")), expected)
