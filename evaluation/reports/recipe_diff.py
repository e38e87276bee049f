"""How a recipe differs from the packaged one that it began as. Torch-free."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from attrs import evolve, frozen

from ...framework import Catalogue, InputError

PROSE = "summary"
NONE = "–"


@frozen
class Change:
    """One key, like `translate[level 4].losses[cycle].weight`: its value in the parent and here."""

    key: str
    parent: str
    here: str
    planned: bool = False
    """Whether nobody asked for it: it follows from `--minutes`, measured here, or from the data."""


@frozen
class Lineage:
    """A resolved recipe and where it comes from."""

    name: str
    """What it is called on a page: a recipe's or a method's name."""
    text: str
    """The recipe in full, as JSON."""
    parent: str = ""
    """The packaged recipe's name; empty where there is none."""
    changes: tuple[Change, ...] = ()


def lineage(name: str, asked: Mapping[str, Any], here: Mapping[str, Any], catalogue: Catalogue) -> Lineage:
    """What became of the packaged recipe of `here`'s name.

    `asked` is the recipe as a run was given it, `here` the one that it was trained by, both in plain values. A
    recipe that no plugin packages, or whose parts are no longer there, has no parent.
    """
    from ...framework import read, resolve

    text = json.dumps(here, indent=2, ensure_ascii=False)
    own = str(here.get("name", ""))
    try:
        catalogue.get("recipe", own)  # `read` takes a file's name too
        parent = resolve(read(own, catalogue), catalogue).plain()
    except InputError:
        return Lineage(name, text)
    wanted = {change.key for change in changes(parent, asked)}
    every = (evolve(change, planned=change.key not in wanted) for change in changes(parent, here))
    return Lineage(name, text, own, tuple(sorted(every, key=lambda change: change.planned)))


def changes(parent: Any, here: Any, key: str = "") -> Iterator[Change]:
    """Every key whose value differs, in the recipe's order; `parent` and `here` are what the recipes have at `key`.

    Stages are matched by their level and losses by their names, so that one more or less moves no other. Of a
    component with another name that name is all: its options are not the parent's.
    """
    was, now = _named(parent), _named(here)
    if isinstance(was, dict) and isinstance(now, dict) and was.get("use") == now.get("use"):
        listed = isinstance(here, list)
        for name in [*now, *(k for k in was if k not in now)]:
            if key or name != PROSE:
                inner = f"{key}[{name}]" if listed else f"{key}.{name}".lstrip(".")
                yield from changes(was.get(name), now.get(name), inner)
    elif was != now:
        yield Change(key, _shown(parent), _shown(here))


def _named(value: Any) -> Any:
    """A list of tables as a table: by level, or by the component's name and its number among its like."""
    if not (isinstance(value, list) and value and all(isinstance(v, dict) for v in value)):
        return value
    tables: dict[str, Any] = {}
    for table in value:
        name = f"level {table['level']}" if "level" in table else str(table.get("use"))
        same = sum(known.split(" #")[0] == name for known in tables)
        tables[f"{name} #{same + 1}" if same else name] = table
    return tables


def _shown(value: Any) -> str:
    if value is None:
        return NONE
    if isinstance(value, dict | list) and (names := list(_uses(value))):
        return ", ".join(names)
    return value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)


def _uses(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if "use" in value:
            yield str(value["use"])
        for inner in value.values():
            yield from _uses(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _uses(inner)
