"""What `crosscade app` serves: a bundle or an export, one direction of which is in memory. Torch-free to import."""

# N samples, S the model's image size

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from ...exporters.runtime import exported as runtime
from ...exporters.safety import manifest
from ...framework import DIRECTIONS, Catalogue, Image, InputError, read_rgb

SOURCE, FINAL = "source", "final"
EXAMPLES = 4
"""Test images shown of each domain."""

Images = NDArray[np.uint8]


@frozen
class Loaded:
    """A direction in memory."""

    columns: tuple[str, ...]
    """Source, a level each from the deepest on, final."""
    styles: bool
    """Whether samples differ: the method gives each a style of its own."""
    strip: Callable[[Image, int, int], Sequence[Images]]
    """(picture of any size, samples, seed) -> the columns, each (N, S, S, 3)."""


@frozen
class Served:
    """A bundle or an export."""

    name: str
    size: int
    ways: Mapping[str, tuple[str, str]]
    """By direction, the source's and the target's name."""
    load: Callable[[str], Loaded]
    """Reads a direction. Raises InputError or RunError when it is damaged or does not run here."""
    examples: Mapping[str, Sequence[Image]]
    """By direction, source images that training did not see; none where none are at hand."""


def opened(path: str, catalogue: Catalogue) -> Served:
    """The bundle, finished run or export in `path`. InputError when it is none of them or not sound."""
    folder = Path(path)
    if (folder / manifest.NAME).is_file():
        return _export(folder)
    if not any((where / "bundle.json").is_file() for where in (folder, folder / "bundle")):
        expected = f"a bundle, a finished run, or an export with {manifest.NAME}"
        raise InputError(path, found="no bundle.json" if folder.is_dir() else "no such folder", expected=expected)
    return _bundle(folder, catalogue)


def _export(folder: Path) -> Served:
    told = runtime.load(folder).manifest

    def load(direction: str) -> Loaded:
        exported = runtime.load(folder)  # a new one: an old one keeps each graph that it ever read
        way = exported.way(direction)
        exported.provider(direction)  # reads the graph and repeats the golden pictures
        levels = [_level(name) for name in way.outputs if name != manifest.OUTPUT]

        def strip(picture: Image, samples: int, seed: int) -> Sequence[Images]:
            pictures = [picture] * samples
            if levels:
                return exported.strip(pictures, direction, seed=seed)
            fitted = np.stack([exported.fit(picture)] * samples)
            return [fitted, exported.translate(pictures, direction, seed=seed)]

        return Loaded((SOURCE, *levels, FINAL), way.style_size > 0, strip)

    ways = {key: (way.source, way.target) for key, way in told.directions.items()}
    golden = {
        key: [read_rgb(folder / pair.source) for pair in way.golden[:EXAMPLES]] for key, way in told.directions.items()
    }
    return Served(told.method, told.size, ways, load, golden)


def _bundle(folder: Path, catalogue: Catalogue) -> Served:
    from ...framework import Translation
    from ...framework.bundle import bundle as bundles
    from ...framework.features.store import Store

    bundle = bundles.load(folder, catalogue)

    def load(direction: str) -> Loaded:
        translation = Translation(bundle, direction)
        levels = [_level(f"level{i}") for i in translation.cascade.previewed]

        def strip(picture: Image, samples: int, seed: int) -> Sequence[Images]:
            return translation.strip([picture] * samples, seed=seed)

        return Loaded((SOURCE, *levels, FINAL), translation.style_size > 0, strip)

    examples: dict[str, Sequence[Image]] = {}
    for direction in DIRECTIONS:
        seen = Store(bundle.folder.parent / "store" / f"{direction[0]}-test")  # a bundle may have left its run
        examples[direction] = [np.array(v) for v in seen.array("images")[:EXAMPLES]] if seen.done else []
    names = tuple(bundle.domains)
    ways = {"a2b": (names[0], names[1]), "b2a": (names[1], names[0])}
    return Served(bundle.recipe.name, bundle.image.size, ways, load, examples)


def _level(name: str) -> str:
    return name.replace("level", "level ")
