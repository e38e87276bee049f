"""What `crosscade evaluate` judges, a bundle or exports alone, as one value that says what judging needs to know."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from attrs import frozen

from ...exporters.runtime.exported import Exported
from ...exporters.runtime.exported import load as load_export
from ...exporters.safety import manifest
from ...framework import Bundle, Catalogue, Dataset, InputError, Pair
from ...framework.bundle import bundle as bundles
from ...framework.recipe.read import dataset_from
from ...framework.recipe.recipe import ImageOptions
from ...framework.recipe.resolve import component
from ...framework.support.device import Compute
from ...framework.training.run_state import machine
from ..metrics.extractors import Extractor
from ..metrics.image_statistics import POOLED
from ..reports.embedding import deepest
from ..reports.page import ReportData
from ..reports.recipe_diff import Lineage, lineage
from .judged import Judged, judge, judge_exports, refuse_another


@frozen
class Subject:
    """Something that translates."""

    folder: Path
    domains: Pair[str]
    image: ImageOptions
    data: Mapping[str, Any]
    """The dataset that it was trained on, as a recipe's table; empty where it does not say."""
    deepest: Extractor
    """Whose features t-SNE shows."""
    judge: Callable[..., list[Judged]]
    """`judge(dataset, progress=…, metrics=…)`: every direction's table."""
    recipes: tuple[Lineage, ...] = ()
    facts: str = ""
    """A line about what was judged."""

    def dataset(self, spec: str | None, catalogue: Catalogue) -> Dataset:
        """The dataset of `--data NAME[:A,B]`, or without it the training's. InputError when neither is known."""
        if spec:
            return dataset_from(catalogue, spec)
        if not self.data:
            raise InputError(
                str(self.folder),
                found=f"no word of what it was trained on ({self.domains.a} and {self.domains.b})",
                expected="--data NAME[:A,B]",
                cure="`crosscade plugins dataset` lists datasets; your own pictures are folder:DIR_A,DIR_B.",
            )
        chosen = component(self.data, "dataset", f"data of {self.folder}", catalogue)
        return catalogue.build("dataset", chosen)

    def unlike(self, dataset: Dataset) -> tuple[str, ...]:
        """A warning when the dataset's domains are not those that it translates."""
        here = dataset.domains.map(lambda domain: domain.name)
        if here == self.domains:
            return ()
        return (f"judged on {here.a} and {here.b}, but made for {self.domains.a} and {self.domains.b}",)

    def about(self, judged: Sequence[Judged], command: str, warnings: Sequence[str]) -> ReportData:
        """A page but for its pictures and tables."""
        counts = ", ".join(f"{len(j.strips[0])} for {j.title}" for j in judged)
        cut = f"{self.image.size} px, centre crops of images loaded at {self.image.short_side} px"
        return ReportData(
            title=judged[0].title.replace("→", "↔") if len(judged) > 1 else judged[0].title,
            summary="Each row is a test image that training never saw, and what became of it.",
            command=command,
            recipes=self.recipes,
            hardware=f"{machine()}, {Compute.as_it_is()}",
            protocol=(f"Test images: {counts}; {cut}.", self.facts),
            warnings=tuple(warnings),
        )


def subject(path: str, exported: Sequence[str], catalogue: Catalogue) -> Subject:
    """The bundle, run or export in `path` with what else was `exported` of it. InputError when it is none of them."""
    folder, others = Path(path), [load_export(name) for name in exported]
    if (folder / manifest.NAME).is_file():
        return _exports([load_export(folder), *others])
    if not any((where / "bundle.json").is_file() for where in (folder, folder / "bundle")):
        expected = f"a bundle, a finished run, or an export with {manifest.NAME}"
        raise InputError(path, found="no bundle.json" if folder.is_dir() else "no such folder", expected=expected)
    return _bundle(bundles.load(folder, catalogue), others)


def _bundle(bundle: Bundle, exports: Sequence[Exported]) -> Subject:
    for exported in exports:
        refuse_another(exported, bundle)
    before = bundle.folder.parent / "without-refine"
    plain = bundle.recipe.plain()
    return Subject(
        bundle.folder,
        bundle.domains,
        bundle.recipe.image,
        plain["data"],
        deepest(bundle),
        partial(
            judge,
            bundle,
            without_refine=bundles.load(before, bundle.catalogue) if before.exists() else None,
            exports=exports,
        ),
        (lineage(bundle.recipe.name, plain, plain, bundle.catalogue),),
        f"The final weights of seed {bundle.recipe.training.seed}, in float32.",
    )


def _exports(exports: Sequence[Exported]) -> Subject:
    first = exports[0]
    for exported in exports[1:]:
        refuse_another(exported, first)
    told, way = first.manifest, next(iter(first.manifest.directions.items()))
    names = Pair(way[1].source, way[1].target)
    return Subject(
        first.folder,
        names if way[0] == "a2b" else names.swap(),
        ImageOptions(size=first.size, load=told.load),
        told.data,
        POOLED,
        partial(judge_exports, exports),
        facts=f"An ONNX export of method {told.method} in {told.precision}, opset {told.opset}, of the bundle "
        f"{told.bundle_sha256[:12]}; run by {first.provider(way[0])}.",
    )
