"""What translates pictures, whatever runs it: a trained bundle or an export of one. Torch-free."""

# N pictures, H W space, S the translator's image size, K the length of a style

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from .data.dataset import WHITE, Image
from .data.original import Mask, Original
from .data.pictures import Images, Picture, Pictures, fit, fitted, many
from .data.styles import Styles, styles_for
from .data.written import data_uri, grid
from .spec import Direction, Pair

MOST_SHOWN = 8
"""Pictures of a strip that a notebook shows."""


class Strip(list[Images]):
    """The columns source, deepest, next, …, final (Fig. S15), each (N, S, S, 3). A notebook shows them as a picture."""

    def __init__(self, columns: Iterable[Images], heads: Sequence[str]) -> None:
        super().__init__(columns)
        self.heads = tuple(heads)

    def __repr__(self) -> str:
        return f"Strip({' | '.join(self.heads)}: {len(self[0])} of {self[0].shape[1]} px)"

    def _repr_html_(self) -> str:
        columns = [grid([[image] for image in column[:MOST_SHOWN]]) for column in self]
        cell = '<td style="text-align: center; padding: 0 2px">{}</td>'
        heads = "".join(cell.format(escape(head)) for head in self.heads)
        images = "".join(
            cell.format(f'<img src="{data_uri(column)}" alt="{escape(head)}">')
            for head, column in zip(self.heads, columns)
        )
        rest = len(self[0]) - MOST_SHOWN
        more = f"<p>and {rest} more</p>" if rest > 0 else ""
        return f"<table><tbody><tr>{heads}</tr><tr>{images}</tr></tbody></table>{more}"


class Translator(ABC):
    """Pictures in, pictures out, in either direction, in batches of `batch` unless a call says otherwise.

    A picture is a path, a file's bytes, a Pillow image or a uint8 array (H, W, 3) of any size: its short side is
    resized (bicubic, antialiased) to S and the centre is cut. Where no direction is given, it is `direction`.

    A multimodal method (`style_size` > 0) gives each picture a style of its own, drawn from the prior by `seed`, as its
    scores are published; the k-th picture's style depends on the seed and k alone. Or it takes one `style`, (K,) or
    (1, K), for all or (N, K).
    """

    folder: Path
    name: str
    """Of the method, or of the recipe that it was trained by."""
    domains: Pair[str]
    directions: tuple[str, ...]
    """Of `a2b` and `b2a`, those that it translates."""
    size: int
    """S."""
    load: int
    """The short side, in pixels, at which test images are loaded before their centre is cut (0: 9/8 of S)."""
    white: int = WHITE
    """White in grey files of 16 bits, as in those that it was trained on."""
    data: Mapping[str, Any]
    """The dataset that it was trained on, as a recipe's table; empty where it does not say."""
    direction: str = "a2b"
    batch: int = 16
    warnings: Sequence[str] = ()
    """Lines that a user should read first."""

    @abstractmethod
    def previews(self, direction: str | None = None) -> tuple[str, ...]:
        """What is to be seen of the levels before the final one, deep to shallow: `level 5`, … (Fig. S15)."""

    @abstractmethod
    def style_size(self, direction: str | None = None) -> int:
        """K of a multimodal method, 0 where there is but one translation of a picture."""

    @abstractmethod
    def examples(self, direction: str, count: int) -> list[Images]:
        """At most `count` source pictures that training did not see; none where none are at hand."""

    @abstractmethod
    def prepare(self, direction: str | None = None) -> None:
        """Reads a direction, which its first use does otherwise. Raises when it is damaged or does not run here."""

    @abstractmethod
    def forget(self) -> None:
        """Lets go of what was read."""

    def masked(self, direction: str | None = None) -> bool:
        """Whether it says where its translation counts; elsewhere its pictures show their source."""
        return False

    @abstractmethod
    def run(self, direction: str, images: Images, styles: Styles | None, batch: int, *, previews: bool) -> list[Images]:
        """Fitted images (N, S, S, 3) -> the previews where asked for, then the translations."""

    def run_with_mask(
        self, direction: str, images: Images, styles: Styles | None, batch: int
    ) -> tuple[Images, Mask | None]:
        """Fitted images (N, S, S, 3) -> the translations and their masks (N, S, S); None where it is not `masked`."""
        return self.run(direction, images, styles, batch, previews=False)[0], None

    def translate(
        self,
        pictures: Pictures,
        direction: str | None = None,
        *,
        style: Any = None,
        seed: int = 0,
        batch: int | None = None,
    ) -> Images:
        """One picture -> (S, S, 3); a list of them or an array (N, H, W, 3) -> (N, S, S, 3).

        Raises InputError for what is no picture, or no style of this method.
        """
        images = fitted(pictures, self.size, self.white)
        translations = self._run(images, direction, style, seed, batch, previews=False)[0]
        return translations if many(pictures) else translations[0]

    def strip(
        self,
        pictures: Pictures,
        direction: str | None = None,
        *,
        style: Any = None,
        seed: int = 0,
        batch: int | None = None,
    ) -> Strip:
        """What each level decided; arguments as of `translate`."""
        images = fitted(pictures, self.size, self.white)
        domains = Direction(direction or self.direction).turn(self.domains)
        columns = [images, *self._run(images, direction, style, seed, batch, previews=True)]
        return Strip(columns, (domains.a, *self.previews(direction), domains.b))

    def with_mask(
        self,
        pictures: Pictures,
        direction: str | None = None,
        *,
        style: Any = None,
        seed: int = 0,
        batch: int | None = None,
    ) -> tuple[Images, Mask | None]:
        """A list of pictures, as for `translate` -> translations (N, S, S, 3), and how much of them counts, (N, S, S).

        From 0, where a translation shows its source, to 255; None where the method does not say.
        """
        images, way = fitted(pictures, self.size, self.white), direction or self.direction
        styles = styles_for(len(images), self.style_size(way), style, seed)
        return self.run_with_mask(way, images, styles, self.batch if batch is None else batch)

    def onto_source(
        self, picture: Picture | Original, direction: str | None = None, *, style: Any = None, seed: int = 0
    ) -> tuple[Image, Mask | None]:
        """A picture in its own size with its translation in it, and how much of each pixel is that, (H, W), 0 to 255.

        (H, W, 3), or (H, W, 4) of a file with transparency. Where the method is not `masked` there is no mask, and all
        is the translation. A picture that is not square is translated as several squares, all in one style.
        """
        original = Original.of(picture, self.white)
        style = styles_for(1, self.style_size(direction), style, seed)
        return original.replaced(*self.with_mask(original.squares(self.size), direction, style=style))

    def fit(self, picture: Picture) -> Images:
        """One picture as the networks see it, (S, S, 3)."""
        return fit(picture, self.size, self.white)

    def _run(
        self, images: Images, direction: str | None, style: Any, seed: int, batch: int | None, *, previews: bool
    ) -> list[Images]:
        way = direction or self.direction
        styles = styles_for(len(images), self.style_size(way), style, seed)
        return self.run(way, images, styles, self.batch if batch is None else batch, previews=previews)
