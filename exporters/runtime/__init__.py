"""What runs an export where there is no torch: `load`. Names load when first used: the command line lists `run`."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
