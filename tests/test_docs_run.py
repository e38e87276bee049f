"""Every block of code on the pages is run, or as much of it as takes seconds.

Each page has a folder of its own, in which lies what its blocks name: photos of cats, dogs and zebras (noise), the runs
`runs/zebra-giraffe` and `runs/cat-dog` (of the tiny recipe), `exports` of the same names, one of which a stand-in of
the Hugging Face Hub has as well, `zebra.jpg`, an animation, a video and shards. The guide's packages are installed.

- Python: the blocks of a page run in turn, and its tests are called. `zebras` are pictures; `train` checks what it is
  given and returns the tiny bundle.
- bash: each `crosscade …` is read by the real parser, its recipe, dataset, metrics and sweep are resolved, and quick
  commands are run.
- TOML: a recipe and a sweep are resolved.
"""

import inspect
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.util import find_spec

import attrs
import pytest

import crosscade.framework
from crosscade.evaluation.experiments import ablate
from crosscade.evaluation.experiments.protocol import Protocol
from crosscade.evaluation.experiments.sweeps import sweep as sweeps
from crosscade.evaluation.experiments.trials import trials_of
from crosscade.framework import Catalogue, Recipe, resolve
from crosscade.framework.cli import main, parser
from crosscade.framework.metrics.evaluate import metrics_named
from crosscade.framework.recipe.read import data_settings, override, recipe_from
from crosscade.framework.recipe.recipe import ImageOptions, RefineStage, Schedule, Training
from crosscade.framework.recipe.resolve import component
from tests.cli_tools import picture
from tests.docs_tools import DOCS, PAGES, ROOT, WHEELS, crosscade_lines, fenced, inline, lines_of, name_of
from tests.evaluation.share.hub import serving
from tests.exporters.bulk.conftest import packed
from tests.exporters.tiny_export import write as write_export
from tests.framework.data.videos import video
from tests.framework.tiny import tiny_recipe

OTHERS = {
    "pip", "make", "python", "python3", "tensorboard", "torchrun", "tritonserver", "hf", "uvicorn", "curl", "echo",
}  # fmt: skip
"""Programs on the pages that are not ours."""
KEYS = {"image": ImageOptions, "training": Training, "refine": RefineStage, "schedule": Schedule}
PACKAGES = ("good", "parts", "stripes")
FILES = [path for name in PACKAGES for kind in ("py", "toml") for path in (WHEELS / name).rglob(f"*.{kind}")]
SHOWN = {path.read_text(encoding="utf-8") for path in FILES} - {""}


@pytest.fixture(scope="module")
def bench(whole, tmp_path_factory):
    """What the blocks find, and the packages in `site`."""
    folder = tmp_path_factory.mktemp("docs")
    sources = [shutil.copytree(WHEELS / name, folder / "source" / name) for name in PACKAGES]
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*pip, "--target", str(folder / "site"), *map(str, sources)], check=True)
    for n, name in enumerate(("cats", "dogs", "zebras")):
        for k in range(12):
            picture(folder / "there" / "photos" / name / f"{k}.jpg", 100 * n + k)
    for name in ("zebra.jpg", "zebra-1.jpg", "zebra-2.jpg"):
        picture(folder / "there" / name, 0)
    picture(folder / "there" / "cat.gif", 0)
    picture(folder / "there" / "walk" / "1.png", 0)
    if find_spec("av"):
        video(folder / "there" / "walk.mp4")
    for k in range(16):
        packed(folder / "there" / f"in-{k:03d}.tar", [(f"{k}.jpg", (folder / "there" / "zebra.jpg").read_bytes())])
    for name in ("zebra-giraffe", "cat-dog"):
        shutil.copytree(whole, folder / "there" / "runs" / name)
        export = write_export(folder / "there" / "exports" / name)
        write_export(folder / "there" / name)
    shutil.copytree(folder / "there" / "photos" / "zebras", folder / "there" / "scenes" / "trainA")
    with serving() as hub:
        hub.commit("me/cat-dog", {p.relative_to(export).as_posix(): p.read_bytes() for p in files_of(export)})
        (folder / "hub").write_text(hub.url)
        yield folder


@pytest.fixture
def catalogue(bench, tmp_path, monkeypatch):
    """Everything with the guide's packages, and the test in a folder with what the blocks find."""
    monkeypatch.syspath_prepend(bench / "site")
    monkeypatch.setenv("CROSSCADE_CACHE", str(bench / "cache"))
    monkeypatch.setenv("HF_ENDPOINT", (bench / "hub").read_text())
    for path in (bench / "there").iterdir():
        (tmp_path / path.name).symlink_to(path)
    monkeypatch.chdir(tmp_path)
    return Catalogue.discover()


def files_of(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


def pages_with(found):
    return [pytest.param(page, id=name_of(page)) for page in PAGES if found(page)]


def blocks(language):
    return lambda page: fenced(page.read_text(encoding="utf-8"), language)


@pytest.mark.parametrize("page", pages_with(blocks("python")))
def test_python_runs(page, catalogue, monkeypatch):
    from crosscade.framework import to_images
    from crosscade.framework.testing.tools import uniform

    real = crosscade.framework.train

    def train(recipe, out, **others):
        inspect.signature(real).bind(recipe, out, **others)
        assert isinstance(recipe, Recipe)
        return "runs/zebra-giraffe"

    monkeypatch.setattr(crosscade.framework, "train", train)
    space = {"zebras": to_images(uniform(2, 3, 64, 64))}
    for block in blocks("python")(page):
        if block not in SHOWN:  # the guide's packages are installed
            exec(compile(block, str(page), "exec"), space)
    for name, value in list(space.items()):
        if name.startswith("test_"):
            value()


def test_every_file_of_the_guides_packages_stands_in_the_guide_and_is_short():
    guide = DOCS / "plugins.md"
    assert set(blocks("python")(guide)) & SHOWN | set(blocks("toml")(guide)) == SHOWN
    for text in SHOWN:
        assert sum(bool(line.strip()) for line in text.splitlines()) < 40


@pytest.mark.parametrize("page", pages_with(blocks("toml")))
def test_toml_is_a_package_a_sweep_or_a_recipe(page, catalogue):
    for block in blocks("toml")(page):
        table = tomllib.loads(block)
        if "variants" in table:
            sweep = sweeps.from_table({"name": "mine", **table})
            for variant in sweep.of("demo"):
                resolve(variant.changed(crosscade.framework.read(variant.recipe, catalogue)), catalogue)
        elif "translate" in table:
            resolve(table, catalogue)
        else:
            assert block in SHOWN


@pytest.mark.parametrize("page", pages_with(crosscade_lines))
def test_commands_are_understood(page, catalogue, tmp_path):
    whole = parser(catalogue)
    for words in crosscade_lines(page):
        given = whole.parse_args(words)
        check = CHECKS.get(given.command)
        if check and not getattr(given, "resume", False):
            check(given, catalogue, tmp_path)


def has_recipe(given, catalogue, folder):
    recipe = recipe_from(given, catalogue)
    if recipe.data.use == "folder":
        catalogue.get("dataset", "folder").build(recipe.data.options)


def has_methods(given, catalogue, folder):
    trials_of(Protocol.asked("compare", given, methods=given.methods), catalogue, folder)


def has_sweep(given, catalogue, folder):
    if not (given.sweep and given.sweep.endswith(".toml")):  # the page's own is resolved as TOML
        trials_of(ablate.asked(given), catalogue, folder)


def has_metrics(given, catalogue, folder):
    if given.metrics:
        metrics_named([given.metrics], catalogue)
    has_data(given, catalogue, folder)


def has_data(given, catalogue, folder):
    if given.data:
        table = override({"data": {"use": given.data.partition(":")[0]}}, data_settings(given.data))
        component(table["data"], "dataset", "$.data", catalogue)


CHECKS = {
    "train": has_recipe,
    "demo": has_recipe,
    "doctor": has_recipe,
    "compare": has_methods,
    "ablate": has_sweep,
    "evaluate": has_metrics,
    "data": has_data,
    "export": has_data,
}
QUICK = {"plugins", "describe", "translate", "run", "report"}


def is_quick(words):
    """Also the guide's export; not what needs a device, or may not share a process with torch."""
    if "walk.mp4" in words and not find_spec("av"):
        return False
    return not {"cuda", "tensorrt", "openvino"} & {*words} and (words[0] in QUICK or "pt2" in words)


@pytest.mark.parametrize("page", pages_with(lambda page: any(map(is_quick, crosscade_lines(page)))))
def test_quick_commands_run(page, catalogue, capsys):
    for words in filter(is_quick, crosscade_lines(page)):
        code = main(words)
        assert code == 0, capsys.readouterr().err


@pytest.mark.parametrize("page", pages_with(lines_of))
def test_other_programs_are_given_what_there_is(page):
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"].keys()
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for program, *words in lines_of(page):
        name = program.rsplit("/", 1)[-1]
        assert name in {"crosscade", *OTHERS}
        if name == "make":
            assert set(words) <= targets
        if name == "pip":
            asked = {
                extra for word in words for found in re.findall(r"^\.\[(.*)\]", word) for extra in found.split(",")
            }
            assert asked <= extras


@pytest.mark.parametrize("page", pages_with(inline))
def test_options_and_keys_in_the_prose_exist(page, catalogue):
    whole = parser(catalogue)
    (commands,) = (action.choices for action in whole._actions if action.dest == "command")
    known = {name: set(sub._option_string_actions) for name, sub in commands.items()}
    for span in inline(page):
        options = re.findall(r"(?<!\S)--[a-z][a-z-]*", span)
        if found := re.match(r"crosscade ([a-z]+)", span):
            assert {*options, "--help"} <= known[found[1]], span
        elif span.startswith("--"):
            assert any(set(options) <= of for of in known.values()), span
        elif (found := re.match(r"(\w+)\.(\w+)", span)) and found[1] in KEYS:
            assert found[2] in {a.name for a in attrs.fields(KEYS[found[1]])}, span


def test_a_recipe_trains_with_the_guides_parts_and_they_can_be_judged(catalogue, tmp_path):
    from crosscade.framework import Direction, Reporter, evaluate, train
    from crosscade.framework.metrics.evaluate import evaluation_images
    from crosscade.framework.recipe.recipe import ImageOptions

    settings = (
        "translate[1].translator.use=beside",
        "translate[1].translator.width=8",
        "invert[0].inverter.use=shuffle",
    )
    recipe = tiny_recipe(*settings, "data.train=10", "data.test=10")
    bundle = train(recipe, tmp_path / "run", catalogue=catalogue, report=Reporter(quiet=True))
    assert '"translator crosscade-parts:beside": "1.2.3"' in (bundle / "bundle.json").read_text()
    dataset = catalogue.get("dataset", recipe.data.use).build(recipe.data.options)
    samples = evaluation_images(dataset, ImageOptions(size=64, load=64))[Direction.A2B].samples
    score = evaluate(samples, ["mean-colour"], catalogue=catalogue)["mean-colour"]
    assert score.value == score.beside["ceiling"] > 0, "the untranslated source is the ceiling"
    assert evaluate(samples.with_translated(samples.target_train), ["mean-colour"])["mean-colour"].value == 0


def test_the_guides_package_of_six_trains_by_its_own_recipe_and_is_watched(catalogue, tmp_path):
    from crosscade.framework import Reporter, read, resolve, train

    fast = [f"{stage}.schedule.images=16" for stage in ("invert[0]", "translate[0]", "translate[1]")]
    settings = ["data.train=8", "data.test=4", "training.ship_collapsed=true", "training.threads=1", *fast]
    recipe = resolve(read("stripes", catalogue, settings=settings), catalogue)
    report = Reporter(quiet=True)
    bundle = train(recipe, tmp_path / "run", catalogue=catalogue, report=report, watch=["lowest"])
    assert '"encoder crosscade-stripes:filters": "1.2.3"' in (bundle / "bundle.json").read_text()
    lowest = dict(line.split(",") for line in (tmp_path / "run" / "lowest.csv").read_text().splitlines())
    assert {"places", "critic/tells", "cycle", "identity"} <= lowest.keys()


def test_the_guides_encoder_is_short():
    assert len((WHEELS / "stripes" / "crosscade_stripes" / "encoder.py").read_text().splitlines()) <= 25


def test_the_guides_exporter_keeps_no_program_that_differs(catalogue, tmp_path, capsys, monkeypatch):
    import torch

    class Another:
        def module(self):
            return torch.zeros_like

    monkeypatch.setattr(torch.export, "load", lambda path: Another())
    assert main(["export", "runs/zebra-giraffe", "--format", "pt2", "--out", "program"]) == 1
    assert "apart" in capsys.readouterr().err
    assert not (tmp_path / "program").exists()
