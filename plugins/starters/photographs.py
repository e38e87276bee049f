"""The starter `photographs`: deep features of any photograph to pixels, as recipe `starter` trains it. Torch-free.

`photographs/bundle.json` says how it was made, from what, and under which licence.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ...framework import StarterOffer, hookimpl


@hookimpl
def starters() -> Iterator[StarterOffer]:
    """Shallower translators and inverters for photographs."""
    yield StarterOffer(
        name="photographs",
        build=lambda: Path(__file__).with_suffix(""),
        summary="level 5 of EfficientNet-Lite0 to pixels, 96 to 256 px, trained on 4,414 photographs of animals",
        source="ours; as RAE (Zheng et al. 2025) trains a decoder of frozen features",
    )
