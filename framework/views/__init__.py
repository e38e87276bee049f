"""What losses read. A view is made once a step and computes lazily, at most once each: a loss that nobody uses is free.

B batch, C channels, H W space; i level. Every `Pair` is by the domain that the tensor *is in*: `fake.b` is made from a.
Translators are called `net(features, deeper)`, inverters `net(features)`. A translator with styles is given random ones
for `fake`, and those of the real features for `cycled` and `identity`.
"""

from .images import InversionView, RefineView, composed, masked
from .translation import TranslationView
from .view import View

__all__ = ["InversionView", "RefineView", "TranslationView", "View", "composed", "masked"]
