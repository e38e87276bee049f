"""What `crosscade evaluate` needs to know of what it judges, a bundle or exports alone."""

from __future__ import annotations

from collections.abc import Sequence

from ...exporters.runtime.exported import Exported
from ...exporters.runtime.exported import load as load_export
from ...framework import Catalogue, Dataset, InputError, Translator
from ...framework.recipe.read import dataset_from
from ...framework.recipe.recipe import ImageOptions
from ...framework.recipe.resolve import component
from ...framework.support.device import Compute
from ...framework.training.run_state import machine
from ..metrics.extractors import Extractor
from ..metrics.image_statistics import POOLED
from ..opening import open_translator
from ..reports.embedding import deepest
from ..reports.page import ReportData
from ..reports.recipe_diff import Lineage, lineage
from .judged import BATCH, Judged, Rows, Subject, rows_of


def opened(path: str, exported: Sequence[str], catalogue: Catalogue) -> tuple[Subject, Rows]:
    """The bundle, run or export in `path`, and its rows with what else was `exported` of it.

    Raises InputError when it is none of them.
    """
    others = [load_export(name) for name in exported]
    first = open_translator(path, catalogue, batch=BATCH)
    return first, rows_of(first, others)


def dataset_of(judged: Translator, spec: str | None, catalogue: Catalogue) -> Dataset:
    """The dataset of `--data NAME[:A,B]`, or without it the training's. InputError when neither is known."""
    if spec:
        return dataset_from(catalogue, spec)
    if not judged.data:
        raise InputError(
            str(judged.folder),
            found=f"no word of what it was trained on ({judged.domains.a} and {judged.domains.b})",
            expected="--data NAME[:A,B]",
            cure="`crosscade plugins dataset` lists datasets; your own pictures are folder:DIR_A,DIR_B.",
        )
    return catalogue.build("dataset", component(judged.data, "dataset", f"data of {judged.folder}", catalogue))


def unlike(judged: Translator, dataset: Dataset) -> tuple[str, ...]:
    """A warning when the dataset's domains are not those that it translates."""
    here, made = dataset.domains.map(lambda domain: domain.name), judged.domains
    return () if here == made else (f"judged on {here.a} and {here.b}, but made for {made.a} and {made.b}",)


def deepest_of(judged: Subject) -> Extractor:
    """Whose features t-SNE shows."""
    return POOLED if isinstance(judged, Exported) else deepest(judged.bundle)


def about(first: Subject, judged: Sequence[Judged], command: str, warnings: Sequence[str]) -> ReportData:
    """A page but for its pictures and tables."""
    counts = ", ".join(f"{len(j.strip[0])} for {j.title}" for j in judged)
    image = ImageOptions(size=first.size, load=first.load)
    recipes, facts = _facts(first)
    return ReportData(
        title=judged[0].title.replace("→", "↔") if len(judged) > 1 else judged[0].title,
        summary="Each row is a test image that training never saw, and what became of it.",
        command=command,
        recipes=recipes,
        hardware=f"{machine()}, {Compute.as_it_is()}",
        protocol=(
            f"Test images: {counts}; {image.size} px, centre crops of images loaded at {image.short_side} px.",
            facts,
        ),
        warnings=tuple(warnings),
    )


def _facts(first: Subject) -> tuple[tuple[Lineage, ...], str]:
    """Its recipe, where there is one, and a line about it."""
    if isinstance(first, Exported):
        manifest = first.manifest
        return (), (
            f"An ONNX export of method {first.name} in {manifest.precision}, opset {manifest.opset}, of the bundle "
            f"{manifest.bundle_sha256[:12]}; run by {first.provider(first.directions[0])}."
        )
    recipe, plain = first.bundle.recipe, first.bundle.recipe.plain()
    seed = f"The final weights of seed {recipe.training.seed}, in float32."
    return (lineage(first.name, plain, plain, first.bundle.catalogue),), seed
