"""Reads protobuf's wire format, without copying and without a message library. Torch-free.

Stricter than protobuf itself, which skips what it does not know and merges what comes twice: two readers that see
different things in one file are a way past a check. So an unlisted field, a field of another type, a second value where
there is one, and a number that is too long are all refused. Nothing recurses, and the work on one file is bounded.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

from attrs import define


class Kind(Enum):
    """How a field is written, and what `Reader.read` makes of it."""

    NUMBER = "a signed 64-bit number, once"
    NUMBERS = "such numbers, one by one or packed: a list"
    FLOAT = "four bytes, once"
    FLOATS = "four bytes each, one by one or packed: their bytes, joined"
    DOUBLES = "eight bytes each, alike"
    NAME = "a short text, once"
    NAMES = "short texts: a list"
    TEXT = "long texts, which count together: a list of views"
    BYTES = "a message or data, once: a view"
    MESSAGES = "messages: a list of views"
    NEVER = "a field that is refused"


Schema = Mapping[int, tuple[str, Kind]]
"""A message's fields: number to name and kind."""

_VARINT, _EIGHT, _SIZED, _FOUR = 0, 1, 2, 5  # wire types; 3 and 4 were groups
_WIRES = {
    Kind.NUMBER: (_VARINT,),
    Kind.NUMBERS: (_VARINT, _SIZED),
    Kind.FLOAT: (_FOUR,),
    Kind.FLOATS: (_FOUR, _SIZED),
    Kind.DOUBLES: (_EIGHT, _SIZED),
}
_ONCE = (Kind.NUMBER, Kind.FLOAT, Kind.NAME, Kind.BYTES)


class WireError(ValueError):
    """What is wrong with the bytes, as the `found` of an error."""


def varint(data: memoryview, at: int) -> tuple[int, int]:
    """The unsigned number that begins at `at`, seven bits a byte, and where it ends."""
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            break
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            if value >> 64:
                raise WireError("a number of more than 64 bits")
            return value, at
    raise WireError("a number that does not end")


@define
class Reader:
    """Reads the messages of one file. `values` and `text` bytes are how much may still be read of it."""

    values: int
    text: int
    longest_name: int

    def read(self, data: memoryview, schema: Schema, where: str) -> dict[str, Any]:
        """The fields that `data` has, by name. Raises WireError; `where` names the message in it."""
        fields: dict[str, Any] = {}
        at = 0
        while at < len(data):
            tag, at = varint(data, at)
            number, wire = tag >> 3, tag & 7
            name, kind = schema.get(number, (f"an unknown field {number}", Kind.NEVER))
            if kind is Kind.NEVER:
                raise WireError(f"{name} in {where}")
            if wire not in _WIRES.get(kind, (_SIZED,)):
                raise WireError(f"{name} of wire type {wire} in {where}")
            if kind in _ONCE and name in fields:
                raise WireError(f"{name} twice in {where}")
            self._spend(1)
            value: Any
            if wire == _VARINT:
                value, at = varint(data, at)
            else:
                size, at = varint(data, at) if wire == _SIZED else (4 if wire == _FOUR else 8, at)
                if size > len(data) - at:
                    raise WireError(f"{name} in {where} cut off: {len(data) - at} of {size} bytes")
                value, at = data[at : at + size], at + size
            self._keep(fields, name, kind, value)
        return fields

    def _keep(self, found: dict[str, Any], name: str, kind: Kind, value: Any) -> None:
        match kind:
            case Kind.NUMBER:
                found[name] = _signed(value)
            case Kind.NUMBERS:
                numbers = self._packed(value) if isinstance(value, memoryview) else [value]
                found.setdefault(name, []).extend(_signed(v) for v in numbers)
            case Kind.FLOATS | Kind.DOUBLES:
                if len(value) % (4 if kind is Kind.FLOATS else 8):
                    raise WireError(f"{name} of {len(value)} bytes")
                self._spend(len(value) // 4)
                found.setdefault(name, bytearray()).extend(value)
            case Kind.NAME:
                found[name] = self._name(name, value)
            case Kind.NAMES:
                found.setdefault(name, []).append(self._name(name, value))
            case Kind.TEXT:
                self.text -= len(value)
                if self.text < 0:
                    raise WireError("too much text")
                found.setdefault(name, []).append(value)
            case Kind.MESSAGES:
                found.setdefault(name, []).append(value)
            case _:
                found[name] = value

    def _packed(self, data: memoryview) -> list[int]:
        self._spend(len(data))
        numbers, at = [], 0
        while at < len(data):
            number, at = varint(data, at)
            numbers.append(number)
        return numbers

    def _name(self, name: str, value: memoryview) -> str:
        if len(value) > self.longest_name:
            raise WireError(f"{name} of {len(value)} bytes")
        try:
            return str(value, "utf-8")
        except UnicodeDecodeError:
            raise WireError(f"{name} that is not UTF-8") from None

    def _spend(self, values: int) -> None:
        self.values -= values
        if self.values < 0:
            raise WireError("too many values")


def _signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value
