"""The plugin of the built-in metrics: everything that the metric modules offer."""

from __future__ import annotations

from collections.abc import Iterator

from ...framework import MetricOffer, hookimpl
from ..judges import class_share as judges
from ..judges import shape_share as shape_judge
from ..judges import structure
from . import frechet, inception, kid
from . import image_statistics as basic
from . import mask_overlap as masks


@hookimpl
def metrics() -> Iterator[MetricOffer]:
    """All built-in metrics."""
    for module in (frechet, kid, inception, judges, shape_judge, structure, masks, basic):
        yield from module.metrics()
