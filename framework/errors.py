"""Errors that people can act on: each names where, what was found, what was expected and the cure."""

from __future__ import annotations

from typing import Any, Self

UNSEEN = {
    code: chr(code).encode("unicode_escape").decode()
    for code in [*range(10), *range(11, 32), *range(127, 160), *range(0x2028, 0x202F), *range(0x2066, 0x206A)]
}
"""Characters that steer a terminal, or turn what follows them round, spelt out."""


def printable(text: str) -> str:
    r"""`text` as it may be shown, whoever wrote it.

    >>> printable("zebra\x1b[2J")
    'zebra\\x1b[2J'
    """
    return text.translate(UNSEEN)


def numbered(count: int, noun: str) -> str:
    """A number of things.

    >>> numbered(1, "shard"), numbered(20, "shard")
    ('1 shard', '20 shards')
    """
    return f"{count} {noun}{'s' * (count != 1)}"


def show(text: object) -> None:
    """Prints what a command gives, which may hold what others wrote: names of files, of domains, of methods."""
    print(printable(str(text)), flush=True)  # noqa: T201 (what is shown goes through here)


class CrosscadeError(Exception):
    """A failure with a one-line explanation. The command line prints it and exits with `exit_code`."""

    exit_code = 1

    def __init__(self, where: str, *, found: str = "", expected: str = "", cure: str = "") -> None:
        self.where, self.found, self.expected, self.cure = where, found, expected, cure
        parts = [where]
        if found:
            parts.append(f"found {found}")
        if expected:
            parts.append(f"expected {expected}")
        line = ": ".join(parts[:2]) + ("; " + parts[2] if len(parts) > 2 else "")
        super().__init__(printable(f"{line}. {cure}" if cure else line))

    def at(self, where: str, cure: str = "") -> Self:
        """The same of another place, with another `cure` if one is given."""
        return type(self)(where, found=self.found, expected=self.expected, cure=cure or self.cure)


class InputError(CrosscadeError):
    """What the user gave (arguments, recipe, data, files) cannot be used: exit code 2."""

    exit_code = 2


class RunError(CrosscadeError):
    """Something failed while working on sound input (disk full, non-finite loss): exit code 1."""


TRAINING = frozenset({"torch", "torchvision", "safetensors", "onnx", "onnxscript", "jinja2", "matplotlib", "sklearn"})
"""Packages that only `crosscade[train]` installs."""


class NeedsExtraError(InputError):
    """A `package` is missing that an extra of ours installs."""

    def __init__(self, package: str) -> None:
        self.package = package
        super().__init__(
            f"no package '{package}'",
            expected="it: this needs crosscade[train]",
            cure="pip install 'crosscade[train]'",
        )


def needs_extra(error: BaseException) -> NeedsExtraError | None:
    """What to say when an import failed because the base install is all there is; None for any other error."""
    name = (error.name or "").split(".")[0] if isinstance(error, ModuleNotFoundError) else ""
    return NeedsExtraError(name) if name in TRAINING else None


def said(error: BaseException) -> str:
    """An exception in one line: its class and its message's first line."""
    text = str(error.args[0]) if len(error.args) > 1 and isinstance(error.args[0], str) else str(error)
    line = " ".join(text.strip().splitlines()[:1]) if not isinstance(error, SyntaxError) else error.msg
    return f"{type(error).__name__}: {line}" if line else type(error).__name__


BENEATH = frozenset({"torch", "numpy", "attr", "pluggy", "importlib", "contextlib", "_frozen_importlib"})
"""Packages through which an error passes that a part's own line has caused."""


def raised_at(error: BaseException, *, ours: bool = False) -> str:
    """The `file:line` of a part's code that raised, where there is one: the innermost of a stranger, or of `ours`."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}"
    place, step = "", error.__traceback__
    while step:
        name = str(step.tb_frame.f_globals.get("__name__", "")).partition(".")[0]
        if name not in BENEATH and (ours or name != "crosscade"):
            place = f"{step.tb_frame.f_code.co_filename}:{step.tb_lineno}"
        step = step.tb_next
    return place


def shape_of(value: Any) -> str:
    """A value as messages say it: what it is, and a tensor's or an array's kind and shape.

    >>> shape_of(None), shape_of([1, 2]), shape_of({"a": 0.5})
    ('None', 'a list', "a dict of ['a']")
    """
    if value is None:
        return "None"
    shape, kind = getattr(value, "shape", None), a_noun(type(value).__name__)
    if isinstance(value, dict):
        return f"{kind} of {sorted(map(str, value))}" if len(value) < 20 else kind
    return kind if shape is None else f"{kind} {tuple(shape)} of {str(getattr(value, 'dtype', '')).split('.')[-1]}"


def a_noun(noun: str) -> str:
    """With its article.

    >>> a_noun("Encoder"), a_noun("dict")
    ('an Encoder', 'a dict')
    """
    return f"{'an' if noun[:1] in 'AEIOUaeiou' else 'a'} {noun}"


def did_you_mean(word: str, known: object) -> str:
    """A near miss among `known` (an iterable of names), else the list of all.

    >>> did_you_mean("widht", ["width", "height"])
    "did you mean 'width'?"
    >>> did_you_mean("colour", ["width", "height"])
    'known: height, width'
    """
    from difflib import get_close_matches

    names = sorted(str(k) for k in known)  # type: ignore[attr-defined]
    close = get_close_matches(word, names, n=1, cutoff=0.6)
    if close:
        return f"did you mean '{close[0]}'?"
    return f"known: {', '.join(names)}" if names else "there are none"
