"""What every view is: what losses read of a batch, and the same for critics."""

# B batch, C channels, H W space

from __future__ import annotations

import inspect
from collections.abc import Mapping
from functools import cached_property
from typing import Any, Self, cast

from torch import Tensor

from ..encoder import Features
from ..spec import Pair


class View:
    """What losses may read of every stage; a subclass's public properties and annotated attributes are more of it."""

    # abstract, but not by ABC, which does not see that a field of a subclass takes the place of one of these

    @cached_property
    def real(self) -> Pair[Tensor]:
        """What critics compare `fake` with."""
        raise NotImplementedError

    @cached_property
    def fake(self) -> Pair[Tensor]:
        """What critics judge."""
        raise NotImplementedError

    @cached_property
    def features(self) -> Pair[Features]:
        """Real normalised features."""
        raise NotImplementedError

    @classmethod
    def gives(cls) -> frozenset[str]:
        """The names of what losses may read."""
        annotated = {name for base in cls.__mro__ for name in inspect.get_annotations(base)}
        computed = {name for name in dir(cls) if isinstance(getattr(cls, name), property | cached_property)}
        return frozenset(name for name in annotated | computed if not name.startswith("_"))

    def detached(self) -> Self:
        """The view for critics: the same attributes, cut off from the translators' graph."""
        return cast(Self, Detached(self))


class Detached:
    """What `View.detached` gives."""

    def __init__(self, view: View) -> None:
        self._view = view

    def __getattr__(self, name: str) -> Any:
        return _detach(getattr(self._view, name))


def _detach(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.detach()
    if isinstance(value, Pair):
        return value.map(_detach)
    if isinstance(value, Mapping):
        return {k: _detach(v) for k, v in value.items()}
    return value
