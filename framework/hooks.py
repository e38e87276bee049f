"""The hooks. A plugin implements any of them and yields offers of that kind. Torch-free."""

from __future__ import annotations

from collections.abc import Iterable

import pluggy

from .offers import (
    CommandOffer,
    DatasetOffer,
    EncoderOffer,
    ExporterOffer,
    InverterOffer,
    LossOffer,
    MetricOffer,
    RecipeOffer,
    TranslatorOffer,
)

PROJECT = "crosscade"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def encoders() -> Iterable[EncoderOffer]:  # type: ignore[empty-body]
    """Pre-trained networks whose feature maps are translated."""


@hookspec
def translators() -> Iterable[TranslatorOffer]:  # type: ignore[empty-body]
    """Pairs of networks that translate one level's features between the domains."""


@hookspec
def inverters() -> Iterable[InverterOffer]:  # type: ignore[empty-body]
    """Networks that turn one level's features back into images."""


@hookspec
def losses() -> Iterable[LossOffer]:  # type: ignore[empty-body]
    """Training objectives; an adversarial one owns its critics."""


@hookspec
def datasets() -> Iterable[DatasetOffer]:  # type: ignore[empty-body]
    """Pairs of image domains."""


@hookspec
def metrics() -> Iterable[MetricOffer]:  # type: ignore[empty-body]
    """Scores of a set of translations."""


@hookspec
def exporters() -> Iterable[ExporterOffer]:  # type: ignore[empty-body]
    """Compilers of a trained bundle into something deployable."""


@hookspec
def recipes() -> Iterable[RecipeOffer]:  # type: ignore[empty-body]
    """Named recipes."""


@hookspec
def commands() -> Iterable[CommandOffer]:  # type: ignore[empty-body]
    """Subcommands of `crosscade`."""


HOOKS = {
    "encoders": "encoder",
    "translators": "translator",
    "inverters": "inverter",
    "losses": "loss",
    "datasets": "dataset",
    "metrics": "metric",
    "exporters": "exporter",
    "recipes": "recipe",
    "commands": "command",
}
