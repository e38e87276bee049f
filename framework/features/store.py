"""Encode once: images and normalised features of every view, on disk, memory-mapped.

Features are in [-1, 1], so int8 (steps of 1/127) is nearly lossless. Arrays are (N, H, W, C); row n * K + k is view k
of image n. One folder a domain and split; a folder with its `done.json`, which has every file's hash, is whole. Any
other is made again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..data.dataset import ImageSet, loaded
from ..data.images import centre_crop
from ..encoder import Encoder
from ..errors import InputError, RunError
from ..recipe.recipe import ImageOptions
from ..support import atomic, ranks
from ..support.device import CPU, Compute
from ..support.tensors import as_steps, from_pixels, from_steps, tensor_of
from .arrays import shared_array, slices
from .normalise import Normalise, Statistics, participation_ratio

BATCH = 50
CHUNK_BYTES = 64 << 20
RECORDED = {"images", "fingerprint", "files"}
Progress = Callable[[int], None]


def cut_crops(image: NDArray[np.uint8], options: ImageOptions, key: Sequence[int]) -> NDArray[np.uint8]:
    """(K, size, size, 3): random crops of (H, W, 3), every second one mirrored; the same for the same `key`."""
    rng = np.random.default_rng(list(key))
    size = options.size
    crops = np.empty((options.crops, size, size, 3), np.uint8)
    for k in range(options.crops):
        top, left = (int(rng.integers(0, extent - size + 1)) for extent in image.shape[:2])
        crop = image[top : top + size, left : left + size]
        crops[k] = crop[:, ::-1] if options.mirror and k % 2 else crop
    return crops


class Store:
    """One domain's and split's arrays: `images`, `level<i>` and, once translated, `translated<i>`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._open: dict[str, NDArray[Any]] = {}

    def __len__(self) -> int:
        return len(self.array("images"))

    @property
    def done(self) -> bool:
        """Whether the folder was written wholly."""
        return (self.folder / "done.json").exists()

    @property
    def record(self) -> dict[str, Any]:
        """`done.json`: the images' hash, and each file's. InputError when it is damaged."""
        path, expected = self.folder / "done.json", "what a store holds"
        record = atomic.read_json(path, expected)
        if not isinstance(record.get("files", {}), dict) or not isinstance(record.get("fingerprint"), str):
            raise InputError(str(path), found=f"{record!r:.100}", expected=expected)
        return record

    @property
    def content(self) -> str:
        """Hash of the images that it was made from."""
        return str(self.record["fingerprint"])

    def damaged(self, shapes: Mapping[str, tuple[int, ...]]) -> Path | None:
        """A file that is not what was written, or no array of its place's shape in `shapes`, if there is one.

        A store of before the hashes is taken as it is.
        """
        try:
            record = self.record
        except InputError:
            return self.folder / "done.json"
        for name, digest in record.get("files", {}).items():
            path = self.folder / name
            if not path.is_file() or atomic.sha256(path) != digest:
                return path
        count = len(self) if self.has("images") else 0
        for name, shape in shapes.items():
            if self.has(name) and self.array(name).shape != (count, *shape):
                return self.folder / f"{name}.npy"
        return None if record.keys() <= RECORDED else self.folder / "done.json"

    def vouch(self, *names: str, without: str = "", **facts: Any) -> None:
        """Remembers what these files hold, and the `facts`; and nothing more of a file that is to go."""
        known = self.record if self.done else {"files": {}}
        files = {**known.get("files", {}), **{name: atomic.sha256(self.folder / name) for name in names}}
        files.pop(without, None)
        atomic.write_json(self.folder / "done.json", {**known, **facts, "files": files}, sealed=True)

    def has(self, name: str) -> bool:
        """Whether array `name` is there, wholly."""
        file = f"{name}.npy"
        return (self.folder / file).exists() and file in self.record.get("files", {file: ""})

    def drop(self, name: str) -> None:
        """Array `name` is not needed any more."""
        self._open.pop(name, None)
        if ranks.first():
            if self.done:
                self.vouch(without=f"{name}.npy")
            (self.folder / f"{name}.npy").unlink()

    def array(self, name: str) -> NDArray[Any]:
        """Array `name`, memory-mapped. InputError when the file is cut short or no array."""
        if name not in self._open:
            path = self.folder / f"{name}.npy"
            cure = f"Remove {self.folder} and --resume: it is made again."
            if not path.is_file():
                raise InputError(str(path), found="no regular file", expected="an array", cure=cure)
            try:
                self._open[name] = np.load(path, mmap_mode="r", allow_pickle=False)
            except (ValueError, EOFError) as error:
                found = f"a damaged array ({error})"
                raise InputError(str(path), found=found, expected="a whole one", cure=cure) from error
        return self._open[name]

    def rows(self, name: str, rows: Any, device: torch.device) -> Tensor:
        """Rows of array `name` as they are stored, on `device`: a quarter of the bytes of what becomes of them."""
        stored = tensor_of(self.array(name)[rows])
        if device.type == "cuda":
            stored = stored.pin_memory()  # else the copy would wait for all that the GPU still has to do
        return stored.to(device, non_blocking=True)

    def images(self, rows: Any = slice(None), device: torch.device = CPU) -> Tensor:
        """(B, 3, H, W) in [-1, 1]."""
        return from_pixels(self.rows("images", rows, device))

    def features(self, name: str, rows: Any = slice(None), device: torch.device = CPU) -> Tensor:
        """(B, C, H, W) in [-1, 1] of array `name` (`level4`, `translated5`)."""
        return from_steps(self.rows(name, rows, device))

    def put(self, name: str, shape: tuple[int, ...], batch: int, made: Callable[[slice], Tensor]) -> None:
        """Array `name` of `shape` (N, H, W, C) int8, atomically, of what is `made` (B, C, H, W) in [-1, 1] of rows.

        A process makes its share of the slices of `batch` rows.
        """
        with shared_array(self.folder / f"{name}.npy", np.int8, shape) as write:
            for rows in slices(shape[0], batch):
                write(rows.start, as_steps(made(rows)).cpu().numpy())
        self._open.pop(name, None)
        if self.done and ranks.first():
            self.vouch(f"{name}.npy")


def cut(images: ImageSet, path: Path, options: ImageOptions, *, train: bool, seed: int, progress: Progress) -> None:
    """Writes the random crops (train) or the centre (test) of a set to `path` (N * K, size, size, 3)."""

    each = options.crops if train else 1
    with shared_array(path, np.uint8, (len(images) * each, options.size, options.size, 3)) as write:
        for n in ranks.block(len(images)):
            image = loaded(images, n, options.short_side)
            write(n * each, cut_crops(image, options, (seed, n)) if train else centre_crop(image, options.size)[None])
            progress(1)


def fingerprint(images: NDArray[np.uint8]) -> str:
    """SHA-256 of the pixels: a run resumes on the same data only."""
    digest = hashlib.sha256(str(images.shape).encode())
    for start in range(0, len(images), 500):
        digest.update(np.ascontiguousarray(images[start : start + 500]).tobytes())
    return digest.hexdigest()


@torch.no_grad()
def build(
    folder: Path,
    encoder: Encoder,
    levels: Sequence[int],
    compute: Compute,
    normalise: Normalise | None,
    clip_sigma: float,
    progress: Progress,
) -> tuple[Store, Normalise, dict[int, float]]:
    """Encodes the folder's `images` once. Without `normalise` its statistics are taken from these features.

    Returns the store, the normaliser and each level's participation ratio.
    """
    store = Store(folder)
    images = store.array("images")
    statistics = {i: Statistics() for i in levels}
    with ExitStack() as files:
        raw = {
            i: files.enter_context(
                shared_array(folder / f"raw{i}.npy", np.float16, (len(images), *_shape(encoder, i, images.shape[1])))
            )
            for i in levels
        }
        for rows in slices(len(images), BATCH):
            with compute.autocast():
                features = encoder(store.images(rows, compute.device), levels)
            for i, f in features.items():
                if not torch.isfinite(f).all():
                    raise RunError(
                        f"encoder features of level {i}",
                        found="non-finite values",
                        cure="Try training.precision=float32.",
                    )
                statistics[i].add(f)
                raw[i](rows.start, f.permute(0, 2, 3, 1).to(torch.float16).cpu().numpy())
            progress(rows.stop - rows.start)
    statistics = {i: s.over_all() for i, s in statistics.items()}
    if normalise is None:
        used = {} if encoder.normalised else statistics
        normalise = Normalise(
            {i: s.mean for i, s in used.items()}, {i: s.deviation for i, s in used.items()}, clip_sigma
        ).to(compute.device)
    ratios = {}
    for i in levels:
        array, name = store.array(f"raw{i}"), f"level{i}"
        normal = partial(_normal, normalise, i, array, compute.device)
        store.put(name, array.shape, max(1, CHUNK_BYTES // max(1, array[:1].nbytes)), normal)
        ratios[i] = participation_ratio(store.features(name, slice(0, 300)))
        store.drop(f"raw{i}")
    if ranks.first():
        kept = [path.name for path in sorted(folder.iterdir()) if path.suffix == ".npy"]
        store.vouch(*kept, images=len(images), fingerprint=fingerprint(images))
    ranks.wait()
    return store, normalise, ratios


def _normal(normalise: Normalise, level: int, raw: NDArray[Any], device: torch.device, rows: slice) -> Tensor:
    return normalise.one(level, tensor_of(raw[rows]).to(device).permute(0, 3, 1, 2))


def shapes(encoder: Encoder, levels: Sequence[int], size: int) -> dict[str, tuple[int, ...]]:
    """What a row of each array is like: (H, W, C) of images of `size` pixels and of what each level makes of them."""
    levelled = {i: _shape(encoder, i, size) for i in levels}
    arrays = {f"{name}{i}": shape for i, shape in levelled.items() for name in ("level", "translated")}
    return {"images": (size, size, 3), **arrays}


def _shape(encoder: Encoder, level: int, size: int) -> tuple[int, int, int]:
    spec = encoder.pyramid[level]
    side = spec.size(size)
    return side, side, spec.channels
