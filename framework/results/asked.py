"""What a command that translates is asked to write of each picture, and where. Torch-free."""

# N pictures, K the length of a style

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import islice, repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from attrs import frozen

from ..data.contents import A_VIDEO, VIDEOS
from ..errors import InputError
from ..spec import DIRECTIONS
from .results import Results

if TYPE_CHECKING:
    from ..data.dataset import Image
    from ..data.films import Film, Filmed
    from ..data.original import Original
    from ..data.pictures import Images
    from ..data.styles import Styles
    from ..support.progress import Reporter
    from ..translator import Translator
    from .files import Source

FORMATS = ("png", "jpg", "webp")
"""What `--format` may say: the keys of `data.written.WRITTEN`, which imports Pillow."""
WAYS = (*map(str, DIRECTIONS), "both")
"""What `--direction` may say."""


@contextmanager
def held(direction: str | None, out: Path, inputs: Sequence[Path], force: bool) -> Iterator[list[tuple[Any, Results]]]:
    """Each direction that is asked for with its folder, held: of both, one below `out` each."""
    places = [(way, out / way) for way in map(str, DIRECTIONS)] if direction == "both" else [(direction, out)]
    folders = [(way, Results(place, inputs, force)) for way, place in places]
    with ExitStack() as stack:
        for _, results in folders:
            stack.enter_context(results.held())
        yield folders


@frozen
class Asked:
    """By the command line: a strip, or the translation, by itself or in the picture; and its mask."""

    strip: bool = False
    onto_source: bool = False
    mask: bool = False
    frames: bool = False
    """All of a film, and everything in one style."""
    format: str = "png"
    """Of the results, one of FORMATS; masks are PNG."""

    @staticmethod
    def arguments(parser: argparse.ArgumentParser) -> None:
        """Adds the options."""
        group = parser.add_argument_group("pictures that come out")
        shown = group.add_mutually_exclusive_group()
        shown.add_argument(
            "--strip", action="store_true", help="source | deepest | next | final in one picture (Fig. S15)"
        )
        shown.add_argument(
            "--onto-source", action="store_true", help="each picture whole, in its own size, the translation in it"
        )
        group.add_argument(
            "--mask",
            action="store_true",
            help="also NAME.mask.png: white where the translation counts",
        )
        group.add_argument(
            "--frames",
            action="store_true",
            help="every frame of animations (GIF, PNG, WebP, TIFF) and videos, and one style for all",
        )
        group.add_argument(
            "--format",
            choices=FORMATS,
            default="png",
            help="of the results; default: png, which loses nothing (jpg: what is transparent lies on white)",
        )

    @classmethod
    def of(cls, arguments: argparse.Namespace, files: Sequence[Source]) -> Self:
        """What `arguments` say. InputError for options that make no sense together, and for videos without PyAV."""
        for other in ("strip", "frames"):
            if arguments.mask and getattr(arguments, other):
                raise InputError("--mask", found=f"--{other} as well", expected="one of them")
        if arguments.frames and getattr(arguments, "samples", None):
            raise InputError("--frames", found="--samples as well", expected="one of them")
        if arguments.frames and (video := next((v.path for v in files if v.path.suffix.lower() in VIDEOS), None)):
            from ..data.video import need_av

            need_av(video)
        return cls(arguments.strip, arguments.onto_source, arguments.mask, arguments.frames, arguments.format)

    def check(self, translator: Translator, direction: str, report: Reporter) -> None:
        """InputError for a mask that the translator does not give; says so where the translation is everywhere."""
        if translator.masked(direction):
            return
        if self.mask:
            expected, cure = "a foreground map", "Leave it out, or train with inverter.mask = true."
            raise InputError("--mask", found="a model without one", expected=expected, cure=cure)
        if self.onto_source:
            report.say("this model has no foreground map: all of each picture becomes the translation")

    @property
    def how(self) -> tuple[str, ...]:
        """What tells results of this kind from others, beside `strip`."""
        return tuple(name for name in ("onto_source", "mask", "frames") if getattr(self, name))

    def endings(self, names: Iterable[str] = ("",)) -> list[str]:
        """Of the results' names: `names`, with each its mask's."""
        masks = [".mask.png"] if self.mask else []
        return [f"{name}{ending}" for name in names for ending in [f".{self.format}", *masks]]

    def drawn(self, places: list[int]) -> list[int]:
        """Which style each picture at these places among all gets."""
        return [0] * len(places) if self.frames else places

    def read(self, translator: Translator, path: Path) -> Original | Film:
        """A picture as `results` takes it, or where all frames are asked for a film."""
        from ..data.films import film_of
        from ..data.original import Original

        video = path.suffix.lower() in VIDEOS
        if video and not self.frames:
            raise InputError(str(path), found=A_VIDEO, expected="a picture")
        if self.frames and (film := film_of(path, translator.white)):
            if self.format == "jpg" and not video:
                found = "an animation, which a JPEG cannot be"
                raise InputError(str(path), found=found, expected="--format png or webp")
            return film
        original = Original.of(path, translator.white)
        return original if self.onto_source else original.fitted(translator.size)

    def results(
        self,
        translator: Translator,
        pictures: Sequence[Original | Film],
        direction: str,
        styles: Styles | None,
        batch: int | None = None,
    ) -> Iterator[Sequence[Image | Filmed]]:
        """The files of each picture, in its style of `styles` (N, K)."""
        from ..data.films import Film, Filmed

        def filmed(film: Film, style: Styles | None) -> Iterator[Image]:
            frames = film.frames() if self.onto_source else (frame.fitted(translator.size) for frame in film.frames())
            while piece := list(islice(frames, 1 if self.onto_source else batch or translator.batch)):
                own = None if style is None else style.repeat(len(piece), 0)
                yield from (image for (image,) in self._stills(translator, piece, direction, own, batch))

        stills = [picture for picture in pictures if not isinstance(picture, Film)]
        rest = [k for k, picture in enumerate(pictures) if not isinstance(picture, Film)]
        made = self._stills(translator, stills, direction, None if styles is None else styles[rest], batch)
        for k, picture in enumerate(pictures):
            if isinstance(picture, Film):
                yield [Filmed(picture, filmed(picture, None if styles is None else styles[k : k + 1]))]
            else:
                yield next(made)

    def _stills(
        self,
        translator: Translator,
        pictures: Sequence[Original],
        direction: str,
        styles: Styles | None,
        batch: int | None,
    ) -> Iterator[list[Image]]:
        from ..data.written import grid

        def covered(images: Images) -> Iterator[Image]:
            return (picture.covered(image) for picture, image in zip(pictures, images))

        seen = [picture.seen for picture in pictures]
        how: dict[str, Any] = {"style": styles, "batch": batch}
        if self.strip:
            yield from ([grid([columns])] for columns in zip(*translator.strip(seen, direction, **how)))
        elif self.onto_source:
            for picture, style in zip(pictures, repeat(None) if styles is None else styles):
                image, mask = translator.onto_source(picture, direction, style=style)
                yield [image] if mask is None or not self.mask else [image, mask]
        elif self.mask:
            images, masks = translator.with_mask(seen, direction, **how)
            yield from map(list, zip(covered(images), images if masks is None else masks))
        else:
            yield from ([image] for image in covered(translator.translate(seen, direction, **how)))
