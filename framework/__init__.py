"""Crosscade's public API, listed in `__init__.pyi`. Importing it imports no torch: a name is loaded when first used."""

import lazy_loader

from . import former

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
former.keep()
