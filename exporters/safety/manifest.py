"""What lies beside exported graphs: `manifest.json`, which names and vouches for every file. Torch-free.

manifest.json         method, domains, picture rule, precision, versions, hashes, the record of parity
a2b.onnx  b2a.onnx    one graph a direction: pixels in, pixels out
golden/               pictures and what they became, by which a target machine checks itself
"""

# N images, H W space

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import asdict, field, frozen, validators

from ...framework import InputError
from ...framework.data.dataset import WHITE
from ...framework.support import atomic
from ...framework.support.limits import MOST_SIDE

FORMAT, OLDER = "crosscade.onnx/2", "crosscade.onnx/1"
"""What is written, and what is also read: where a method has styles, another rule drew those of the golden pictures."""
NAME, MAX_MANIFEST = "manifest.json", 2**20
PRECISIONS = ("fp32", "fp16", "int8")
INPUT, OUTPUT, STYLE, MASK = "images", "translated", "style", "mask"
"""Graphs read `images` uint8 (N, H, W, 3), some also `style` float32 (N, style_size); they give `translated`, alike.

Some also give `mask`, uint8 (N, H, W): 0 where `translated` shows the source, 255 where it shows the translation.
"""

_text = validators.instance_of(str)
_whole = validators.instance_of(int)
_texts = validators.deep_iterable(_text)
_table_of_texts = validators.deep_mapping(_text, _text)


def _tuple(values: Any) -> tuple[Any, ...]:
    """JSON knows lists alone."""
    return tuple(values)


@frozen
class File:
    """A file that the manifest vouches for."""

    sha256: str = field(validator=validators.matches_re(r"[0-9a-f]{64}"))
    bytes: int = field(validator=[_whole, validators.ge(0)])


@frozen
class Golden:
    """A picture and what it became in eager float32, and of a graph with a mask that: PNG files of the image size."""

    source: str = field(validator=_text)
    translated: str = field(validator=_text)
    mask: str = field(default="", validator=_text)

    @property
    def files(self) -> tuple[str, ...]:
        """Those that there are."""
        return tuple(name for name in (self.source, self.translated, self.mask) if name)


@frozen
class Graph:
    """One graph. `outputs` are `translated`, where the method has one `mask`, and, with taps, `level<i>`, deep to
    shallow: images that the levels decided.

    `style_size` is the length of the style that the graph takes beside the images (0: it takes none).
    """

    file: str = field(validator=_text)
    source: str = field(validator=_text)
    target: str = field(validator=_text)
    outputs: tuple[str, ...] = field(converter=_tuple, validator=_texts)
    golden: tuple[Golden, ...] = field(converter=_tuple)
    psnr_db: float = field(converter=float, validator=validators.gt(0))
    """What the golden pictures must reach at least, against eager float32."""
    style_size: int = field(default=0, validator=[_whole, validators.ge(0)])
    parity: Mapping[str, Any] = field(factory=dict)
    """What the gate measured when the graph was made."""


@frozen
class Manifest:
    """All that a deployer needs to know of an export. Read with `read`, written with `write`."""

    method: str = field(validator=_text)
    size: int = field(validator=[_whole, validators.ge(8), validators.le(MOST_SIDE)])
    resize: str = field(validator=_text)
    precision: str = field(validator=validators.in_(PRECISIONS))
    opset: int = field(validator=_whole)
    encoder: Mapping[str, str] = field(validator=_table_of_texts)
    levels: tuple[int, ...] = field(converter=_tuple, validator=validators.deep_iterable(_whole))
    bundle_sha256: str = field(validator=_text)
    versions: Mapping[str, str] = field(validator=_table_of_texts)
    licence: str = field(validator=_text)
    directions: Mapping[str, Graph]
    files: Mapping[str, File]
    load: int = field(default=0, validator=[_whole, validators.ge(0)])
    """The short side, in pixels, at which test images are loaded before their centre is cut (0: 9/8 of `size`)."""
    white: int = field(default=WHITE, validator=[_whole, validators.ge(1), validators.le(WHITE)])
    """White in the grey files of 16 bits that it was trained on, and so in those that it translates."""
    data: Mapping[str, Any] = field(factory=dict, validator=validators.instance_of(dict))
    """The dataset that it was trained on, as a recipe's table; empty where that is a place on one machine."""
    format: str = field(default=FORMAT, validator=validators.in_((FORMAT, OLDER)))

    def plain(self) -> dict[str, Any]:
        """As JSON values."""
        return {"format": self.format, **asdict(self, filter=lambda key, value: key.name != "mask" or bool(value))}


def write(folder: Path, manifest: Manifest) -> None:
    """Writes `manifest.json`, whole or not at all."""
    atomic.write_json(folder / NAME, manifest.plain(), sealed=True)


def file(path: Path) -> File:
    """A file's hash and size."""
    return File(atomic.sha256(path), path.stat().st_size)


def read(folder: str | Path) -> Manifest:
    """The manifest of an export folder. InputError says which key is missing or of another kind."""
    path = Path(folder) / NAME
    if not path.is_file():
        raise _no_export(Path(folder))
    table = atomic.read_json(path, "an export's manifest", FORMAT, OLDER, most=MAX_MANIFEST)
    try:
        return _structured(table)
    except (TypeError, ValueError, AttributeError) as error:
        reason = " ".join(str(error.args[0] if error.args else error).split())[:200]
        raise InputError(str(path), found=reason, expected="a whole manifest", cure="Copy the export again.") from None


def folder_of(path: str | Path) -> Path:
    """The folder of an export that is named by it or by a graph in it."""
    folder = Path(path)
    return folder.parent if folder.is_file() and (folder.parent / NAME).is_file() else folder


def _no_export(path: Path) -> InputError:
    """What was given instead of an export, and the command for that."""
    found, cure = f"no {NAME}", "`crosscade export BUNDLE --out DIR` makes one."
    if not path.exists():
        found = "nothing there"
    elif any((where / "bundle.json").is_file() for where in (path, path / "bundle")):
        found = "a bundle"
        cure = f"`crosscade translate {path} FILES --out DIR` translates with it; `crosscade export` makes an export."
    elif (path / "run.json").is_file():
        found, cure = "a run that is not finished", f"`crosscade train --out {path} --resume` goes on with it."
    return InputError(str(path), found=found, expected="a folder that `crosscade export` made", cure=cure)


def _structured(table: dict[str, Any]) -> Manifest:
    files = {str(k): File(**v) for k, v in table.pop("files", {}).items()}
    directions = {
        str(k): Graph(**{**v, "golden": [Golden(**g) for g in v.get("golden", ())]})
        for k, v in table.pop("directions", {}).items()
    }
    return Manifest(**table, files=files, directions=directions)
