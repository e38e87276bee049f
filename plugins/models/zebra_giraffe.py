"""The model `zebra-giraffe`: an export of the demo's cascade, so that there is something to see before any training.

`zebra_giraffe/README.md` says how it was made, from what, under which licence and how well it does. Torch-free.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ...framework import ModelOffer, hookimpl


@hookimpl
def models() -> Iterator[ModelOffer]:
    """The demo's, in both directions."""
    yield ModelOffer(
        name="zebra-giraffe",
        build=lambda: Path(__file__).with_suffix(""),
        summary="drawn zebras to giraffes and back at 96 px: an export in half precision, run without torch",
        source="ours; the recipe `demo` with narrower translators",
    )
