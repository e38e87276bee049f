"""`crosscade describe`: a part's options and what it is made of: levels, domains, stages, what it reads of a view."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

import attrs
from rich import box
from rich.table import Table

from ...framework import Catalogue, CommandOffer, CrosscadeError, InputError, hookimpl
from ...framework.catalogue.catalogue import Entry
from ...framework.errors import show
from ...framework.recipe.dataset import dataset_of
from ...framework.recipe.read import override, read
from ...framework.recipe.recipe import AnyStage, Component
from ...framework.recipe.resolve import resolve
from ...framework.recipe.schema import describe, plain, structure
from ...framework.support.fetch import nothing
from ...framework.support.progress import Terminal, as_wide_as_it_takes

Facts = dict[str, Any]
"""Plain values by what they are called: text, numbers, lists of text, or a table as a list of rows."""
STAGES = {"translation": "TranslationView", "inversion": "InversionView", "refinement": "RefineView"}


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", help="a component's name, or provider:name")
    text = "an option of it, or a key of a recipe, like model=resnet50 for timm: the facts are then for this value"
    parser.add_argument("--set", metavar="KEY=VALUE", action="append", default=[], help=text)
    parser.add_argument("--json", action="store_true", help="the same as JSON: a list of what bears the name")


def _run(arguments: argparse.Namespace, catalogue: Catalogue) -> int:
    matches = [e for e in catalogue.entries if arguments.name in (e.offer.name, e.qualified)]
    if not matches:
        raise catalogue.unknown("component", arguments.name, catalogue.entries)
    described = [about(entry, catalogue, arguments.set) for entry in matches]
    if arguments.json:
        show(json.dumps(described, indent=2, ensure_ascii=False))
        return 0
    console = as_wide_as_it_takes()
    for entry, facts in zip(matches, described):
        _print(console, entry, facts)
    return 0


def about(entry: Entry, catalogue: Catalogue, settings: Sequence[str] = ()) -> Facts:
    """All that is known of a part with these `settings`; nothing is fetched for it."""
    offer = entry.offer
    known: Facts = {"kind": offer.kind, "name": offer.name, "provider": entry.provider, "version": entry.version}
    known |= {"summary": offer.summary, "source": offer.source, "options": list(_options(offer.options))}
    own = [] if offer.kind == "recipe" else settings
    use = Component(entry.qualified, structure(override({}, own), offer.options, offer.kind))
    with nothing():
        try:
            with catalogue.calling(offer.kind, entry.qualified, "what it is made of"):
                return known | (FACTS[offer.kind](entry, use, catalogue, settings) if offer.kind in FACTS else {})
        except CrosscadeError as error:
            if settings:
                raise
            return known | {"not known": str(error)}


def _options(options: type) -> Iterable[Facts]:
    for row, field in zip(describe(options), attrs.fields(options)):
        default = field.default.factory() if isinstance(field.default, attrs.Factory) else field.default  # type: ignore[arg-type]
        said = {} if default is attrs.NOTHING else {"default": plain(default)}
        yield row | said if said else {key: text for key, text in row.items() if key != "default"}


def _encoder(entry: Entry, use: Component, catalogue: Catalogue, _: Sequence[str]) -> Facts:
    offer: Any = entry.offer
    problem, pyramid = {}, None
    try:
        pyramid = catalogue.build("encoder", use).pyramid
    except CrosscadeError as error:
        if not offer.pyramid:
            raise
        problem = {"weights": f"not at hand: {error}"}
        pyramid = offer.pyramid(use.options)
    return {"levels": [attrs.asdict(level) for level in pyramid.levels], **problem}


def _loss(entry: Entry, use: Component, catalogue: Catalogue, _: Sequence[str]) -> Facts:
    from ... import framework
    from ...framework import AdversarialLoss, ImageSpec, LevelSpec
    from ...framework.testing.tools import TinyEncoder

    encoder = TinyEncoder()
    facts = {"image": ImageSpec(64), "encoder": encoder, "catalogue": catalogue}
    try:
        loss = catalogue.build("loss", use, here=encoder.pyramid.levels[-1], **facts)
    except InputError:  # one for images alone
        loss = catalogue.build("loss", use, here=LevelSpec(0, "image", 3, 1), **facts)
    stages = [stage for stage, view in STAGES.items() if loss.needs <= getattr(framework, view).gives()]
    told: Facts = {"reads": sorted(loss.needs), "stages": stages or list(_translators(loss.needs, catalogue))}
    if isinstance(loss, AdversarialLoss):
        told["critics"] = {name: plain(getattr(loss, name)) for name in ("learning_rate", "betas", "steps")}
    return told


def _translators(needs: frozenset[str], catalogue: Catalogue) -> Iterator[str]:
    """The translators whose own views give what no other does."""
    from ...framework import ImageSpec, LevelSpec

    for entry in catalogue.of_kind("translator"):
        with suppress(CrosscadeError):  # one for other levels than pixels
            facts = {"here": LevelSpec(0, "image", 3, 1), "deeper": None, "image": ImageSpec(64)}
            if needs <= catalogue.build("translator", entry.qualified, **facts).gives:
                yield f"translation by {entry.offer.name}"


def _dataset(entry: Entry, use: Component, catalogue: Catalogue, _: Sequence[str]) -> Facts:
    dataset = dataset_of(use, catalogue)
    rows = [{"name": d.name, "train": len(d.train), "test": len(d.test)} for d in dataset.domains]
    return {"domains": rows, "preferred size": dataset.preferred_size}


def _recipe(entry: Entry, use: Component, catalogue: Catalogue, settings: Sequence[str]) -> Facts:
    recipe = resolve(read(use.use, catalogue, settings=settings), catalogue)
    parts = {"starts with": recipe.start, "data": recipe.data.use, "encoder": recipe.encoder.use}
    size = recipe.image.size or "what the dataset prefers"
    return {**parts, "image size": size, "stages": [_stage(stage) for stage in recipe.trained]}


def _stage(stage: AnyStage) -> Facts:
    part = getattr(stage, "translator", getattr(stage, "inverter", None))
    return {
        "stage": stage.kind,
        "level": getattr(stage, "level", None),
        "part": part and part.use,
        "losses": {loss.use: loss.weight for loss in stage.losses},
        "images": stage.schedule.images if stage.losses else 0,
        "batch": stage.schedule.batch,
        "learning rate": stage.schedule.learning_rate,
    }


FACTS: dict[str, Callable[[Entry, Component, Catalogue, Sequence[str]], Facts]] = {
    "encoder": _encoder,
    "loss": _loss,
    "dataset": _dataset,
    "recipe": _recipe,
}
"""What is said of parts of a kind beside their options."""


def _print(console: Terminal, entry: Entry, facts: Facts) -> None:
    known = dict(facts)
    for key in ("kind", "name", "provider", "version", "summary"):
        del known[key]
    console.print(f"{entry.offer.kind} {entry.qualified} {entry.version}: {entry.offer.summary}", style="bold")
    options = known.pop("options")
    for name, value in known.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            console.print(f"{name}:")
            console.print(_table(value))
        elif value or value == 0:
            console.print(f"{name}: {_said(value)}", soft_wrap=True)
    if entry.offer.kind == "command":
        console.print(f"see: crosscade {entry.offer.name} --help\n")
    elif options:
        console.print("options:")
        console.print(
            _table([{**row, "default": repr(row["default"]) if "default" in row else "(required)"} for row in options])
        )
    else:
        console.print("no options\n")


def _table(rows: Sequence[Mapping[str, Any]]) -> Table:
    table = Table(*rows[0], box=box.SIMPLE_HEAD)
    for row in rows:
        table.add_row(*map(_said, row.values()))
    return table


def _said(value: Any) -> str:
    """A value as people read it: `cycle 10, identity` for losses with their weights."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {_said(each)}" for name, each in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(_said, value))
    return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


@hookimpl
def commands() -> Iterable[CommandOffer]:
    """The command."""
    yield CommandOffer(
        name="describe",
        arguments=_arguments,
        build=_run,
        summary="Show what a component is: options, an encoder's levels, a recipe's stages, a dataset's domains",
        group="research",
        example="crosscade describe efficientnet-lite0",
    )
