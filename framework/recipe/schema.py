"""Options classes: turning plain values into them, with errors that quote the path, and describing them."""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import MappingProxyType
from typing import Any

import attrs

from ..errors import InputError, did_you_mean

_SCALARS = {int: "a whole number", float: "a number", str: "text", bool: "true or false"}
_UNIONS = (types.UnionType, typing.Union)
Makers = Mapping[type, Callable[[Any, str, str], Any]]


def structure(values: Mapping[str, Any], into: type, path: str, makers: Makers = MappingProxyType({})) -> Any:
    """`values` as an instance of attrs class `into`. `path` (like `$.translate[1].translator`) leads every error.

    A value of a type among `makers` is made by `maker(value, key, path)`.
    """
    if not isinstance(values, Mapping):
        raise InputError(f"wrong type @ {path}", found=repr(values), expected="a table")
    known = {a.name: a for a in attrs.fields(into)}
    hints = typing.get_type_hints(into)
    for key in values:
        if key not in known:
            raise InputError(f"unknown key '{key}' @ {path}", cure=did_you_mean(key, known))
    required = [name for name, a in known.items() if a.default is attrs.NOTHING]
    for name in required:
        if name not in values:
            raise InputError(path, found=f"no '{name}'", expected=_help(known[name]) or ", ".join(required))
    converted = {key: _value(value, hints[key], key, f"{path}.{key}", makers) for key, value in values.items()}
    try:
        return into(**converted)
    except (ValueError, TypeError) as error:
        raise InputError(f"{_first_line(error)} @ {path}") from None


def _value(value: Any, hint: Any, key: str, path: str, makers: Makers) -> Any:
    """No silent conversion: `"12"` is not 12, 1.5 is not an int, true is not 1; an int serves as a float."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint in makers:
        return makers[hint](value, key, path)
    if attrs.has(hint):
        return structure(value, hint, path, makers)
    if origin is tuple and isinstance(value, list | tuple):
        kinds = arguments[:1] * len(value) if arguments[-1] is ... else arguments
        if len(kinds) == len(value):
            return tuple(_value(v, k, key, f"{path}[{i}]", makers) for i, (v, k) in enumerate(zip(value, kinds)))
    if origin in _UNIONS:
        for kind in arguments:
            if attrs.has(kind) and isinstance(value, Mapping):
                return structure(value, kind, path, makers)
            with suppress(InputError):
                return _value(value, kind, key, path, makers)
    if hint is float and type(value) is int:
        return float(value)
    allowed = arguments if origin is typing.Literal else ()
    if type(value) is hint or hint is Any or any(type(value) is type(a) and value == a for a in allowed):
        return value
    raise InputError(f"wrong type @ {path}", found=repr(value), expected=type_name(hint))


def _first_line(error: Exception) -> str:
    # attrs validators put the attribute, the options and the value behind the message
    return str(error.args[0] if error.args else error).splitlines()[0]


def _help(attribute: Any) -> str:
    return str(attribute.metadata.get("help", ""))


def type_name(hint: Any) -> str:
    """A type as people say it."""
    if hint in _SCALARS:
        return _SCALARS[hint]
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Literal:
        return " | ".join(repr(a) for a in arguments)
    if origin in _UNIONS:
        return " or ".join(type_name(a) for a in arguments if a is not type(None)) + (
            " or nothing" if type(None) in arguments else ""
        )
    if origin is tuple and attrs.has(arguments[0]):
        return "a list of tables"
    if origin is tuple:
        return "a list of " + " , ".join(type_name(a) for a in arguments if a is not ...)
    if attrs.has(hint):
        return "a table"
    return getattr(hint, "__name__", str(hint))


def describe(options: type) -> list[dict[str, str]]:
    """Each option's `name`, `type`, `default` and `help`."""
    hints = typing.get_type_hints(options)
    rows = []
    for a in attrs.fields(options):
        default = a.default.factory() if isinstance(a.default, attrs.Factory) else a.default  # type: ignore[arg-type]
        rows.append(
            {
                "name": a.name,
                "type": type_name(hints[a.name]),
                "default": "(required)" if default is attrs.NOTHING else repr(default),
                "help": _help(a),
            }
        )
    return rows


def plain(value: Any) -> Any:
    """An attrs value as plain dicts, lists and scalars, for JSON; one with a method `plain` says how."""
    if callable(getattr(value, "plain", None)):
        return value.plain()
    if attrs.has(type(value)):
        return {a.name: plain(getattr(value, a.name)) for a in attrs.fields(type(value))}
    if isinstance(value, Mapping):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, tuple | list):
        return [plain(v) for v in value]
    return value
