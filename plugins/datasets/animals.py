"""Real silhouettes: 28 x 28 grey pictures of ten kinds of animal, a thousand each, from a published package.

The package's pictures contain copies. Exact ones inside a class are removed; of what remains, every picture that has a
near-duplicate (mirrored ones too) goes to the training side, so that nothing in the test set was nearly seen before.
No near-duplicates were found across classes, so classes are split apart from each other and a class's split is the
same whatever it is paired with.
"""

# N pictures of a class; all are uint8 (N, 28, 28)

from __future__ import annotations

import gzip
import hashlib
import io
import pickle
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from attrs import frozen, validators
from numpy.typing import NDArray

from ...framework import (
    Dataset,
    DatasetOffer,
    Domain,
    Image,
    ImageSet,
    InputError,
    Pair,
    did_you_mean,
    hookimpl,
    option,
    resize_short_side,
)
from ...framework.support.fetch import wheel_members

CLASSES = ("bear", "bird", "cat", "cow", "dog", "elephant", "giraffe", "horse", "sheep", "zebra")
WHEEL = (
    "animal-mnist",
    "0.4",
    "animal_mnist-0.4-py3-none-any.whl",
    "aeebf3d9de4552d6fd2d5701424e1a5b9020f8e5115d68df9db252f2f53ce2ce",
)
MEMBERS = tuple(f"animal_mnist/data/Animal_MNIST/animal_{what}_version_3.gz" for what in ("data", "label"))
TRAIN, TEST = 800, 200
NEAR = 5.0  # mean absolute difference in grey levels below which two pictures count as the same
_MAX_BYTES = 64_000_000

Grey = NDArray[np.uint8]


@frozen
class AnimalsOptions:
    """Which two kinds."""

    a: str = option("zebra", f"first domain: {', '.join(CLASSES)}", validators.min_len(1))
    b: str = option("giraffe", "second domain", validators.min_len(1))


class _ArraysOnly(pickle.Unpickler):
    """Rebuilds numpy arrays and nothing else: any other global in the pickle is refused before it is looked up."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in (("numpy.core.multiarray", "_reconstruct"), ("numpy._core.multiarray", "_reconstruct")):
            return np.empty(0).__reduce__()[0]
        if module == "numpy" and name in ("ndarray", "dtype"):
            return getattr(np, name)
        raise pickle.UnpicklingError(f"{module}.{name} is not part of a numpy array")


def read_array(path: Path) -> NDArray[np.generic]:
    """The numpy array in a gzip'd pickle that may hold nothing else."""
    try:
        with gzip.open(path) as file:
            content = file.read(_MAX_BYTES + 1)
        if len(content) > _MAX_BYTES:
            raise ValueError(f"more than {_MAX_BYTES // 10**6} MB")
        array = _ArraysOnly(io.BytesIO(content)).load()
    except (OSError, EOFError, ValueError, TypeError, LookupError, AttributeError, pickle.UnpicklingError) as reason:
        raise InputError(str(path), found=f"an unusable file ({reason})", expected="a pickled numpy array") from None
    if not isinstance(array, np.ndarray) or array.dtype.hasobject:
        raise InputError(str(path), found=type(array).__name__, expected="a numpy array of numbers")
    return array


def near_duplicates(pictures: Grey, limit: float = NEAR) -> NDArray[np.bool_]:
    """Which pictures (N,) have another, as it is or mirrored, within a mean absolute difference of `limit`."""

    def blocks(images: Grey) -> NDArray[np.float32]:
        means: NDArray[np.float32] = images.reshape(-1, 4, 7, 4, 7).mean((2, 4), dtype=np.float32).reshape(-1, 16)
        return means

    duplicates = np.zeros(len(pictures), np.bool_)
    for other in (pictures, pictures[:, :, ::-1]):
        # Means over blocks never differ more than the pictures do: they rule out nearly all pairs cheaply.
        mine, theirs = blocks(pictures), blocks(other)
        coarse = np.zeros((len(pictures),) * 2, np.float32)
        for k in range(mine.shape[1]):
            coarse += np.abs(mine[:, k, None] - theirs[None, :, k])
        i, j = np.nonzero(np.triu(coarse <= (limit + 0.01) * mine.shape[1], k=1))
        exact = np.abs(pictures[i].astype(np.int16) - other[j].astype(np.int16)).mean((1, 2))
        duplicates[i[exact < limit]] = True
        duplicates[j[exact < limit]] = True
    return duplicates


def split_class(pictures: Grey) -> tuple[Grey, Grey, int]:
    """Training pictures, test pictures, and how many exact duplicates were dropped. The same on every machine."""
    unique = {hashlib.sha256(picture.tobytes()).digest(): i for i, picture in reversed(list(enumerate(pictures)))}
    order = [unique[key] for key in sorted(unique)]  # by hash: a fixed order that has nothing to do with the content
    kept = pictures[order]
    alone = np.flatnonzero(~near_duplicates(kept))
    test = alone[: min(TEST, len(kept) // 5)]
    train = np.setdiff1d(np.arange(len(kept)), test)[:TRAIN]
    return kept[train], kept[test], len(pictures) - len(kept)


class GreySet(ImageSet):
    """Small grey pictures that are enlarged when they are loaded."""

    def __init__(self, name: str, pictures: Grey) -> None:
        self.name, self._pictures = name, pictures

    def __len__(self) -> int:
        return len(self._pictures)

    def load(self, index: int, short_side: int) -> Image:
        """Picture `index` as RGB, resized bicubically."""
        return resize_short_side(np.repeat(self._pictures[index][..., None], 3, axis=2), short_side)


class Animals(Dataset):
    """Two of the ten classes."""

    name = "animals"
    preferred_size = 64

    def __init__(self, options: AnimalsOptions) -> None:
        for name in (options.a, options.b):
            if name not in CLASSES:
                raise InputError(
                    f"animals domain '{name}'",
                    found="an unknown class",
                    expected="one of the ten",
                    cure=did_you_mean(name, CLASSES),
                )
        if options.a == options.b:
            raise InputError("animals domains", found=f"'{options.a}' twice", expected="two different ones")
        paths = wheel_members(*WHEEL, MEMBERS)
        pictures, labels = (read_array(path) for path in paths)
        if pictures.shape[1:] != (28, 28) or pictures.dtype != np.uint8 or labels.shape != pictures.shape[:1]:
            raise InputError(
                str(paths[0]),
                found=f"arrays of {pictures.shape} and {labels.shape}",
                expected="(N, 28, 28) 8-bit and (N,)",
            )
        aside: list[str] = []

        def domain(name: str) -> Domain:
            train, test, dropped = split_class(pictures[labels == CLASSES.index(name)].astype(np.uint8))
            if not len(train) or not len(test):
                raise InputError(str(paths[0]), found=f"too few pictures of class '{name}'", expected="at least 5")
            if dropped:
                aside.append(f"{name}: {dropped} exact duplicates dropped")
            return Domain(name, GreySet(f"{name}-train", train), GreySet(f"{name}-test", test))

        self.domains = Pair(options.a, options.b).map(domain)
        self.set_aside = tuple(aside)


@hookimpl
def datasets() -> Iterable[DatasetOffer]:
    """Offers `animals`."""
    yield DatasetOffer(
        name="animals",
        options=AnimalsOptions,
        build=Animals,
        source="animal-mnist 0.4 on PyPI, fetched with your pip",
        summary=f"Real 28 x 28 silhouettes of ten animals ({', '.join(CLASSES)})",
    )
