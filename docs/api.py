"""Writes `docs/reference/python.md` from the public docstrings: `make docs`. A test fails while it is out of date."""

from __future__ import annotations

import ast
import functools
import importlib
import inspect
import re
import textwrap
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any

import attrs

import crosscade.framework

PAGE = Path(__file__).parent / "reference" / "python.md"
HEAD = """<!-- Written by docs/api.py from the docstrings: change the code, then `make docs`. -->

# Python

Everything public, by the door through which it is imported. B batch, C channels, H W space; i is a level's number.
Where nothing is said of errors, a wrong argument raises `InputError`.
"""
SECTIONS = {
    "From a recipe to pictures": ("recipe", "training", "bundle", "translator", "catalogue", "metrics.evaluate"),
    "What parts are": ("contracts", "encoder", "data.dataset", "metrics.metric", "support.events"),
    "What parts are offered with": ("hookspecs",),
    "What losses read": ("views",),
    "Geometry": ("spec",),
    "Pictures and tensors": ("data.images", "data.written", "support.tensors"),
    "Several processes": ("support.ranks",),
    "Errors and progress": ("errors", "support.progress"),
}
"""Modules of `crosscade.framework` under their headings: a name stands where its module, or a folder above it, does."""
DOORS = ("crosscade.framework.testing", "crosscade.exporters.runtime")


class Said:
    """Text that an inspected signature shows as it is."""

    def __init__(self, text: object) -> None:
        self.text = str(text)

    def __repr__(self) -> str:
        return self.text


def page() -> str:
    """The whole page."""
    lines = [HEAD, "## `crosscade.framework`", "", "Importing it imports no torch.", ""]
    homes = {name: home for home, name in re.findall(r"from \.(\S+) import (\w+)", _source(crosscade.framework, "pyi"))}
    for title, modules in SECTIONS.items():
        lines += [f"### {title}", ""]
        for name, home in homes.items():
            if any(f"{home}.".startswith(f"{module}.") for module in modules):
                lines += entry(name, getattr(crosscade.framework, name), f"crosscade.framework.{home}")
    for door in DOORS:
        module = importlib.import_module(door)
        lines += [f"## `{door}`", "", *prose(module.__doc__ or ""), ""]
        for name in module.__all__:
            lines += entry(name, getattr(module, name))
    return "\n".join(lines).rstrip() + "\n"


def entry(name: str, value: Any, home: str = "") -> list[str]:
    """A name's heading, how it is called, what it says of itself, and its members."""
    lines = [f"#### `{name}`", ""]
    if inspect.isclass(value):
        bases = ", ".join(base.__name__ for base in value.__bases__ if base is not object)
        lines += ["```text", f"class {name}" + (f"({bases})" if bases else "")]
        lines += [called(name, value)] if "__init__" in vars(value) and not inspect.isabstract(value) else []
        lines += ["```", "", *prose(value.__doc__ or ""), ""]
        members = [*attributes(value), *methods(value)]
        return [*lines, *members, *([""] if members else [])]
    if inspect.isroutine(value):
        return [*lines, "```text", called(name, value), "```", "", *prose(value.__doc__ or ""), ""]
    said, doc = assigned(name, home)
    return [*lines, "```text", said, "```", "", *prose(doc), ""]


def assigned(name: str, home: str) -> tuple[str, str]:
    """The line of a module that gives a name its value, and what is written below it."""
    body = ast.parse(_source(importlib.import_module(home), "py")).body
    for node, after in zip(body, [*body[1:], None]):
        if isinstance(node, ast.Assign | ast.AnnAssign) and name in ast.unparse(node).split(" = ")[0]:
            below = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant) and after.value.value
            return ast.unparse(node), str(below or "")
    raise KeyError(f"{home}.{name}")


def called(name: str, value: Any) -> str:
    """How it is called, folded where that is long."""
    asked = inspect.signature(value)
    parameters = []
    for parameter in asked.parameters.values():
        said = parameter.replace(annotation=_annotation(parameter.annotation))
        if said.default is not said.empty:
            said = said.replace(default=_default(said.default))
        parameters.append(said)
    gives = _annotation(asked.return_annotation)
    if inspect.isclass(value):
        gives = inspect.Signature.empty
    return "\n    ".join(textwrap.wrap(f"{name}{asked.replace(parameters=parameters, return_annotation=gives)}", 110))


def _default(value: Any) -> Any:
    if value is attrs.NOTHING or isinstance(value, attrs.Factory):  # type: ignore[arg-type]
        return Said("…")
    if isinstance(value, Enum):
        return Said(value)
    if callable(value):
        return Said(getattr(value, "__name__", "…"))
    return value if len(repr(value)) < 40 else Said(f"{type(value).__name__}(…)")


def _annotation(annotation: Any) -> Any:
    if annotation is inspect.Signature.empty:
        return annotation
    return Said(annotation if isinstance(annotation, str) else getattr(annotation, "__name__", annotation))


def attributes(owner: type) -> Iterator[str]:
    """A class's public fields, each with its type, its default and what is written beside or below it."""
    source = textwrap.dedent(inspect.getsource(owner))
    body = next(node for node in ast.parse(source).body if isinstance(node, ast.ClassDef)).body
    lines = source.splitlines()
    for node, after in zip(body, [*body[1:], None]):
        if isinstance(node, ast.AnnAssign) and not ast.unparse(node.target).startswith("_"):
            said = f"{ast.unparse(node.target)}: {ast.unparse(node.annotation)}"
            if node.value is not None and not isinstance(node.value, ast.Call):
                said += f" = {ast.unparse(node.value)}"
            beside = re.search(r"  # (?!type:|noqa)(.*)$", lines[node.end_lineno - 1])
            below = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant) and after.value.value
            yield from item(said, beside[1] if beside else str(below or ""))
        elif isinstance(node, ast.Assign) and issubclass(owner, Enum):
            yield from item(ast.unparse(node), "")


def methods(owner: type) -> Iterator[str]:
    """A class's own public methods and properties."""
    for name, member in vars(owner).items():
        if name.startswith("_"):
            continue
        if isinstance(member, property | functools.cached_property):
            getter = member.fget if isinstance(member, property) else member.func
            gives = inspect.signature(getter).return_annotation
            yield from item(f"{name}: {_annotation(gives)}", getter.__doc__ or "")
        elif isinstance(member, classmethod | staticmethod):
            yield from item(called(name, getattr(owner, name)), member.__doc__ or "")
        elif inspect.isfunction(member):
            yield from item(
                called(name, member).replace("(self, ", "(", 1).replace("(self)", "()", 1), member.__doc__ or ""
            )


def item(said: str, doc: str) -> Iterator[str]:
    """A line of a list, and what belongs to it."""
    first, *more = prose(doc) or [""]
    yield f"- `{' '.join(said.split())}`" + (f": {first}" if first else "")
    yield from (f"    {line}" if line else "" for line in more)


def prose(doc: str) -> list[str]:
    """A docstring as Markdown: examples fenced, lists of arguments as lists."""
    lines: list[str] = []
    fenced = False
    for line in inspect.cleandoc(doc).splitlines():
        example = bool(re.match(r">>> |\.\.\. ", line)) or (fenced and bool(line))
        if example != fenced:
            lines += ["", "```pycon"] if example else ["```"]
        fenced = example
        if line in ("Args:", "Raises:", "Returns:"):
            line += "\n"
        elif argument := re.match(r"    (\w+): (.*)", line):
            line = f"- `{argument[1]}`: {argument[2]}"
        lines.append(line if fenced else _escaped(line))
    return [*lines, "```"] if fenced else lines


def _escaped(line: str) -> str:
    parts = line.split("`")
    return "`".join(part if k % 2 else re.sub(r"([<*])", r"\\\1", part) for k, part in enumerate(parts))


def _source(module: Any, suffix: str) -> str:
    return Path(module.__file__).with_suffix(f".{suffix}").read_text(encoding="utf-8")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
