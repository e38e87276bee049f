"""Finds plugins and keeps what they offer. A value, not a global. Torch-free.

Every plugin is loaded, registered and asked in its own `try`: one that is broken costs nothing but itself, and its
failure is kept and quoted where it may be the reason that a name is unknown.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from functools import partial
from importlib import metadata
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pluggy
from attrs import define, field, frozen

from .errors import InputError, did_you_mean, needs_extra
from .hookspecs import HOOKS, KINDS, PROJECT, Offer, hookspecs

if TYPE_CHECKING:
    from .recipe.recipe import Component

GROUP = "crosscade"
BUILT_IN = (
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
    "crosscade.plugins.watchers.tensorboard",
    "crosscade.plugins.commands.plugins",
    "crosscade.plugins.commands.data",
    "crosscade.plugins.commands.doctor.command",
    "crosscade.plugins.commands.train",
    "crosscade.plugins.commands.translate",
    "crosscade.exporters.onnx.exporter",
    "crosscade.exporters.onnx.triton",
    "crosscade.exporters.onnx.command",
    "crosscade.exporters.runtime.command",
    "crosscade.evaluation.judges.class_share",
    "crosscade.evaluation.judges.shape_share",
    "crosscade.evaluation.judges.structure",
    "crosscade.evaluation.metrics.mask_overlap",
    "crosscade.evaluation.metrics.frechet",
    "crosscade.evaluation.metrics.inception",
    "crosscade.evaluation.metrics.kid",
    "crosscade.evaluation.metrics.image_statistics",
    "crosscade.evaluation.app.command",
    "crosscade.evaluation.evaluate.demo_command",
    "crosscade.evaluation.evaluate.command",
    "crosscade.evaluation.reports.command",
    "crosscade.evaluation.experiments.compare",
    "crosscade.evaluation.experiments.ablate",
)


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


@frozen
class Failure:
    """A plugin that could not be used, and why."""

    provider: str
    version: str
    reason: str

    def __str__(self) -> str:
        return f"{self.provider} {self.version}: {self.reason}"


@frozen
class _Source:
    provider: str
    version: str
    load: Callable[[], Any]


@define
class Catalogue:
    """All offers by kind. Made by `discover()` (built-ins and installed plugins) or `of(...)` (for tests)."""

    entries: list[Entry] = field(factory=list)
    failures: list[Failure] = field(factory=list)

    @classmethod
    def discover(cls) -> Catalogue:
        """The built-in plugins and every distribution's entry points of group `crosscade`."""
        version = version_of("crosscade")
        sources = [_Source("crosscade", version, partial(importlib.import_module, name)) for name in BUILT_IN]
        for point in metadata.entry_points(group=GROUP):
            dist = point.dist
            sources.append(_Source(dist.name if dist else point.name, dist.version if dist else "unknown", point.load))
        return cls()._add(sources)

    @classmethod
    def of(cls, *plugins: ModuleType | object, provider: str = "test") -> Catalogue:
        """A catalogue of just these plugin modules or objects."""
        return cls()._add([_Source(provider, "0", partial(_itself, plugin)) for plugin in plugins])

    def _add(self, sources: Iterable[_Source]) -> Catalogue:
        for source in sources:
            manager = pluggy.PluginManager(PROJECT)
            manager.add_hookspecs(hookspecs())
            try:
                plugin = source.load()
                manager.register(plugin)
                manager.check_pending()
                checked = [
                    self._checked(kind, offer)
                    for name, kind in HOOKS.items()
                    for offers in getattr(manager.hook, name)()
                    for offer in offers
                ]
            except Exception as error:  # a stranger's code: whatever it raises must not stop the others
                self.failures.append(Failure(source.provider, source.version, _reason(error)))
                continue
            self.entries += [Entry(offer, source.provider, source.version) for offer in checked]
        return self

    @staticmethod
    def _checked(kind: str, offer: object) -> Offer:
        if not isinstance(offer, KINDS[kind]):
            raise TypeError(f"hook for {kind}s yielded {type(offer).__name__}, expected {KINDS[kind].__name__}")
        return offer

    def of_kind(self, kind: str) -> list[Entry]:
        """The entries of one kind, by name."""
        return sorted((e for e in self.entries if e.offer.kind == kind), key=lambda e: (e.offer.name, e.provider))

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
        if self.failures:
            quoted = "; ".join(str(f) for f in self.failures)
            cure += f" {len(self.failures)} plugin(s) failed to load: {quoted}"
        raise InputError(f"unknown {kind} '{name}'", cure=cure)

    def get(self, kind: str, name: str) -> Any:
        """The offer called `name` or `provider:name`."""
        return self.entry(kind, name).offer

    def build(self, kind: str, component: Component | str, **facts: Any) -> Any:
        """What a recipe's component, or a name with default options, offers: built with the facts that it asks for."""
        name, options = (component, None) if isinstance(component, str) else (component.use, component.options)
        return self.get(kind, name).make(options, **facts)


def _itself(plugin: Any) -> Any:
    return plugin


def version_of(distribution: str) -> str:
    """An installed distribution's version, or `unknown`."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return "unknown"


def _reason(error: Exception) -> str:
    if isinstance(error, ModuleNotFoundError) and needs_extra(error):
        return f"needs {error.name}: pip install 'crosscade[train]'"
    return f"{type(error).__name__}: {error}"
