"""Module paths of 0.1.0 from which plugins could import: until 0.3 they give their names, and warn. Torch-free."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterable
from types import ModuleType
from typing import Any

DOOR = __name__.rpartition(".")[0]
GONE = {
    "cascade": {"Cascade"},
    "hooks": {"hookimpl"},
    "offers": {
        "CommandOffer", "DatasetOffer", "EncoderOffer", "ExporterOffer", "InverterOffer", "LossOffer", "MetricOffer",
        "NoOptions", "Offer", "RecipeOffer", "TranslatorOffer", "betas_option", "option",
    },
    "pictures": {"read_rgb", "resize_short_side", "write_png"},
    "progress": {"Reporter"},
    "resolving": {"resolve"},
    "run": {"train"},
    "scores": {"Images", "Metric", "Samples", "Score", "cropped"},
    "scoring": {"evaluate"},
    "settings": {"read"},
    "store": {"to_images", "to_tensor"},
    "translate": {"Translation"},
}  # fmt: skip
RENAMED = {"Samples": "EvaluationSet"}
VIEWS = {"same": "identity", "same_patches": "identity_patches"}
"""What views called otherwise."""


def getter(path: str, names: set[str]) -> Callable[[str], Any]:
    """The `__getattr__` of the module at `path`, for the public `names` that it had."""

    def get(name: str) -> Any:
        if name not in names:
            raise AttributeError(f"module {path!r} has no attribute {name!r}")
        today = RENAMED.get(name, name)
        line = f"from {DOOR} import {today}"
        warnings.warn(f"{path} is an old path, which 0.3 will not know: {line}", DeprecationWarning, stacklevel=2)
        return getattr(sys.modules[DOOR], today)

    return get


def renamed(names: Iterable[str]) -> str:
    """What views called one of these names once, and call otherwise now: a sentence each, or nothing."""
    return " ".join(f"`{name}` is called `{VIEWS[name]}` now." for name in names if name in VIEWS)


def keep() -> None:
    """Lets the modules that are gone be imported; those that are packages now call `getter` themselves."""
    for name, names in GONE.items():
        module = ModuleType(f"{DOOR}.{name}", f"Moved to {DOOR}.")
        vars(module)["__getattr__"] = getter(module.__name__, names)
        sys.modules[module.__name__] = vars(sys.modules[DOOR])[name] = module
