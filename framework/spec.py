"""The frozen values that every part agrees on. Torch-free."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import Any, Generic, TypeVar

from attrs import field, frozen, validators

from .errors import InputError
from .support.limits import MOST_SIDE

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
U = TypeVar("U")


@frozen
class Pair(Generic[T_co]):
    """One thing for each domain, so that both go through one piece of code.

    >>> Pair(2, 3).zip(lambda x, y: x * y, Pair(10, 100))
    Pair(a=20, b=300)
    >>> Pair("zebra", "giraffe").swap().map(str.upper)
    Pair(a='GIRAFFE', b='ZEBRA')
    """

    a: T_co
    b: T_co

    def swap(self) -> Pair[T_co]:
        """The thing of the other domain in each place."""
        return Pair(self.b, self.a)

    def map(self, function: Callable[[T_co], U]) -> Pair[U]:
        """`function` of each."""
        return Pair(function(self.a), function(self.b))

    def zip(self, function: Callable[..., U], *others: Pair[Any]) -> Pair[U]:
        """`function(self.a, other.a, …)` and the same for b."""
        return Pair(function(self.a, *(o.a for o in others)), function(self.b, *(o.b for o in others)))

    def __iter__(self) -> Iterator[T_co]:
        yield self.a
        yield self.b


class Direction(StrEnum):
    """A way to translate.

    >>> Direction("b2a").turn(Pair("zebra", "giraffe"))
    Pair(a='giraffe', b='zebra')
    """

    A2B = "a2b"
    B2A = "b2a"

    def turn(self, pair: Pair[T]) -> Pair[T]:
        """The source domain's first."""
        return pair if self is Direction.A2B else pair.swap()

    def source(self, pair: Pair[T]) -> T:
        """That of the domain which images come from."""
        return self.turn(pair).a

    def target(self, pair: Pair[T]) -> T:
        """That of the domain which they are translated into."""
        return self.turn(pair).b


DIRECTIONS = tuple(Direction)
"""Both, `a2b` first."""


@frozen
class ImageSpec:
    """The images that a cascade reads and writes: square RGB, values in [-1, 1] inside the networks."""

    size: int = field(validator=[validators.ge(8), validators.le(MOST_SIDE)])
    channels: int = 3
    resize: str = "bicubic-antialias, short side, centre crop"


@frozen
class LevelSpec:
    """One tapped feature map. `number` is the paper's level i (0 is the image itself)."""

    number: int
    tap: str
    channels: int
    stride: int

    def size(self, image_size: int) -> int:
        """Height and width of this level's map for square images of `image_size` pixels."""
        if image_size % self.stride:
            raise InputError(
                f"image.size = {image_size}",
                found=f"a size that level {self.number} ({self.tap}, stride {self.stride}) does not divide",
                expected=f"a multiple of {self.stride}",
                cure=f"Use {max(1, round(image_size / self.stride)) * self.stride}.",
            )
        return image_size // self.stride


@frozen
class PyramidSpec:
    """An encoder's levels, shallow to deep."""

    levels: tuple[LevelSpec, ...]

    def __getitem__(self, number: int) -> LevelSpec:
        for level in self.levels:
            if level.number == number:
                return level
        raise InputError(
            f"level {number}",
            found="no such level in this encoder",
            expected=f"one of {', '.join(str(v.number) for v in self.levels)}",
        )

    @property
    def numbers(self) -> tuple[int, ...]:
        """The level numbers, shallow to deep."""
        return tuple(level.number for level in self.levels)
