"""Finds plugins and keeps what they offer. A value, not a global. Torch-free.

Every plugin is loaded, registered and asked in its own `try`: one that is broken costs nothing but itself, and its
failure is kept and quoted where it may be the reason that a name is unknown. Whatever a part's own code raises when it
is built or first called becomes one line that names the part, who provides it and where the recipe asks for it.
"""

from __future__ import annotations

import importlib
import inspect
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib import metadata
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pluggy
from attrs import define, field, frozen

from .errors import CrosscadeError, InputError, did_you_mean, needs_extra, raised_at, said
from .hookspecs import HOOKS, KINDS, PROJECT, Offer, hookspecs

if TYPE_CHECKING:
    from .recipe.recipe import Component

GROUP = "crosscade"
ALONE = "CROSSCADE_NO_PLUGINS"
"""The environment's variable that leaves other distributions' plugins out (`--no-plugins` sets it)."""
COMMANDS = (
    "crosscade.evaluation.evaluate.demo_command",
    "crosscade.plugins.commands.doctor.command",
    "crosscade.plugins.commands.train",
    "crosscade.evaluation.reports.command",
    "crosscade.plugins.commands.translate",
    "crosscade.evaluation.app.command",
    "crosscade.evaluation.evaluate.command",
    "crosscade.exporters.onnx.command",
    "crosscade.exporters.runtime.command",
    "crosscade.exporters.bulk.command",
    "crosscade.exporters.bulk.forecast",
    "crosscade.evaluation.share.command",
    "crosscade.evaluation.experiments.compare",
    "crosscade.evaluation.experiments.ablate",
    "crosscade.plugins.commands.data",
    "crosscade.plugins.commands.plugins",
    "crosscade.plugins.commands.describe",
    "crosscade.plugins.commands.completion",
)
"""The built-in modules that offer commands: they import neither torch nor what computes, so that `--help` is quick.

It lists them in this order, each under its offer's heading.
"""
COMPONENTS = (
    "crosscade.plugins.encoders.pixels",
    "crosscade.plugins.encoders.efficientnet",
    "crosscade.plugins.encoders.vgg",
    "crosscade.plugins.encoders.timm",
    "crosscade.plugins.translators.deepest",
    "crosscade.plugins.translators.adain",
    "crosscade.plugins.inverters.dosovitskiy_brox",
    "crosscade.plugins.losses.adversarial",
    "crosscade.plugins.losses.wgan_gp",
    "crosscade.plugins.losses.consistency",
    "crosscade.plugins.losses.reconstruction",
    "crosscade.plugins.methods.cyclegan",
    "crosscade.plugins.methods.cut",
    "crosscade.plugins.methods.ganimorph.translator",
    "crosscade.plugins.methods.ganimorph.loss",
    "crosscade.plugins.methods.dfi",
    "crosscade.plugins.losses.multiscale",
    "crosscade.plugins.methods.munit.translator",
    "crosscade.plugins.methods.munit.losses",
    "crosscade.plugins.methods.drit.translator",
    "crosscade.plugins.methods.drit.losses",
    "crosscade.plugins.datasets.safari.dataset",
    "crosscade.plugins.datasets.animals",
    "crosscade.plugins.datasets.folder",
    "crosscade.plugins.recipes.packaged",
    "crosscade.plugins.starters.photographs",
    "crosscade.plugins.models.zebra_giraffe",
    "crosscade.plugins.watchers.tensorboard",
    "crosscade.exporters.onnx.exporter",
    "crosscade.exporters.onnx.triton",
    "crosscade.exporters.web.exporter",
    "crosscade.evaluation.judges.class_share",
    "crosscade.evaluation.judges.shape_share",
    "crosscade.evaluation.judges.structure",
    "crosscade.evaluation.metrics.background",
    "crosscade.evaluation.metrics.mask_overlap",
    "crosscade.evaluation.metrics.attention",
    "crosscade.evaluation.metrics.frechet",
    "crosscade.evaluation.metrics.inception",
    "crosscade.evaluation.metrics.kid",
    "crosscade.evaluation.metrics.image_statistics",
)
"""Those that offer the rest, imported once something other than commands is asked for."""
BUILT_IN = COMMANDS + COMPONENTS


@frozen
class Entry:
    """An offer and who provides it."""

    offer: Offer
    provider: str
    version: str

    @property
    def qualified(self) -> str:
        """`provider:name`."""
        return f"{self.provider}:{self.offer.name}"

    @property
    def heading(self) -> str:
        """Where the help lists a command: what its offer says if it is ours, else who provides it."""
        return str(getattr(self.offer, "group", "")) if self.provider == "crosscade" else f"of {self.provider}"


@frozen
class Failure:
    """A plugin that could not be used, why, and the `file:line` of its code that failed, where there is one."""

    provider: str
    version: str
    reason: str
    where: str = ""

    def __str__(self) -> str:
        return f"{self.provider} {self.version}: {self.reason}" + (f" ({self.where})" if self.where else "")


@frozen
class _Source:
    provider: str
    version: str
    load: Callable[[], Any]


@define
class Catalogue:
    """All offers by kind. Made by `discover()` (built-ins and installed plugins) or `of(...)` (for tests)."""

    _entries: list[Entry] = field(factory=list)
    _failures: list[Failure] = field(factory=list)
    _later: list[_Source] = field(factory=list)
    """Those that offer no command, for when something else is asked for."""

    @classmethod
    def discover(cls) -> Catalogue:
        """The built-in plugins and every distribution's entry points of group `crosscade`.

        The entry points are left out where the environment has a variable CROSSCADE_NO_PLUGINS that is not empty.
        """
        version = version_of("crosscade")
        commands, later = (
            [_Source("crosscade", version, partial(importlib.import_module, name)) for name in names]
            for names in (COMMANDS, COMPONENTS)
        )
        for point in [] if os.environ.get(ALONE) else metadata.entry_points(group=GROUP):
            dist = point.dist
            commands.append(_Source(dist.name if dist else point.name, dist.version if dist else "unknown", point.load))
        return cls(later=later)._add(commands)

    @classmethod
    def of(cls, *plugins: ModuleType | object, provider: str = "test") -> Catalogue:
        """A catalogue of just these plugin modules or objects."""
        return cls()._add([_Source(provider, "0", partial(_itself, plugin)) for plugin in plugins])

    @property
    def entries(self) -> list[Entry]:
        """Everything that is offered."""
        later, self._later = self._later, []
        return self._add(later)._entries

    @property
    def failures(self) -> list[Failure]:
        """The plugins that could not be used, each once however many of its modules fail for the same reason."""
        self.entries  # noqa: B018 (what is still to be loaded may fail)
        return list(dict.fromkeys(self._failures))

    def _add(self, sources: Iterable[_Source]) -> Catalogue:
        for source in sources:
            try:
                offers = _offers(source.load())
            except (Exception, SystemExit) as error:  # a stranger's code: whatever it raises must not stop the others
                reason, where = said(error), raised_at(error)
                if needs := needs_extra(error):
                    reason, where = f"needs {needs.package}: {needs.cure}", ""
                elif isinstance(error, _UnusableError):
                    reason, where = str(error), ""
                self._failures.append(Failure(source.provider, source.version, reason, where))
                continue
            self._entries += [Entry(offer, source.provider, source.version) for offer in offers]
        return self

    def of_kind(self, kind: str) -> list[Entry]:
        """The entries of one kind, by name."""
        entries = self._entries if kind == "command" else self.entries
        return sorted((e for e in entries if e.offer.kind == kind), key=lambda e: (e.offer.name, e.provider))

    @property
    def commands(self) -> list[Entry]:
        """The commands in the order in which they were found, which is that of the help."""
        return [entry for entry in self._entries if entry.offer.kind == "command"]

    def offers(self, kind: str) -> list[Offer]:
        """The offers of one kind, by name."""
        return [entry.offer for entry in self.of_kind(kind)]

    def entry(self, kind: str, name: str) -> Entry:
        """The entry called `name` or `provider:name`; InputError when unknown or ambiguous."""
        entries = self.of_kind(kind)
        matches = [e for e in entries if name in (e.offer.name, e.qualified)]
        if len(matches) == 1:
            return matches[0]
        if matches:
            options = " or ".join(f"'{e.qualified}' ({e.version})" for e in matches)
            raise InputError(f"ambiguous {kind} '{name}'", found=f"{len(matches)} offers", cure=f"Say {options}.")
        cure = did_you_mean(name, {e.offer.name for e in entries})
        if failures := list(dict.fromkeys(self._failures)):
            quoted = "; ".join(str(f) for f in failures)
            cure += f" {len(failures)} plugin(s) failed to load: {quoted}"
        raise InputError(f"unknown {kind} '{name}'", cure=cure)

    def get(self, kind: str, name: str) -> Any:
        """The offer called `name` or `provider:name`."""
        return self.entry(kind, name).offer

    def build(self, kind: str, component: Component | str, **facts: Any) -> Any:
        """What a recipe's component, or a name with default options, offers: built with the facts that it asks for.

        InputError, which names the part, when it cannot be built or is nothing of its kind.
        """
        name, options = (component, None) if isinstance(component, str) else (component.use, component.options)
        offer = self.get(kind, name)
        with self.calling(kind, component, "`build`"):
            part = offer.make(options, **facts)
        self.require(isinstance(part, offer.made), kind, component, "`build`", part, _a(offer.made.__name__))
        return part

    def require(
        self, condition: bool, kind: str, component: Component | str, what: str, given: Any, expected: str
    ) -> None:
        """InputError, which names the part, unless what it gave when asked for `what` is as `expected`."""
        if not condition:
            where = f"{self.part(kind, component)}: {what}"
            raise InputError(where, found=shape_of(given), expected=expected)

    def part(self, kind: str, component: Component | str) -> str:
        """What messages call a part: its kind and name, its provider unless that is us, its place in the recipe."""
        name, place = (component, "") if isinstance(component, str) else (component.use, component.place)
        entry = self.entry(kind, name)
        provider = "" if entry.provider == "crosscade" else f" of {entry.provider} {entry.version}"
        return f"{kind} '{entry.offer.name}'{provider}" + (f" @ {place}" if place else "")

    @contextmanager
    def calling(self, kind: str, component: Component | str, what: str) -> Iterator[None]:
        """Whatever a part's code raises meanwhile, in `what` it was asked for, becomes an InputError that names it."""
        try:
            yield
        except CrosscadeError as error:
            place = "" if isinstance(component, str) else component.place
            if not place or " @ " in error.where:
                raise
            raise error.at(f"{error.where} @ {place}") from error
        except Exception as error:
            if needs_extra(error):
                raise
            name = component if isinstance(component, str) else component.use
            place = raised_at(error, ours=self.entry(kind, name).provider == "crosscade")
            raise InputError(
                f"{self.part(kind, component)}: {what}",
                found=said(error) + (f" ({place})" if place else ""),
                cure="That is a fault of the part: tell who provides it (--debug shows the traceback).",
            ) from error


class _UnusableError(Exception):
    """A plugin whose hooks are not what they should be: the sentence says which, no line of its code failed."""


def _offers(plugin: Any) -> list[Offer]:
    """What a plugin's hooks offer. Raises when they are not hooks or yield something else."""
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(hookspecs())
    manager.register(plugin)
    marked = {name for name in dir(plugin) if manager.parse_hookimpl_opts(plugin, name)}
    for name in sorted(marked - HOOKS.keys()):
        raise _UnusableError(f"unknown hook '{name}': {did_you_mean(name, HOOKS)}")
    for name in sorted(HOOKS.keys() - marked):
        if inspect.isroutine(getattr(plugin, name, None)):
            raise _UnusableError(f"function '{name}' without @hookimpl, so nobody calls it")
    if not marked:
        raise _UnusableError(f"no hook: expected a function with @hookimpl, called one of {', '.join(HOOKS)}")
    offers = []
    for name in sorted(marked):
        kind = HOOKS[name]
        for yielded in getattr(manager.hook, name)():
            if not isinstance(yielded, Iterable):
                raise _UnusableError(
                    f"hook '{name}' returns {type(yielded).__name__}, expected an iterable: `yield` it"
                )
            for offer in yielded:
                if not isinstance(offer, KINDS[kind]):
                    found, expected = type(offer).__name__, KINDS[kind].__name__
                    raise _UnusableError(f"hook '{name}' yields {found}, expected {expected}")
                offers.append(offer)
    return offers


def shape_of(value: Any) -> str:
    """A value as messages say it: what it is, and a tensor's or an array's kind and shape.

    >>> shape_of(None), shape_of([1, 2]), shape_of({"a": 0.5})
    ('None', 'a list', "a dict of ['a']")
    """
    if value is None:
        return "None"
    shape, kind = getattr(value, "shape", None), _a(type(value).__name__)
    if isinstance(value, dict):
        return f"{kind} of {sorted(map(str, value))}" if len(value) < 20 else kind
    return kind if shape is None else f"{kind} {tuple(shape)} of {str(getattr(value, 'dtype', '')).split('.')[-1]}"


def _a(noun: str) -> str:
    return f"{'an' if noun[:1] in 'AEIOUaeiou' else 'a'} {noun}"


def _itself(plugin: Any) -> Any:
    return plugin


def version_of(distribution: str) -> str:
    """An installed distribution's version, or `unknown`."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return "unknown"
