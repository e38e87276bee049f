"""Finds plugins and keeps what they offer. A value, not a global. Torch-free.

Every plugin is loaded, registered and asked in its own `try`: one that is broken costs nothing but itself, and its
failure is kept and quoted where it may be the reason that a name is unknown. Whatever a part's own code raises when it
is built or first called becomes one line that names the part, who provides it and where the recipe asks for it.
"""

from __future__ import annotations

import importlib
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib import metadata
from types import ModuleType
from typing import TYPE_CHECKING, Any

from attrs import define, field, frozen

from ..errors import CrosscadeError, InputError, a_noun, did_you_mean, needs_extra, raised_at, said, shape_of
from ..hookspecs import Offer
from ..support.atomic import FULL
from ..support.limits import out_of_memory
from .built_in import BUILT_IN
from .loading import UnusableError, offers_of

if TYPE_CHECKING:
    from ..recipe.recipe import Component

GROUP = "crosscade"
ALONE = "CROSSCADE_NO_PLUGINS"
"""The environment's variable that leaves other distributions' plugins out (`--no-plugins` sets it)."""


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
    kinds: frozenset[str] = frozenset()
    """What a built-in module offers."""

    @classmethod
    def built_in(cls) -> list[_Source]:
        """The built-in modules."""
        kinds: dict[str, set[str]] = {}
        for kind, modules in BUILT_IN.items():
            for module in modules:
                kinds.setdefault(module, set()).add(kind)
        version = version_of("crosscade")
        return [cls("crosscade", version, partial(importlib.import_module, m), frozenset(k)) for m, k in kinds.items()]


@define
class Catalogue:
    """All offers by kind. Made by `discover()` (built-ins and installed plugins) or `of(...)` (for tests)."""

    _entries: list[Entry] = field(factory=list)
    _failures: list[Failure] = field(factory=list)
    _later: list[_Source] = field(factory=list)
    """Built-in modules of kinds that nobody asked for yet."""
    _loading: threading.RLock = field(factory=threading.RLock, init=False, repr=False, eq=False)

    @classmethod
    def discover(cls) -> Catalogue:
        """The built-in plugins and every distribution's entry points of group `crosscade`.

        The entry points are left out where the environment has a variable CROSSCADE_NO_PLUGINS that is not empty.
        """
        catalogue = cls(later=_Source.built_in())._load("command")
        for point in [] if os.environ.get(ALONE) else metadata.entry_points(group=GROUP):
            dist = point.dist
            provider, version = (dist.name, dist.version) if dist else (point.name, "unknown")
            catalogue._add([_Source(provider, version, point.load)])
        return catalogue

    @classmethod
    def of(cls, *plugins: ModuleType | object, provider: str = "test") -> Catalogue:
        """A catalogue of just these plugin modules or objects."""
        return cls()._add([_Source(provider, "0", partial(_itself, plugin)) for plugin in plugins])

    @property
    def entries(self) -> list[Entry]:
        """Everything that is offered."""
        return self._load(*BUILT_IN)._entries

    @property
    def failures(self) -> list[Failure]:
        """The plugins that could not be used, each once however many of its modules fail for the same reason."""
        self.entries  # noqa: B018 (what is still to be loaded may fail)
        return list(dict.fromkeys(self._failures))

    def _load(self, *kinds: str) -> Catalogue:
        with self._loading:  # another thread waits until it sees all of them
            now = [source for source in self._later if source.kinds & set(kinds)]
            self._later = [source for source in self._later if source not in now]
            return self._add(now)

    def _add(self, sources: Iterable[_Source]) -> Catalogue:
        for source in sources:
            try:
                offers = offers_of(source.load())
            except (Exception, SystemExit) as error:  # a stranger's code: whatever it raises must not stop the others
                reason, where = said(error), raised_at(error)
                if needs := needs_extra(error):
                    reason, where = f"needs {needs.package}: {needs.cure}", ""
                elif isinstance(error, UnusableError):
                    reason, where = str(error), ""
                self._failures.append(Failure(source.provider, source.version, reason, where))
                continue
            self._entries += [Entry(offer, source.provider, source.version) for offer in offers]
        return self

    def of_kind(self, kind: str) -> list[Entry]:
        """The entries of one kind, by name."""
        entries = self._load(kind)._entries
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
        raise self.unknown(kind, name, entries)

    def unknown(self, what: str, name: str, entries: Iterable[Entry]) -> InputError:
        """That none of these `entries` is called `name`, what may be meant, and which plugins could not be asked."""
        cure = did_you_mean(name, {e.offer.name for e in entries})
        if failures := list(dict.fromkeys(self._failures)):
            stop = "" if cure.endswith("?") else "."
            cure += f"{stop} {len(failures)} plugin(s) failed to load: {'; '.join(map(str, failures))}"
        return InputError(f"unknown {what} '{name}'", cure=cure)

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
        self.require(isinstance(part, offer.made), kind, component, "`build`", part, a_noun(offer.made.__name__))
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
        except (Exception, SystemExit) as error:
            if needs_extra(error) or out_of_memory(error) or getattr(error, "errno", None) in FULL:
                raise  # not the part's doing: the command line has a line for it
            name = component if isinstance(component, str) else component.use
            place = raised_at(error, ours=self.entry(kind, name).provider == "crosscade")
            raise InputError(
                f"{self.part(kind, component)}: {what}",
                found=said(error) + (f" ({place})" if place else ""),
                cure="That is a fault of the part: tell who provides it (--debug shows the traceback).",
            ) from error


def _itself(plugin: Any) -> Any:
    return plugin


def version_of(distribution: str) -> str:
    """An installed distribution's version, or `unknown`."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return "unknown"
