"""What a plugin's hooks offer, or why they are of no use. Torch-free."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Any

import pluggy

from ..errors import did_you_mean
from ..hookspecs import HOOKS, KINDS, PROJECT, Offer, hookspecs


class UnusableError(Exception):
    """A plugin whose hooks are not what they should be: the sentence says which, no line of its code failed."""


def offers_of(plugin: Any) -> list[Offer]:
    """What a plugin's hooks offer. Raises when they are not hooks or yield something else."""
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(hookspecs())
    manager.register(plugin)
    marked = {name for name in dir(plugin) if manager.parse_hookimpl_opts(plugin, name)}
    for name in sorted(marked - HOOKS.keys()):
        raise UnusableError(f"unknown hook '{name}': {did_you_mean(name, HOOKS)}")
    for name in sorted(HOOKS.keys() - marked):
        if inspect.isroutine(getattr(plugin, name, None)):
            raise UnusableError(f"function '{name}' without @hookimpl, so nobody calls it")
    if not marked:
        raise UnusableError(f"no hook: expected a function with @hookimpl, called one of {', '.join(HOOKS)}")
    offers = []
    for name in sorted(marked):
        kind = HOOKS[name]
        for yielded in getattr(manager.hook, name)():
            if not isinstance(yielded, Iterable):
                raise UnusableError(f"hook '{name}' returns {type(yielded).__name__}, expected an iterable: `yield` it")
            for offer in yielded:
                if not isinstance(offer, KINDS[kind]):
                    found, expected = type(offer).__name__, KINDS[kind].__name__
                    raise UnusableError(f"hook '{name}' yields {found}, expected {expected}")
                offers.append(offer)
    return offers
