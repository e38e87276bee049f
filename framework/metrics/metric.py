"""What is scored (one direction's images and what is known of them), and what a score is. Torch-free."""

# N images translated, M training images; H W space

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Mapping
from html import escape
from typing import Any, TypeVar

import attrs
import numpy as np
from attrs import Factory, field, frozen
from numpy.typing import NDArray

from ..data.dataset import Dataset, ImageSet, loaded
from ..data.images import centre_crop
from ..errors import InputError

T = TypeVar("T")
Images = NDArray[np.uint8]
"""RGB pictures of one size, (N, H, W, 3)."""
Truth = Mapping[str, NDArray[np.generic]]


class Memo(dict[Hashable, Any]):
    """Results that several metrics, or several candidates, share within one evaluation."""

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        """The value of `key`, made the first time that it is asked for."""
        if key not in self:
            self[key] = make()
        return self[key]


@frozen(eq=False)
class EvaluationSet:
    """One direction: source test images, their translations, and the real sets to hold them against.

    All images are uint8 (count, H, W, 3) of one square size. Truth is in fractions of these (cropped) images; see
    `truth_in_crop`. `dataset` and `load` tell a judge where more images of this kind come from, and the short side at
    which images were loaded before the centre crop (0: the size itself). `device` is what networks that measure run on,
    as torch names it.
    """

    source: Images  # (N, H, W, 3)
    translated: Images  # (N, H, W, 3)
    source_train: Images  # (M, H, W, 3)
    target_train: Images
    target_test: Images
    source_name: str = "source"
    target_name: str = "target"
    source_truth: Truth | None = None
    source_train_truth: Truth | None = None
    target_train_truth: Truth | None = None
    target_test_truth: Truth | None = None
    dataset: Dataset | None = field(default=None, repr=False)
    load: int = 0
    device: str = "cpu"
    common: Memo = field(factory=Memo, repr=False)
    """What does not depend on the direction: encoders, features of one real set; `reversed` keeps it."""
    shared: Memo = field(factory=Memo, repr=False)
    """What depends on the real images of this direction; `with_translated` keeps it."""
    own: Memo = field(factory=Memo, repr=False)
    """What depends on the translations."""

    def __attrs_post_init__(self) -> None:
        for name in SETS:
            images = getattr(self, name)
            if images.ndim != 4 or images.shape[1:] != (self.size, self.size, 3) or images.dtype != np.uint8:
                raise InputError(
                    f"images '{name}'",
                    found=f"{images.dtype} {images.shape}",
                    expected=f"uint8 (count, {self.size}, {self.size}, 3), like the source images",
                )
            if len(images) < 2:
                raise InputError(f"images '{name}'", found=f"{len(images)} images", expected="at least 2 to score")
        for name, owner in (
            ("source_truth", "source"),
            ("source_train_truth", "source_train"),
            ("target_train_truth", "target_train"),
            ("target_test_truth", "target_test"),
        ):
            for key, values in (getattr(self, name) or {}).items():
                if len(values) != len(getattr(self, owner)):
                    raise InputError(
                        f"{name}['{key}']",
                        found=f"{len(values)} values",
                        expected=f"{len(getattr(self, owner))}, one an image",
                    )

    @property
    def size(self) -> int:
        """Height and width in pixels."""
        return int(self.source.shape[1])

    @property
    def paired(self) -> bool:
        """Whether translation k is of source k (false for a control set of another length)."""
        return len(self.translated) == len(self.source)

    def with_translated(self, translated: Images) -> EvaluationSet:
        """The same real images with other translations; work done on the real images is kept."""
        return attrs.evolve(self, translated=translated, own=Memo())

    def reversed(self, translated: Images) -> EvaluationSet:
        """The other direction: `translated` are of `target_test`. Features of the real images are kept."""
        return attrs.evolve(
            self,
            source=self.target_test,
            translated=translated,
            source_train=self.target_train,
            target_train=self.source_train,
            target_test=self.source,
            source_name=self.target_name,
            target_name=self.source_name,
            source_truth=self.target_test_truth,
            source_train_truth=self.target_train_truth,
            target_train_truth=self.source_train_truth,
            target_test_truth=self.source_truth,
            shared=Memo(),
            own=Memo(),
        )


SETS = ("source", "translated", "source_train", "target_train", "target_test")


@frozen
class Score:
    """A value and the protocol that it was measured by: neither means anything without the other."""

    value: float
    protocol: str
    n: int = 0
    unit: str = ""
    higher_is_better: bool | None = None
    beside: Mapping[str, float] = Factory(dict)
    """Values to read this one against, by name: floor and ceiling, the judge's own held-out accuracy."""
    warning: str = ""
    """One line for people when the value should worry them or the judge cannot be trusted."""
    absent: str = ""
    """Why there is no value (which is then nan)."""
    label: str = ""
    """What it says, in a few plain words that stand below its name."""

    @classmethod
    def missing(cls, reason: str) -> Score:
        """A score that could not be measured, and why."""
        return cls(value=math.nan, protocol="not measured", absent=reason)

    def as_json(self) -> dict[str, Any]:
        """Plain values; nan becomes null, which JSON has."""
        values = attrs.asdict(self)
        values["value"] = None if math.isnan(self.value) else self.value
        values["beside"] = {k: None if math.isnan(v) else v for k, v in self.beside.items()}
        return values


class Scores(dict[str, Score]):
    """Scores by name, in their order of reading. A notebook shows them as a table."""

    def _repr_html_(self) -> str:
        rows = "".join(_row(name, score) for name, score in self.items())
        heads = "".join(f"<th {LEFT}>{head}</th>" for head in ("score", "value", "to compare with", "protocol"))
        return f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"


LEFT = 'style="text-align: left; vertical-align: top"'


def _row(name: str, score: Score) -> str:
    better = {None: "", True: " ↑", False: " ↓"}[score.higher_is_better]
    value = "—" if score.absent else f"<b>{score.value:.3g}</b> {escape(score.unit)}"
    beside = ", ".join(f"{key} {number:.3g}" for key, number in score.beside.items())
    how = score.absent or score.protocol + (f"; n = {score.n}" if score.n else "")
    label = f"<br><small>{escape(score.label)}</small>" if score.label else ""
    warning = f"<br><b>{escape(score.warning)}</b>" if score.warning else ""
    cells = (f"{escape(name)}{better}{label}", value, escape(beside), f"<small>{escape(how)}</small>{warning}")
    return f"<tr>{''.join(f'<td {LEFT}>{cell}</td>' for cell in cells)}</tr>"


class Metric(ABC):
    """Measures one or several scores of a direction's translations. Built by a metric offer as `build(options)`.

    `measure` raises `InputError` or `RunError` when it cannot; the evaluation reports that as a missing score.
    """

    needs_truth: bool = False

    @abstractmethod
    def measure(self, samples: EvaluationSet) -> dict[str, Score]:
        """Scores by name; names are unique among all metrics."""


def axis_of(key: str) -> str:
    """`x` or `y` for a truth that is a horizontal or vertical position (`x`, `torso_x`, …), else the empty string."""
    last = key.rsplit("_", 1)[-1]
    return last if last in ("x", "y") else ""


def is_length(key: str) -> bool:
    """Whether a truth is a length, in fractions of the shorter side (`size`, `width`, `body_size`, …)."""
    return key.rsplit("_", 1)[-1] in ("size", "width", "height", "length")


def truth_in_crop(truth: Truth, load: int, size: int, shape: tuple[int, int] | None = None) -> dict[str, NDArray[Any]]:
    """Truth in fractions of whole images -> in fractions of their centre crop.

    Images were loaded with their short side at `load` pixels (`shape` is the loaded (H, W); square when not given)
    and centre-cropped to `size` x `size`. Positions move and stretch, lengths stretch, all else stays as it is.
    """
    height, width = shape or (load, load)
    if size > min(height, width):
        raise InputError("centre crop", found=f"{size} px of {height} x {width} px", expected="no more than the image")
    in_crop: dict[str, NDArray[Any]] = {}
    for key, values in truth.items():
        if axis := axis_of(key):
            side = width if axis == "x" else height
            margin = (side - size) // 2
            in_crop[key] = (values.astype(np.float64) * side - margin) / size
        elif is_length(key):
            in_crop[key] = values.astype(np.float64) * min(height, width) / size
        else:
            in_crop[key] = np.asarray(values)
    return in_crop


def cropped(images: ImageSet, load: int, size: int, limit: int | None = None) -> Images:
    """The first `limit` images at short side `load`, centre-cropped to `size`: uint8 (N, size, size, 3)."""
    count = min(len(images), limit or len(images))
    pixels = np.empty((count, size, size, 3), np.uint8)
    for index in range(count):
        pixels[index] = centre_crop(loaded(images, index, load), size)
    return pixels
