"""Documentation is run, not believed."""

import ast
import doctest
import importlib
import inspect
import re

import pytest

import crosscade.framework
from crosscade.evaluation.judges.structure import READ
from crosscade.framework import Catalogue, InversionView, RefineView, TranslationView
from crosscade.framework.hookspecs import HOOKS, KINDS
from tests.docs_tools import DOCS, PAGES, ROOT, WHEELS, fenced, inline, name_of, prose

MODULES = [
    ".".join(("crosscade", *path.relative_to(ROOT).with_suffix("").parts))
    for floor in ("framework", "plugins", "exporters", "evaluation")
    for path in sorted((ROOT / floor).rglob("*.py"))
    if path.stem != "__init__"
]
GUIDE = (DOCS / "plugins.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("module", MODULES)
def test_examples_in_docstrings_run(module):
    found = doctest.testmod(importlib.import_module(module))
    assert found.failed == 0
    assert found.attempted > 0 or module not in ("crosscade.framework.spec", "crosscade.framework.recipe.read")


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_to_files_lead_somewhere(page):
    text = prose(page)
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", text) + re.findall(r"(?:src|href)=\"([^\"#]+)", text)
    missing = [v for v in links if "://" not in v and not v.startswith("mailto:") and not (page.parent / v).exists()]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_files_and_folders_of_ours_that_a_page_names_exist(page):
    ours = [
        span for span in inline(page) if re.match(r"(framework|plugins|exporters|evaluation|tests|docs)/[^ ]*$", span)
    ]
    assert [span for span in ours if not list(ROOT.glob(span.rstrip("/")))] == []


def test_contributing_lists_every_folder():
    rows = re.findall(r"^\| `(\w+)/` \|.*\| (.*) \|$", (ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE)
    listed = {floor: set(re.findall(r"`(\w+)/`", folders)) for floor, folders in rows}
    assert listed == {
        floor: {path.parent.name for path in (ROOT / floor).glob("*/__init__.py")}
        for floor in ("framework", "plugins", "exporters", "evaluation")
    }


@pytest.mark.parametrize("hook", HOOKS)
def test_each_hook_stands_in_the_guide(hook):
    offer = KINDS[HOOKS[hook]]
    row = next((line for line in GUIDE.splitlines() if line.startswith(f"| `{hook}` |")), "")
    assert f"`{offer.__name__}`" in row
    assert inspect.getdoc(offer).splitlines()[0] in row
    facts = re.search(r"build\(([^)]*)\)", inspect.getdoc(offer))
    names = re.findall(r"(\w+)(?::|,|$)", facts[1]) if facts else []
    written = re.search(r"`build\(([^)]*)\)`", row)
    assert written
    assert re.findall(r"\w+", written[1]) == [n for n in names if n[0].islower()]


def test_every_attribute_that_a_loss_of_ours_needs_stands_in_the_guide():
    given = {name for view in (TranslationView, InversionView, RefineView) for name in view.gives()}
    table = GUIDE[GUIDE.index("## What a loss may read") :]
    assert [name for name in sorted(given) if f"`{name}`" not in table] == []


def test_parts_that_the_readme_names_exist():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    table = readme[readme.index("| kind | built in |") :].split("\n\n")[0]
    found = Catalogue.discover()
    folders = {path.name for path in (ROOT / "plugins").iterdir() if (path / "__init__.py").exists()}
    assert folders - {"commands", "layers", "methods"} <= set(re.findall(r"^\| (\w+) \|", table, re.MULTILINE))
    for row in table.splitlines()[2:]:
        kind, parts = re.match(r"\| (\w+) \| (.*) \|", row).groups()
        names = re.findall(r"`([a-z0-9-]+)`", parts)
        unknown = set(names) - {o.name for o in found.offers(HOOKS[kind])}
        assert not unknown, f"{kind}: {unknown}"


def test_every_score_of_ours_is_explained():
    page = (DOCS / "reading-scores.md").read_text(encoding="utf-8")
    names = {offer.name for offer in Catalogue.discover().offers("metric")} - {"structure"} | {*READ, "box-iou"}
    assert [name for name in sorted(names) if f"`{name}`" not in page] == []


DOORS = {
    "crosscade.framework",
    "crosscade.framework.testing",
    "crosscade.exporters.runtime",
    "crosscade.exporters.bulk",
}


@pytest.mark.parametrize("page", [*PAGES, *sorted(WHEELS.rglob("*.py"))], ids=name_of)
def test_strangers_import_through_the_doors_alone(page):
    text = page.read_text(encoding="utf-8")
    for block in fenced(text, "python") if page.suffix == ".md" else [text]:
        for node in ast.walk(ast.parse(block)):
            ours = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            ours += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            ours = {name for name in ours if name.split(".")[0] == "crosscade"}
            assert ours <= DOORS
            if ours == {"crosscade.framework"}:
                assert {alias.name for alias in node.names} <= set(crosscade.framework.__all__)
