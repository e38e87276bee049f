"""Encode once: images and normalised features of every view, on disk, memory-mapped.

Features are in [-1, 1], so int8 (steps of 1/127) is nearly lossless. Arrays are (N, H, W, C); row n * K + k is view k
of image n. One folder a domain and split; a folder with its `done.json` is whole, any other is made again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..contracts import Encoder
from ..data.dataset import ImageSet
from ..data.images import centre_crop
from ..errors import RunError
from ..recipe.recipe import ImageOptions
from ..support.atomic import disk_error, reserve, write_json
from ..support.tensors import tensor_of, to_tensor
from .normalise import Normalise, Statistics, participation_ratio

BATCH = 50
CHUNK_BYTES = 64 << 20
Progress = Callable[[int], None]


def cut_views(image: NDArray[np.uint8], options: ImageOptions, key: Sequence[int]) -> NDArray[np.uint8]:
    """(K, size, size, 3): random crops of (H, W, 3), every second one mirrored; the same for the same `key`."""
    rng = np.random.default_rng(list(key))
    size = options.size
    views = np.empty((options.views, size, size, 3), np.uint8)
    for k in range(options.views):
        top, left = (int(rng.integers(0, extent - size + 1)) for extent in image.shape[:2])
        crop = image[top : top + size, left : left + size]
        views[k] = crop[:, ::-1] if options.mirror and k % 2 else crop
    return views


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
        return str(json.loads((self.folder / "done.json").read_text(encoding="utf-8"))["fingerprint"])

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

    def put(self, name: str, shape: Sequence[int], batches: Callable[[], Any]) -> None:
        """Array `name` of `shape` (N, H, W, C) int8 from `batches()` of (B, C, H, W) tensors in [-1, 1], atomically."""
        part = self.folder / f".{name}.part.npy"
        try:
            array = new_array(part, np.int8, tuple(shape))
            row = 0
            for batch in batches():
                values = (batch.float() * 127.0).round().to(torch.int8).permute(0, 2, 3, 1).cpu().numpy()
                array[row : row + len(values)] = values
                row += len(values)
            array.flush()
            del array
            part.replace(self.folder / f"{name}.npy")
        except OSError as error:
            raise disk_error(self.folder, error) from error
        self._open.pop(name, None)


def new_array(path: Path, dtype: Any, shape: tuple[int, ...]) -> np.memmap[Any, Any]:
    """A memory-mapped array in a new file whose disk space is there for certain; OSError when it is not."""
    array = np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape)
    reserve(path)
    return array


def array_bytes(content: int) -> int:
    """Bytes of an array's file: its content and what numpy's format puts before it."""
    return 128 + content


def cut(
    images: ImageSet, path: Path, options: ImageOptions, *, train: bool, seed: int, progress: Progress
) -> NDArray[np.uint8]:
    """Writes all views (train) or centre crops (test) of a set to `path` (N * K, size, size, 3), memory-mapped."""
    load, views = options.short_side, options.views if train else 1
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}")
    try:
        array = new_array(part, np.uint8, (len(images) * views, options.size, options.size, 3))
        for n in range(len(images)):
            image = images.load(n, load)
            made = cut_views(image, options, (seed, n)) if train else centre_crop(image, options.size)[None]
            array[n * views : (n + 1) * views] = made
            progress(1)
        array.flush()
        part.replace(path)
    except OSError as error:
        raise disk_error(path.parent, error) from error
    return np.load(path, mmap_mode="r", allow_pickle=False)


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
        raise disk_error(folder, error) from error
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
    for i in levels:
        array, norm = raw[i], normalise

        def batches(i: int = i, array: Any = array, norm: Normalise = norm) -> Any:
            rows = max(1, CHUNK_BYTES // max(1, array[:1].nbytes))
            for start in range(0, len(array), rows):
                yield norm.one(i, torch.from_numpy(np.array(array[start : start + rows])).permute(0, 3, 1, 2))

        store.put(f"level{i}", array.shape, batches)
        ratios[i] = participation_ratio(store.features(f"level{i}", slice(0, 300)))
        (folder / f"raw{i}.npy").unlink()
    write_json(folder / "done.json", {"images": len(images), "fingerprint": fingerprint(images)})
    return store, normalise, ratios


def _shape(encoder: Encoder, level: int, size: int) -> tuple[int, int, int]:
    spec = encoder.pyramid[level]
    side = spec.size(size)
    return side, side, spec.channels
