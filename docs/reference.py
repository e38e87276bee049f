"""Writes the pages of `docs/reference/` from the code: `make docs`. A test fails while they are out of date."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, get_type_hints

import attrs

from crosscade.framework.catalogue.catalogue import Catalogue
from crosscade.framework.cli import parser
from crosscade.framework.hookspecs import KINDS
from crosscade.framework.recipe.recipe import (
    Component,
    ImageOptions,
    InvertStage,
    LossUse,
    Recipe,
    RefineStage,
    Schedule,
    Training,
    TranslateStage,
)
from crosscade.framework.recipe.schema import plain, type_name

FOLDER = Path(__file__).parent / "reference"
GENERATED = "<!-- Written by docs/reference.py from the code: change the code, then `make docs`. -->\n"
COMMANDS = """# Commands

`crosscade COMMAND --help` says the same. Every command also takes `--debug`, which shows the traceback of an error, and
`--no-plugins`, which runs no code of other installed packages.

Exit codes: 0 done; 1 it went wrong; 2 bad input: usage, recipe or data; 130 stopped by Ctrl-C. An error is one line
that names the file or key, what was found, what was expected and what to do. What is fetched (weights of some encoders
and judges, always by hash) is kept in the platform's place for caches, or in the folder that the environment variable
`CROSSCADE_CACHE` names; `TORCH_HOME` moves the place where torchvision's and Inception's weights are looked for.
"""
RECIPES = """# Recipes

A recipe is a TOML or JSON file. A table with a `use` key names a [part](parts.md); its other keys are that part's
options, and `encoder = "vgg19"` is short for `encoder = { use = "vgg19" }`. Whatever is not said has its default. A key
that nobody knows, a wrong type or a part that does not fit is refused before any work, with its path and the nearest
thing that exists.

`--set` overrides any key, a list's entries by number or by their component's name; `key=none` takes a key away, and
another `use` drops the former part's options:

```bash
crosscade train --recipe demo --out runs/mine --set image.size=128 --set 'translate[0].losses[cycle].weight=10'
crosscade train --recipe demo --out runs/unrefined --set refine=none
```

The recipe with every default spelled out lies as `recipe.json` in each bundle, and can be given to `--recipe` again.
The former names of three keys are read too: `[[inversions]]`, now `[[invert]]`; `[[stages]]`, now `[[translate]]`; and,
in `[image]`, `views`, now `crops`.
"""
PARTS = """# Parts

Every part is a plugin's; these come with Crosscade. `crosscade plugins` also lists those of installed packages, and
`crosscade describe NAME` prints a part's table. An option is a key beside `use`, or `--set encoder.weights=…`.
"""
# What the recipe's own classes say in types and nowhere else.
STRUCTURE = {
    "name": "what results call it",
    "summary": "one line for people",
    "data": "the [dataset](parts.md#datasets) and its options",
    "image": "[how images are cut](#image)",
    "encoder": "the [encoder](parts.md#encoders) and its options",
    "training": "[what holds for the whole run](#training)",
    "invert": "[the inverters](#invert), level by level",
    "translate": "[the translators](#translate), deep to shallow",
    "refine": "[the refinement](#refine); without it there is none",
    "level": "the encoder's level, by its number",
    "translator": "the [translator](parts.md#translators) and its options",
    "inverter": "the [inverter](parts.md#inverters) and its options",
    "losses": "a list of [losses](#losses); an empty one leaves the stage as it begins",
    "schedule": "[how long and how fast it learns](#schedule)",
    "use": "the [loss](parts.md#losses); its own options stand beside these keys",
    "weight": "its share in the sum",
    "start": "fraction of the stage after which it begins",
}
CLASSES = {
    "The whole": Recipe,
    "`[image]`": ImageOptions,
    "`[training]`": Training,
    "`[[invert]]`": InvertStage,
    "`[[translate]]`": TranslateStage,
    "`[refine]`": RefineStage,
    "`schedule`": Schedule,
    "`losses`": LossUse,
}
TITLES = {
    "encoder": "Encoders",
    "translator": "Translators",
    "inverter": "Inverters",
    "loss": "Losses",
    "dataset": "Datasets",
    "metric": "Metrics",
    "exporter": "Exporters",
    "watcher": "Watchers",
    "starter": "Starters",
    "model": "Ready-made",
}


def own() -> Catalogue:
    """What comes with Crosscade, whatever else is installed. Raises RuntimeError where some of it does not load."""
    found = Catalogue.discover()
    if broken := [str(f) for f in found.failures if f.provider == "crosscade"]:
        raise RuntimeError(f"install '.[dev]': {'; '.join(broken)}")
    return Catalogue([entry for entry in found.entries if entry.provider == "crosscade"])


def commands(catalogue: Catalogue) -> str:
    """The page of every command's arguments."""
    offers: list[Any] = [entry.offer for entry in catalogue.commands]
    summaries = ((f"[`{o.name}`](#{o.name})", o.group, _sentence(o.summary)) for o in offers)
    lines = [COMMANDS, *table(("command", "to", "what it does"), summaries)]
    for offer, (name, sub) in zip(offers, subparsers(catalogue).items()):
        lines += ["", f"## {name}", "", _sentence(offer.summary)]
        lines += ["", "```bash", offer.example, "```"] if offer.example else []
        lines.append("")
        lines += table(("argument", "meaning"), ((_usage(a), _meaning(a)) for a in arguments(sub)))
    return "\n".join(lines) + "\n"


def recipes(catalogue: Catalogue) -> str:
    """The page of every key of a recipe, with the demo's."""
    packaged = ((f"`{o.name}`", _escaped(o.summary)) for o in catalogue.offers("recipe"))
    lines = [RECIPES, "## Packaged recipes", "", *table(("recipe", "what it is"), packaged)]
    for title, options in CLASSES.items():
        lines += ["", f"## {title}", "", f"{(options.__doc__ or '').splitlines()[0]}", "", *options_table(options)]
    demo = catalogue.get("recipe", "demo").build().strip()
    return "\n".join([*lines, "", "## The recipe `demo`", "", "```toml", demo, "```"]) + "\n"


def parts(catalogue: Catalogue) -> str:
    """The page of every part's options."""
    lines = [PARTS]
    for kind, title in TITLES.items():
        lines += [f"## {title}", ""]
        for offer in catalogue.offers(kind):
            lines += [f"### `{offer.name}`", "", _sentence(offer.summary)]
            lines += ["", f"Source: {_escaped(offer.source)}."] if offer.source else []
            lines += ["", *options_table(offer.options)] if attrs.fields(offer.options) else []
            lines.append("")
    return "\n".join(lines)


PAGES = {"commands.md": commands, "recipes.md": recipes, "parts.md": parts}


def whole(page: str, catalogue: Catalogue) -> str:
    """A page as it is to stand in its file."""
    return GENERATED + "\n" + PAGES[page](catalogue)


def subparsers(catalogue: Catalogue) -> dict[str, argparse.ArgumentParser]:
    """Every command's parser by name."""
    whole = parser(catalogue)
    return next(dict(a.choices) for a in whole._actions if isinstance(a, argparse._SubParsersAction))


def arguments(sub: argparse.ArgumentParser) -> list[argparse.Action]:
    """A command's arguments but those that every one has."""
    return [action for action in sub._actions if action.dest not in ("help", "debug", "no_plugins")]


def undocumented(catalogue: Catalogue) -> list[str]:
    """Every argument, key and option of which nobody says what it means."""
    every = ((name, action) for name, sub in subparsers(catalogue).items() for action in arguments(sub))
    found = [f"crosscade {name} {action.dest}" for name, action in every if not action.help]
    classes = {"recipe " + title: options for title, options in CLASSES.items()}
    classes |= {f"{o.kind} {o.name}": o.options for kind in TITLES for o in catalogue.offers(kind)}
    found += [f"{owner}: {a.name}" for owner, cls in classes.items() for a in _fields(cls) if not _help(cls, a)]
    return found + [f"kind {kind}" for kind in KINDS if kind not in (*TITLES, "recipe", "command")]


def options_table(options: type) -> list[str]:
    """An options class as a table."""
    hints = get_type_hints(options)
    rows = ((f"`{a.name}`", _type(hints[a.name]), _default(a), _help(options, a)) for a in _fields(options))
    return table(("key", "type", "default", "meaning"), rows)


def table(headings: Iterable[str], rows: Iterable[Iterable[str]]) -> list[str]:
    """Lines of a markdown table."""
    headings = list(headings)
    return [f"| {' | '.join(headings)} |", "|---" * len(headings) + "|", *(f"| {' | '.join(row)} |" for row in rows)]


def _fields(options: type) -> Iterator[Any]:
    return (a for a in attrs.fields(options) if not (options is LossUse and a.name in ("options", "place")))


def _help(options: type, field: Any) -> str:
    said = field.metadata.get("help")
    return _escaped(said) if said else STRUCTURE.get(field.name, "") if options in CLASSES.values() else ""


def _type(hint: Any) -> str:
    """What to write in a recipe for a value of this type."""
    return "a part" if hint is Component else _escaped(type_name(hint))


def _default(field: Any) -> str:
    default = field.default.factory() if isinstance(field.default, attrs.Factory) else field.default
    if default is attrs.NOTHING:
        return "required"
    if default is None or attrs.has(type(default)):
        return ""
    return f"`{json.dumps(plain(default), ensure_ascii=False)}`"


def _usage(action: argparse.Action) -> str:
    name = str(action.metavar or (action.dest.upper() if action.option_strings else action.dest))
    many = " …" if action.nargs in ("+", "*") else ""
    named = action.nargs != 0 and not (action.option_strings and action.choices)
    return f"`{' '.join([*action.option_strings[:1], *([name + many] if named else [])])}`"


def _meaning(action: argparse.Action) -> str:
    said = _escaped(action.help or "")
    if action.choices:
        said = ", ".join(f"`{choice}`" for choice in action.choices) + (f"; {said}" if said else "")
    if action.default not in (None, False, []) and "default" not in said and action.nargs != 0:
        said += f" (default: {action.default})"
    if action.required and action.option_strings:
        said += " (required)"
    if isinstance(action, argparse._AppendAction):
        said += "; may be given several times"
    return said


def _sentence(text: str) -> str:
    return _escaped(text[0].upper() + text[1:]) + ("" if text.endswith(("?", ".", ")")) else ".")


def _escaped(text: str) -> str:
    for sign in "|<*[":
        text = text.replace(sign, f"\\{sign}")
    return text


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    found = own()
    for name in PAGES:
        (FOLDER / name).write_text(whole(name, found), encoding="utf-8")
