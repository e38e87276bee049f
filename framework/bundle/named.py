"""Where a trained cascade is that people name: by a path, a name that a plugin offers, or an address. Torch-free."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .hub import SCHEME, fetched

if TYPE_CHECKING:
    from ..catalogue.catalogue import Catalogue


def located(model: str | Path, catalogue: Catalogue | None = None) -> Path:
    """The folder of a path that is there, of the model of that name, or of what `hf://owner/name` is in the cache.

    What is none of them comes back as the path that it is not, for its reader to say so.
    """
    if str(model).startswith(SCHEME):
        return fetched(str(model))
    path = Path(model)
    if path.exists() or len(path.parts) != 1:
        return path
    from ..catalogue.catalogue import Catalogue  # which reads plugins: a path needs none

    catalogue = catalogue or Catalogue.discover()
    named = [e for e in catalogue.of_kind("model") if str(model) in (e.offer.name, e.qualified)]
    if len(named) != 1:
        return path
    with catalogue.calling("model", str(model), "`build`"):
        return Path(named[0].offer.build())
