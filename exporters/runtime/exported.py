"""Exported cascades without torch: `load("exports/zebra-giraffe").translate("zebra.jpg")`.

Needs numpy, Pillow, attrs and onnxruntime, and nothing of the training extra. The folder is checked before anything of
it runs (`safety`), a direction is tried in a process of its own before this one reads it (`trial`), and its first use
repeats its golden pictures: a machine on which the graph becomes another function says so before it answers. Not run on
a GPU.
"""

# N images, H W space, S the export's image size, K the length of a style

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from threading import RLock
from typing import Any

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from ...framework import Direction, InputError, Pair, RunError, Translator, did_you_mean, read_rgb
from ...framework.bundle.named import located
from ...framework.data.original import Mask
from ...framework.data.pictures import Images, Pictures, fitted
from ...framework.data.styles import Styles, styles_for
from ...framework.support.limits import checked_threads
from ...framework.translator import Strip
from ..safety.folder import check_folder
from ..safety.manifest import INPUT, MASK, OLDER, OUTPUT, STYLE, Graph, Manifest, folder_of
from .onnxruntime import OnnxRuntime
from .openvino import OpenVino
from .providers import MAX_BATCH, Facts, numbered
from .trial import tried

BACKENDS = ("onnxruntime", "openvino")
OLD_STYLES = (
    f"{{}} was exported as {OLDER}, when a seed drew other styles than its bundle did; it now draws the bundle's, so "
    "that a seed gives other pictures than it gave then"
)

INT8_ON_CUDA = (
    "{} is int8, for which onnxruntime has no CUDA kernels: its convolutions run in float32 with conversions between "
    "them, more work than the float32 export. Export with --precision fp16 for CUDA, or use --device tensorrt or cpu"
)


def load(
    folder: str | Path,
    *,
    device: str = "auto",
    threads: int = 0,
    backend: str = "onnxruntime",
    precision: str = "f32",
    allow_fallback: bool = False,
    check: bool = True,
    trust: bool = False,
) -> Exported:
    """An export, ready to translate. Its graphs are read when they are first used.

    Args:
        folder: what `crosscade export` made, or the name of a model that a plugin offers.
        device: `cpu`, `cuda` or `tensorrt` (`cuda:1`: the second GPU), or `auto`: a GPU where there is one, but
            for int8 not by CUDA.
        threads: of the CPU; 0 leaves the number to the backend.
        backend: `onnxruntime`, or `openvino` (on the CPU; a package of its own).
        precision: of OpenVINO's arithmetic, `f32`, `bf16` or `auto`; onnxruntime computes in the file's own.
        allow_fallback: run on the CPU when the wanted device does not come up, instead of raising RunError.
        check: repeat a direction's golden pictures when it is first used, and raise RunError when they differ.
        trust: leave out the trial of a graph in a process of its own (`trial`), because the export is one's own.

    Raises:
        InputError: a folder that is not sound, or options that make no sense together. An unknown device or precision
            is found when a graph is read.
    """
    if backend not in BACKENDS:
        raise InputError(f"backend '{backend}'", expected=" or ".join(BACKENDS), cure=did_you_mean(backend, BACKENDS))
    checked_threads(threads)
    if backend == "openvino" and device not in ("auto", "cpu"):
        raise InputError(f"device '{device}'", found="backend 'openvino'", expected="cpu", cure="Use onnxruntime.")
    if backend == "onnxruntime" and precision != "f32":
        cure = "Use openvino, or export with --precision."
        raise InputError(
            f"precision '{precision}'", found="backend 'onnxruntime'", expected="the file's own", cure=cure
        )
    name, gpu = numbered(device)
    path = folder_of(located(folder))
    manifest = check_folder(path)

    def read(way: Graph) -> OnnxRuntime | OpenVino:
        file = path / way.file
        if backend == "openvino":
            return OpenVino(file, precision=precision, threads=threads)
        facts = Facts(manifest.size, way.style_size, manifest.precision, manifest.files[way.file].sha256, gpu)
        return OnnxRuntime(file, device=device, threads=threads, allow_fallback=allow_fallback, facts=facts)

    slow = backend == "onnxruntime" and name == "cuda" and manifest.precision == "int8"
    warnings = (INT8_ON_CUDA.format(path),) if slow else ()
    attempt = partial(tried, path, manifest, backend=backend, precision=precision, check=check)
    return Exported(path, manifest, read, check=check, attempt=None if trust else attempt, warnings=warnings)


@frozen
class Checked:
    """A direction's golden pictures on this machine: the least PSNR (dB) of them, and the least that is allowed."""

    direction: str
    provider: str
    psnr_db: float
    least_db: float


class Exported(Translator):
    """An export, made by `load`; `read` makes a direction's graph. May be used from several threads."""

    def __init__(
        self,
        folder: Path,
        manifest: Manifest,
        read: Callable[[Graph], OnnxRuntime | OpenVino],
        *,
        check: bool,
        attempt: Callable[[str], None] | None = None,
        warnings: tuple[str, ...] = (),
    ) -> None:
        self.folder, self.manifest, self.name = folder, manifest, manifest.method
        self.size, self.load, self.data = manifest.size, manifest.load, manifest.data
        self.white = manifest.white
        self.directions = tuple(manifest.directions)
        key, way = next(iter(manifest.directions.items()))
        self.domains = Direction(key).turn(Pair(way.source, way.target))
        older = manifest.format == OLDER and any(way.style_size for way in manifest.directions.values())
        self.warnings = (*warnings, *([OLD_STYLES.format(folder)] if older else []))
        self.direction = "a2b" if "a2b" in self.directions else self.directions[0]
        self._read, self._check, self._attempt = read, check, attempt
        self._tried: set[str] = set()
        self._graphs: dict[str, OnnxRuntime | OpenVino] = {}
        self._sound: set[str] = set()
        self._lock = RLock()

    def way(self, direction: str | None = None) -> Graph:
        """The manifest's entry of a direction; InputError for one that was not exported."""
        key = direction or self.direction
        if key not in self.manifest.directions:
            cure = did_you_mean(key, self.directions)
            raise InputError(f"direction '{key}'", found=f"no such one in {self.folder}", cure=cure)
        return self.manifest.directions[key]

    def previews(self, direction: str | None = None) -> tuple[str, ...]:
        """The levels that the graph shows."""
        return tuple(name.replace("level", "level ") for name in self._levels(direction))

    def style_size(self, direction: str | None = None) -> int:
        """As the manifest says."""
        return self.way(direction).style_size

    def examples(self, direction: str, count: int) -> list[Images]:
        """The first golden pictures."""
        return [read_rgb(self.folder / golden.source) for golden in self.way(direction).golden[:count]]

    def prepare(self, direction: str | None = None) -> None:
        """Reads the graph and repeats its golden pictures."""
        self._graph(direction or self.direction)

    def forget(self) -> None:
        """Lets go of the graphs; their golden pictures are repeated when they are read again."""
        with self._lock:
            self._graphs.clear()
            self._sound.clear()

    def provider(self, direction: str | None = None) -> str:
        """What the direction really runs on."""
        return self._graph(direction or self.direction).provider

    def strip(self, pictures: Pictures, direction: str | None = None, **how: Any) -> Strip:
        """As any translator's. Raises InputError when the export does not give what the levels in between decided."""
        if not self.previews(direction) and len(self.manifest.levels) > 1:
            cure = "Export again with --taps."
            raise InputError(str(self.folder), found="only the final image", expected="an export with taps", cure=cure)
        return super().strip(pictures, direction, **how)

    def masked(self, direction: str | None = None) -> bool:
        """Whether the graph gives a mask."""
        return MASK in self.way(direction).outputs

    def run(self, direction: str, images: Images, styles: Styles | None, batch: int, *, previews: bool) -> list[Images]:
        """By the graph, in its own precision."""
        outputs = [*(self._levels(direction) if previews else ()), OUTPUT]
        return in_batches(self._graph(direction), outputs, feeds(images, styles), checked_batch(batch))

    def run_with_mask(
        self, direction: str, images: Images, styles: Styles | None, batch: int
    ) -> tuple[Images, Mask | None]:
        """As `run`."""
        outputs = [OUTPUT, *([MASK] if self.masked(direction) else [])]
        translated, *masks = in_batches(self._graph(direction), outputs, feeds(images, styles), checked_batch(batch))
        return translated, masks[0] if masks else None

    def check(self, direction: str = "a2b") -> Checked:
        """Repeats the golden pictures. RunError when one differs by more than the manifest allows."""
        with self._lock:
            return self._golden(self.way(direction), direction)

    def images_per_second(self, direction: str = "a2b", *, batch: int, seconds: float) -> float:
        """Throughput after one batch to warm up, of pictures (noise) that are decoded already and of the right size."""
        shape = (checked_batch(batch), self.size, self.size, 3)
        images = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
        styles = styles_for(batch, self.style_size(direction))
        self.run(direction, images, styles, batch, previews=False)
        done, started = 0, time.perf_counter()
        while not done or time.perf_counter() - started < seconds:
            self.run(direction, images, styles, batch, previews=False)
            done += batch
        return done / (time.perf_counter() - started)

    def _levels(self, direction: str | None) -> list[str]:
        return [name for name in self.way(direction).outputs if name not in (OUTPUT, MASK)]

    def _graph(self, direction: str) -> OnnxRuntime | OpenVino:
        with self._lock:
            if self._check and direction not in self._sound:
                self._golden(self.way(direction), direction)
                self._sound.add(direction)
            return self._opened(direction)

    def _opened(self, direction: str) -> OnnxRuntime | OpenVino:
        if direction not in self._graphs:
            way = self.way(direction)
            if self._attempt and direction not in self._tried:
                self._attempt(direction)
                self._tried.add(direction)
            self._graphs[direction] = self._read(way)
        return self._graphs[direction]

    def _golden(self, way: Graph, direction: str) -> Checked:
        graph = self._opened(direction)
        sources = fitted([self.folder / golden.source for golden in way.golden], self.size)
        expected = [fitted([self.folder / golden.translated for golden in way.golden], self.size)]
        outputs = [OUTPUT]
        if MASK in way.outputs:
            expected.append(fitted([self.folder / golden.mask for golden in way.golden], self.size)[..., 0])
            outputs.append(MASK)
        styles = self._golden_styles(len(sources), way.style_size)
        results = in_batches(graph, outputs, feeds(sources, styles), MAX_BATCH)
        worst = min(psnr_db(*pair) for result, wanted in zip(results, expected) for pair in zip(result, wanted))
        least = min(way.psnr_db, graph.least_db)
        if worst < least:
            raise RunError(
                f"{self.folder} {direction} on {graph.provider}",
                found=f"golden pictures that come out at {worst:.1f} dB",
                expected=f"at least {least:g} dB",
                cure="Use another device, backend or precision (cpu, onnxruntime, f32), or export again.",
            )
        return Checked(direction, graph.provider, worst, least)

    def _golden_styles(self, count: int, size: int) -> Styles | None:
        if self.manifest.format == OLDER and size:
            return np.random.default_rng(0).standard_normal((count, size)).astype(np.float32)
        return styles_for(count, size)


def checked_batch(batch: int) -> int:
    """`batch`; InputError unless it is one that graphs are prepared for."""
    if not 1 <= batch <= MAX_BATCH:
        raise InputError("batch", found=str(batch), expected=f"1 to {MAX_BATCH}")
    return batch


def feeds(images: Images, styles: Styles | None) -> dict[str, NDArray[Any]]:
    """A graph's inputs by name."""
    return {INPUT: images} if styles is None else {INPUT: images, STYLE: styles}


def in_batches(graph: Any, outputs: Sequence[str], feeds: Mapping[str, NDArray[Any]], batch: int) -> list[Images]:
    """The graph's `outputs`, whole, for inputs of any length in pieces of at most `batch`."""
    count = len(feeds[INPUT])
    results: list[list[Images]] = []
    for piece in pieces(feeds, batch):
        missing = batch - len(piece[INPUT]) if results and graph.fixed_batch else 0
        if missing:  # the same shape once more is cheaper than a new one
            piece = {name: np.concatenate([v, np.repeat(v[-1:], missing, 0)]) for name, v in piece.items()}
        results.append(graph.run(outputs, piece))
    return [np.concatenate(parts)[:count] for parts in zip(*results)]


def pieces(feeds: Mapping[str, NDArray[Any]], batch: int) -> Iterator[dict[str, NDArray[Any]]]:
    """The same in pieces of at most `batch`."""
    for start in range(0, len(feeds[INPUT]), batch):
        yield {name: values[start : start + batch] for name, values in feeds.items()}


def psnr_db(one: Images, other: Images) -> float:
    """Peak signal-to-noise ratio of two uint8 images, infinite when they are equal."""
    error = float(np.square(one.astype(np.float64) - other).mean())
    return 10 * math.log10(255**2 / error) if error else math.inf
