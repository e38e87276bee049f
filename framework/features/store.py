"""Encode once: images and normalised features of every view, on disk, memory-mapped.

Features are in [-1, 1], so int8 (steps of 1/127) is nearly lossless. Arrays are (N, H, W, C); row n * K + k is view k
of image n. One folder a domain and split; a folder with its `done.json` is whole, any other is made again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..data.dataset import ImageSet
from ..data.images import centre_crop
from ..encoder import Encoder
from ..errors import RunError
from ..recipe.recipe import ImageOptions
from ..support import atomic
from ..support.tensors import tensor_of, to_tensor
from .normalise import Normalise, Statistics, participation_ratio

BATCH = 50
CHUNK_BYTES = 64 << 20
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
    def content(self) -> str:
        """Hash of the images that it was made from."""
        return str(atomic.read_json(self.folder / "done.json", "a store's fingerprint")["fingerprint"])

    def has(self, name: str) -> bool:
        """Whether array `name` is there."""
        return (self.folder / f"{name}.npy").exists()

    def array(self, name: str) -> NDArray[Any]:
        """Array `name`, memory-mapped."""
        if name not in self._open:
            self._open[name] = np.load(self.folder / f"{name}.npy", mmap_mode="r", allow_pickle=False)
        return self._open[name]

    def images(self, rows: Any = slice(None)) -> Tensor:
        """(B, 3, H, W) in [-1, 1]."""
        return to_tensor(self.array("images")[rows])

    def features(self, name: str, rows: Any = slice(None)) -> Tensor:
        """(B, C, H, W) in [-1, 1] of array `name` (`level4`, `translated5`)."""
        return tensor_of(self.array(name)[rows]).permute(0, 3, 1, 2).float() / 127.0

    def put(self, name: str, shape: tuple[int, ...], batches: Iterable[Tensor]) -> None:
        """Array `name` of `shape` (N, H, W, C) int8 from batches (B, C, H, W) in [-1, 1], atomically."""
        steps = ((b.float() * 127.0).round().to(torch.int8).permute(0, 2, 3, 1).cpu().numpy() for b in batches)
        write_array(self.folder / f"{name}.npy", np.int8, shape, steps)
        self._open.pop(name, None)


def write_array(path: Path, dtype: Any, shape: tuple[int, ...], batches: Iterable[NDArray[Any]]) -> None:
    """An array's file, filled batch by batch, wholly or not at all."""

    def fill(part: Path) -> None:
        array, row = new_array(part, dtype, shape), 0
        for batch in batches:
            array[row : row + len(batch)] = batch
            row += len(batch)
        array.flush()

    atomic.write(path, fill)


def new_array(path: Path, dtype: Any, shape: tuple[int, ...]) -> np.memmap[Any, Any]:
    """A memory-mapped array in a new file whose disk space is there for certain; OSError when it is not."""
    array = np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape)
    atomic.reserve(path)
    return array


def array_bytes(content: int) -> int:
    """Bytes of an array's file: its content and what numpy's format puts before it."""
    return 128 + content


def cut(images: ImageSet, path: Path, options: ImageOptions, *, train: bool, seed: int, progress: Progress) -> None:
    """Writes the random crops (train) or the centre (test) of a set to `path` (N * K, size, size, 3)."""

    def crops() -> Iterator[NDArray[np.uint8]]:
        for n in range(len(images)):
            image = images.load(n, options.short_side)
            yield cut_crops(image, options, (seed, n)) if train else centre_crop(image, options.size)[None]
            progress(1)

    rows = len(images) * (options.crops if train else 1)
    write_array(path, np.uint8, (rows, options.size, options.size, 3), crops())


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
    autocast: Any,
    normalise: Normalise | None,
    clip_sigma: float,
    progress: Progress,
) -> tuple[Store, Normalise, dict[int, float]]:
    """Encodes the folder's `images` once. Without `normalise` its statistics are taken from these features.

    Returns the store, the normaliser and each level's participation ratio.
    """
    store = Store(folder)
    images = store.array("images")
    try:
        raw = {
            i: new_array(folder / f"raw{i}.npy", np.float16, (len(images), *_shape(encoder, i, images.shape[1])))
            for i in levels
        }
    except OSError as error:
        raise atomic.disk_error(folder, error) from error
    statistics = {i: Statistics() for i in levels}
    for start in range(0, len(images), BATCH):
        with autocast():
            features = encoder(to_tensor(images[start : start + BATCH]), levels)
        for i, f in features.items():
            if not torch.isfinite(f).all():
                raise RunError(
                    f"encoder features of level {i}", found="non-finite values", cure="Try training.precision=float32."
                )
            statistics[i].add(f)
            raw[i][start : start + BATCH] = f.permute(0, 2, 3, 1).to(torch.float16).cpu().numpy()
        progress(min(BATCH, len(images) - start))
    if normalise is None:
        used = {} if encoder.normalised else statistics
        normalise = Normalise(
            {i: s.mean for i, s in used.items()}, {i: s.deviation for i, s in used.items()}, clip_sigma
        )
    ratios = {}
    for i, array in raw.items():
        rows = max(1, CHUNK_BYTES // max(1, array[:1].nbytes))
        chunks = (np.array(array[start : start + rows]) for start in range(0, len(array), rows))
        put = (normalise.one(i, torch.from_numpy(chunk).permute(0, 3, 1, 2)) for chunk in chunks)
        store.put(f"level{i}", array.shape, put)
        ratios[i] = participation_ratio(store.features(f"level{i}", slice(0, 300)))
        (folder / f"raw{i}.npy").unlink()
    atomic.write_json(folder / "done.json", {"images": len(images), "fingerprint": fingerprint(images)})
    return store, normalise, ratios


def _shape(encoder: Encoder, level: int, size: int) -> tuple[int, int, int]:
    spec = encoder.pyramid[level]
    side = spec.size(size)
    return side, side, spec.channels
