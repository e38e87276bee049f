"""The plugin of the built-in metrics: everything that the metric modules offer."""

from __future__ import annotations

from collections.abc import Iterator

from ..framework.hooks import hookimpl
from ..framework.offers import MetricOffer
from . import basic, frechet, inception, judges, kid, masks, shape_judge, structure


@hookimpl
def metrics() -> Iterator[MetricOffer]:
    """All built-in metrics."""
    for module in (frechet, kid, inception, judges, shape_judge, structure, masks, basic):
        yield from module.metrics()
