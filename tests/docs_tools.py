"""What the tests of the documentation share: its pages, and what stands on them."""

import importlib.util
import re
import shlex
import textwrap
from pathlib import Path

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
TOP = ("README", "CONTRIBUTING", "CHANGELOG", "SECURITY")
PAGES = [*(ROOT / f"{name}.md" for name in TOP), *sorted(DOCS.rglob("*.md"))]
WHEELS = ROOT / "tests" / "wheels"
FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)


def name_of(page):
    return page.relative_to(ROOT).as_posix()


def fenced(text, language):
    """The contents of a page's fenced blocks of a language."""
    return [textwrap.dedent(body) for kind, body in FENCE.findall(text) if kind == language]


def prose(page):
    """A page without its fenced blocks."""
    return FENCE.sub("", page.read_text(encoding="utf-8"))


def inline(page):
    """Every `code span` of a page's prose."""
    return [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", prose(page))]


def lines_of(page):
    """Every command of a page's bash blocks, as words, without variables set before it."""
    found = []
    for block in fenced(page.read_text(encoding="utf-8"), "bash"):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line.split(" > ")[0], comments=True)
            while words:
                end = words.index("&&") if "&&" in words else len(words)
                command, words = words[:end], words[end + 1 :]
                while command and re.fullmatch(r"[A-Z_]+=.*", command[0]):
                    del command[0]
                found.append(command)
    return [words for words in found if words]


def crosscade_lines(page):
    """What follows `crosscade` in them, of whichever environment it is, or started by torchrun."""
    lines = [words[words.index("crosscade") :] if words[0] == "torchrun" else words for words in lines_of(page)]
    return [words[1:] for words in lines if Path(words[0]).name == "crosscade"]


def reference(name="reference"):
    """The module `docs/reference.py` or another there, which belongs to no package."""
    spec = importlib.util.spec_from_file_location(f"docs_{name}", DOCS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
