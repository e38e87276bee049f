"""The dataset that a recipe or a command's arguments name, built and looked at. Torch-free."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from ..catalogue.catalogue import Catalogue
from ..data.dataset import WHITE, Dataset, Domain, as_asked
from ..errors import InputError, shape_of
from ..spec import Pair
from .read import both, data_settings, override, texts
from .recipe import Component
from .resolve import component


def dataset_of(use: Component, catalogue: Catalogue) -> Dataset:
    """The dataset that a recipe names as its `data`. InputError when its images are not what they should be."""
    dataset: Dataset = catalogue.build("dataset", use)
    look_at(dataset, use, catalogue, dataset.preferred_size)
    return dataset


def look_at(dataset: Dataset, use: Component | None, catalogue: Catalogue, short_side: int) -> None:
    """InputError unless a dataset has two domains whose first images come as they are asked for.

    It is what `use` names; None: the caller's own, whose errors are left as they are.
    """

    def asking(what: str) -> AbstractContextManager[None]:
        return catalogue.calling("dataset", use, what) if use else nullcontext()

    def require(condition: bool, what: str, given: Any, expected: str) -> None:
        if not condition:
            where = catalogue.part("dataset", use) if use else "the dataset"
            raise InputError(f"{where}: {what}", found=shape_of(given), expected=expected)

    with asking("`domains`"):
        domains = dataset.domains
    fits = isinstance(domains, Pair) and all(isinstance(domain, Domain) for domain in domains)
    require(fits, "`domains`", domains, "a Pair of Domains")
    for domain in domains:
        for part, images in (("train", domain.train), ("test", domain.test)):
            what = f"an image of {domain.name}, {part}"
            with asking(what):
                image = images.load(0, short_side)
            expected = f"uint8 (H, W, 3), short side {short_side}"
            require(as_asked(image, short_side), what, image, expected)


def dataset_named(arguments: argparse.Namespace, catalogue: Catalogue, white: int = WHITE) -> Dataset | None:
    """The dataset of `--data`, or of `--a` and `--b`; None without them. InputError for a mixture.

    Folders' pictures are read with the `white` of whom they are given to.
    """
    data, a, b = arguments.data, arguments.a, arguments.b
    settings = [f"range={white}"] if white != WHITE and (a or str(data).partition(":")[0] == "folder") else []
    if a or b:
        folders = [text.removeprefix("data.") for text in texts(*both(data, a, b))]
        return dataset_from(catalogue, "folder", [*folders, *settings])
    return dataset_from(catalogue, data, settings) if data else None


def dataset_from(catalogue: Catalogue, spec: str, settings: Sequence[str] = ()) -> Dataset:
    """The dataset that `NAME[:A,B]` and `key=value` settings of its options name, built."""
    table = override(
        {"data": {"use": spec.partition(":")[0]}}, [*data_settings(spec), *(f"data.{s}" for s in settings)]
    )
    chosen = component(table["data"], "dataset", "$.data", catalogue)
    return dataset_of(chosen, catalogue)
