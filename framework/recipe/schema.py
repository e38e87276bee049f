"""Options classes: turning plain values into them, with errors that quote the path, and describing them."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from typing import Any

import attrs
import cattrs
from cattrs.preconf.json import make_converter as json_converter

from ..errors import InputError, did_you_mean

_SCALARS = {int: "a whole number", float: "a number", str: "text", bool: "true or false"}


def _converter() -> cattrs.Converter:
    converter = json_converter(forbid_extra_keys=True, detailed_validation=False)
    for scalar in _SCALARS:
        converter.register_structure_hook(scalar, _strict)
    return converter


def _strict(value: Any, kind: type) -> Any:
    """No silent conversion: `"12"` is not 12, 1.5 is not an int, true is not 1; an int serves as a float."""
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is kind:
        return value
    raise TypeError(value)


_CONVERTER = _converter()


def structure(values: Mapping[str, Any], into: type, path: str) -> Any:
    """`values` as an instance of attrs class `into`. `path` (like `$.stages[1].translator`) leads every error."""
    if not isinstance(values, Mapping):
        raise InputError(f"wrong type @ {path}", found=repr(values), expected="a table")
    known = {a.name: a for a in attrs.fields(into)}
    hints = typing.get_type_hints(into)
    made: dict[str, Any] = {}
    for key, value in values.items():
        if key not in known:
            raise InputError(f"unknown key '{key}' @ {path}", cure=did_you_mean(key, known))
        made[key] = _value(value, hints[key], f"{path}.{key}")
    missing = [n for n, a in known.items() if a.default is attrs.NOTHING and n not in made]
    if missing:
        raise InputError(f"{path}", found=f"no '{missing[0]}'", expected=_help(known[missing[0]]) or "it to be given")
    try:
        return into(**made)
    except (ValueError, TypeError) as error:
        raise InputError(f"{_first_line(error)} @ {path}") from None


def _value(value: Any, hint: Any, path: str) -> Any:
    if attrs.has(hint) and isinstance(value, Mapping):
        return structure(value, hint, path)
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is tuple and len(arguments) == 2 and arguments[1] is ... and isinstance(value, list | tuple):
        return tuple(_value(v, arguments[0], f"{path}[{i}]") for i, v in enumerate(value))
    if origin in (types.UnionType, typing.Union) and isinstance(value, Mapping):
        for argument in arguments:
            if attrs.has(argument):
                return structure(value, argument, path)
    try:
        return _CONVERTER.structure(value, hint)
    except Exception:
        raise InputError(f"wrong type @ {path}", found=repr(value), expected=type_name(hint)) from None


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
    if origin in (types.UnionType, typing.Union):
        return " or ".join(type_name(a) for a in arguments if a is not type(None)) + (
            " or nothing" if type(None) in arguments else ""
        )
    if origin in (tuple, list):
        return "a list of " + " , ".join(type_name(a) for a in arguments if a is not ...)
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
    """An attrs value as plain dicts, lists and scalars, for JSON."""
    if attrs.has(type(value)):
        return {a.name: plain(getattr(value, a.name)) for a in attrs.fields(type(value))}
    if isinstance(value, Mapping):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, tuple | list):
        return [plain(v) for v in value]
    return value


__all__ = ["describe", "plain", "structure", "type_name"]
