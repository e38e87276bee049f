"""Documentation is run, not believed."""

import doctest
import importlib
import inspect
import re
import textwrap
from pathlib import Path

import pytest

from crosscade.framework import hooks
from crosscade.framework.catalogue import Catalogue
from crosscade.framework.offers import KINDS

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
MODULES = [
    f"crosscade.{floor}.{path.stem}"
    for floor in ("framework", "plugins", "exporters", "evaluation")
    for path in sorted((ROOT / floor).glob("*.py"))
    if path.stem != "__init__"
]
GUIDE = (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")


def fenced(text: str, language: str) -> list[str]:
    """The contents of a page's fenced blocks of a language."""
    return re.findall(rf"^ *```{language}\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("module", MODULES)
def test_examples_in_docstrings_run(module):
    found = doctest.testmod(importlib.import_module(module))
    assert found.failed == 0
    assert found.attempted > 0 or module not in ("crosscade.framework.spec", "crosscade.framework.settings")


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_python_on_the_pages_compiles(page):
    for block in fenced(page.read_text(encoding="utf-8"), "python"):
        compile(textwrap.dedent(block), str(page), "exec")


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_to_files_lead_somewhere(page):
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", text) + re.findall(r"(?:src|href)=\"([^\"#]+)", text)
    missing = [v for v in links if "://" not in v and not v.startswith("mailto:") and not (page.parent / v).exists()]
    assert missing == []


@pytest.mark.parametrize("hook", hooks.HOOKS)
def test_each_hook_stands_in_the_guide(hook):
    offer = KINDS[hooks.HOOKS[hook]]
    row = next((line for line in GUIDE.splitlines() if line.startswith(f"| `{hook}` |")), "")
    assert f"`{offer.__name__}`" in row
    assert inspect.getdoc(getattr(hooks, hook)) in row
    facts = re.search(r"build\(([^)]*)\)", inspect.getdoc(offer))
    names = re.findall(r"(\w+)(?::|,|$)", facts[1]) if facts else []
    written = re.search(r"`build\(([^)]*)\)`", row)
    assert written
    assert re.findall(r"\w+", written[1]) == [n for n in names if n[0].islower()]


def test_the_guides_plugin_is_the_one_that_is_tested():
    folder = ROOT / "tests" / "wheels" / "good"
    assert (folder / "crosscade_good.py").read_text(encoding="utf-8") == fenced(GUIDE, "python")[0]
    assert (folder / "pyproject.toml").read_text(encoding="utf-8") == fenced(GUIDE, "toml")[0]


def test_every_attribute_that_a_loss_of_ours_needs_stands_in_the_guide():
    source = (ROOT / "framework" / "stages.py").read_text(encoding="utf-8")
    given = {name for block in re.findall(r"gives = frozenset\((.*?)\)", source, re.DOTALL)
             for name in re.findall(r'"(\w+)"', block)}  # fmt: skip
    assert {"real", "fake", "images", "translations"} <= given
    table = GUIDE[GUIDE.index("## What a loss may read") :]
    assert [name for name in sorted(given | {"cycled", "same"}) if f"`{name}`" not in table] == []


def test_parts_that_the_readme_names_exist():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    table = readme[readme.index("| kind | built in |") :].split("\n\n")[0]
    found = Catalogue.discover()
    for row in table.splitlines()[2:]:
        kind, parts = re.match(r"\| (\w+) \| (.*) \|", row).groups()
        names = re.findall(r"`([a-z0-9-]+)`", parts)
        unknown = set(names) - {o.name for o in found.offers(hooks.HOOKS[kind])}
        assert not unknown, f"{kind}: {unknown}"


def test_commands_that_the_pages_show_exist():
    commands = {offer.name for offer in Catalogue.discover().offers("command")}
    for page in PAGES:
        for block in fenced(page.read_text(encoding="utf-8"), "bash"):
            assert set(re.findall(r"crosscade ([a-z]+)", block)) <= commands, page
