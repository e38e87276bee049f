"""A run's and a comparison's page in a real browser: nothing fetched, no error, nothing missing, nothing too wide."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from attrs import evolve

from crosscade.evaluation.experiments.jobs import Cost
from crosscade.evaluation.experiments.page import write_files
from crosscade.evaluation.experiments.protocol import Protocol
from crosscade.evaluation.experiments.results import DirectionResults, Results
from crosscade.evaluation.experiments.trials import Trial
from crosscade.evaluation.experiments.variant import Variant
from crosscade.evaluation.reports import run as run_page
from crosscade.evaluation.reports.figures import Figure
from crosscade.evaluation.reports.page import write
from crosscade.evaluation.reports.table import Table
from crosscade.framework import Score
from crosscade.framework.bundle import bundle
from crosscade.framework.data.written import png

WIDTHS = {"desktop": 1280, "phone": 400}


def images(seed, count=6):
    return np.random.default_rng(seed).integers(0, 255, (count, 64, 64, 3), dtype=np.uint8)


def table(title, *candidates):
    """As wide and as wordy as they get."""
    names = ("target-class", "target-shape", "fd-efficientnet-lite0", "kd-vgg16-hed", "a-strangers-score-of-long-name")
    score = Score(12.345, "features of a network, " * 9, 300, higher_is_better=True, warning="a judge that errs")
    rows = {row: {name: evolve(score, value=12.345 + n) for name in names} for n, row in enumerate(candidates)}
    return Table(title, rows, controls=candidates[-1:], notes=("/a/path/without/a/break" * 9,))


@pytest.fixture(scope="module")
def pages(whole, tmp_path_factory):
    """A run's page and a comparison's."""
    folder = tmp_path_factory.mktemp("pages")
    run = shutil.copytree(whole, folder / "ours-0")
    made = bundle.load(run)
    judged = table("zebra → giraffe", "cascade", "without refine", "untranslated source", "real target")
    names = [f"level {n}" for n in (5, 4, 3)]
    rows = [images(n, 5) for n in range(3)]
    strips = [run_page.Strip.of(f"{way} zebra", ["source", *names, "last"], rows) for way in ("to", "from")]
    told = run_page.about(run, made.catalogue)
    data = evolve(
        told,
        title="zebra ↔ giraffe",
        strips=tuple(strips),
        tables=(judged,),
        figures=(Figure("deepest features", png(images(9)[0]), "a note"),),
        hardware="a processor, 2 threads, bfloat16",
        durations=(*told.durations, ("a stage with a name of some length", 3000.0)),
        warnings=("no/break/" * 30,),
    )
    Cost(1.0, 2.0, 3 << 20, begun=1, measured=1).write(run)
    methods = ("ours", "cyclegan", "ganimorph", "munit", "drit")
    runs = [Trial(Variant(method), 0, made.recipe, run) for method in methods]
    grid = {method: images(n) for n, method in enumerate(methods)}
    directions = tuple(
        DirectionResults(name, title, table(title, *methods, "real target"), grid, {})
        for name, title in (("a2b", "zebra → giraffe"), ("b2a", "giraffe → zebra"))
    )
    plain = made.recipe.plain()
    compared = Results(table("All methods", *methods), directions, (), dict.fromkeys(methods, plain))
    asked = Protocol(methods=",".join(methods), images=8)
    return {
        "run": write(data, folder / "run.html"),
        "comparison": write_files(folder, compared, asked, runs, [], "crosscade compare", made.catalogue),
    }


def opened(browser, file: Path, device="phone", scheme="light"):
    """The page in a window of its own, and the list of what is wrong with it."""
    window = browser.new_page(
        viewport={"width": WIDTHS[device], "height": 800}, color_scheme=scheme, has_touch=device == "phone"
    )
    wrong = []
    window.on("console", lambda message: wrong.append(f"console: {message.text}"))
    window.on("pageerror", lambda error: wrong.append(f"error: {error}"))
    window.on("request", lambda request: request.url.startswith("data:") or wrong.append(f"request: {request.url}"))
    window.goto(file.as_uri())
    wrong.remove(f"request: {file.as_uri()}")
    broken = "[...document.images].filter(i => i.src && !i.naturalWidth).map(i => 'missing: ' + i.alt)"
    wrong += window.evaluate(
        f"Promise.allSettled([...document.images].map(i => i.src && i.decode())).then(() => {broken})"
    )
    if (wide := window.evaluate("document.documentElement.scrollWidth")) > WIDTHS[device]:
        wrong.append(f"overflow: {wide} px")
    return window, wrong


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("device", WIDTHS)
@pytest.mark.parametrize("kind", ["run", "comparison"])
def test_nothing_is_wrong_with_the_page(pages, browser, kind, device, scheme, tmp_path):
    window, wrong = opened(browser, pages[kind], device, scheme)
    window.screenshot(path=tmp_path / f"{kind}-{device}-{scheme}.png", full_page=True)
    assert wrong == []
    paper = window.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, paper[4:-1].split(","))) < 384) == (scheme == "dark")


@pytest.mark.parametrize("device", WIDTHS)
def test_a_picture_enlarges_and_closes(pages, browser, device, tmp_path):
    window, _ = opened(browser, pages["run"], device)
    first, dialog = window.locator(".zoom").first, window.locator("dialog")
    assert not dialog.is_visible()
    first.tap() if device == "phone" else first.click()
    large = dialog.locator("img")
    assert large.get_attribute("alt") == "to zebra, row 1: source"
    assert large.bounding_box()["height"] > 2 * first.bounding_box()["height"]
    window.screenshot(path=tmp_path / f"large-{device}.png")
    window.keyboard.press("ArrowRight")
    assert large.get_attribute("alt") == "to zebra, row 1: level 5"
    dialog.get_by_label("previous").click()
    assert large.get_attribute("alt") == "to zebra, row 1: source"
    assert large.evaluate("i => i.decode().then(() => i.naturalWidth)") == 64
    window.keyboard.press("Escape")
    assert not dialog.is_visible()
    window.locator(".zoom").nth(1).focus()
    window.keyboard.press("Enter")
    assert dialog.is_visible()
    large.click()
    assert not dialog.is_visible()


BREAKS = {
    "console": "<script>console.error('alas')</script>",
    "error": "<script>nothing.at.all</script>",
    "request": "<img src='http://127.0.0.1:9/x.png' alt=''>",
    "missing": "<img src='data:image/png;base64,AAAA' alt='x'>",
    "overflow": "<div style='width: 500px'>wide</div>",
}


@pytest.mark.parametrize("check", BREAKS)
def test_each_check_can_fail(pages, browser, check, tmp_path):
    text = pages["run"].read_text(encoding="utf-8")
    (tmp_path / "broken.html").write_text(text.replace("</main>", BREAKS[check] + "</main>"), encoding="utf-8")
    _, wrong = opened(browser, tmp_path / "broken.html")
    assert any(line.startswith(check) for line in wrong), wrong
