"""Crosscade's public API. Importing it imports no torch: each name is loaded when it is first used."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .bundle import Bundle, load
    from .cascade import Cascade
    from .catalogue import Catalogue
    from .contracts import AdversarialLoss, Encoder, Loss, TranslatorPair
    from .data import Dataset, Domain, ImageSet
    from .errors import CrosscadeError, InputError, RunError
    from .hooks import hookimpl
    from .recipe import Recipe
    from .resolving import resolve
    from .run import train
    from .settings import read
    from .spec import ImageSpec, LevelSpec, Pair, PyramidSpec
    from .translate import Translation

_HOME = {
    "bundle": ("Bundle", "load"),
    "cascade": ("Cascade",),
    "catalogue": ("Catalogue",),
    "contracts": ("AdversarialLoss", "Encoder", "Loss", "TranslatorPair"),
    "data": ("Dataset", "Domain", "ImageSet"),
    "errors": ("CrosscadeError", "InputError", "RunError"),
    "hooks": ("hookimpl",),
    "recipe": ("Recipe",),
    "resolving": ("resolve",),
    "settings": ("read",),
    "run": ("train",),
    "spec": ("ImageSpec", "LevelSpec", "Pair", "PyramidSpec"),
    "translate": ("Translation",),
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}

__all__ = [
    "AdversarialLoss",
    "Bundle",
    "Cascade",
    "Catalogue",
    "CrosscadeError",
    "Dataset",
    "Domain",
    "Encoder",
    "ImageSet",
    "ImageSpec",
    "InputError",
    "LevelSpec",
    "Loss",
    "Pair",
    "PyramidSpec",
    "Recipe",
    "RunError",
    "Translation",
    "TranslatorPair",
    "hookimpl",
    "load",
    "read",
    "resolve",
    "train",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f".{_MODULE_OF[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted(__all__)
