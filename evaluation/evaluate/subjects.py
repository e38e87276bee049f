"""What `crosscade evaluate` needs to know of what it judges, a bundle or exports alone."""

from __future__ import annotations

from collections.abc import Sequence

from ...exporters.runtime.exported import Exported
from ...framework import Catalogue, Dataset, InputError, Translator
from ...framework.recipe.dataset import dataset_from, dataset_of
from ...framework.recipe.recipe import ImageOptions
from ...framework.recipe.resolve import component
from ...framework.runs.state import machine
from ...framework.support.device import Compute
from ..metrics.extractors import Extractor
from ..metrics.image_statistics import POOLED
from ..reports.embedding import deepest
from ..reports.page import ReportData
from ..reports.recipe_diff import Lineage, lineage
from .judged import Judged, Subject


def dataset_for(judged: Translator, spec: str | None, catalogue: Catalogue) -> Dataset:
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
    return dataset_of(component(judged.data, "dataset", f"data of {judged.folder}", catalogue), catalogue)


def unlike(judged: Translator, dataset: Dataset) -> tuple[str, ...]:
    """A warning when the dataset's domains are not those that it translates."""
    here, trained = dataset.domains.map(lambda domain: domain.name), judged.domains
    return () if here == trained else (f"judged on {here.a} and {here.b}, but made for {trained.a} and {trained.b}",)


def deepest_of(judged: Subject) -> Extractor:
    """Whose features t-SNE shows."""
    return POOLED if isinstance(judged, Exported) else deepest(judged.bundle)


def about(
    first: Subject, judged: Sequence[Judged], command: str, warnings: Sequence[str], device: str = "cpu"
) -> ReportData:
    """A page but for its pictures and tables; the judges ran on `device`."""
    counts = ", ".join(f"{len(j.strip[0])} for {j.title}" for j in judged)
    image = ImageOptions(size=first.size, load=first.load)
    recipes: tuple[Lineage, ...] = ()
    if isinstance(first, Exported):
        export, provider = first.manifest, first.provider(first.directions[0])
        origin = (
            f"An ONNX export of method {first.name} in {export.precision}, opset {export.opset}, of the bundle "
            f"{export.bundle_sha256[:12]}; run by {provider}."
        )
    else:
        plain = first.bundle.recipe.plain()
        recipes = (lineage(first.name, plain, plain, first.bundle.catalogue),)
        origin = f"The final weights of seed {first.bundle.recipe.training.seed}, in float32."
        encoder = first.bundle.recipe.encoder.use
        scores = [score for j in judged for row in j.table.rows.values() for score in row.values()]
        if any(encoder in score.protocol for score in scores):
            origin += f" It was trained through {encoder}: a gain that only scores over {encoder} see is none."
    return ReportData(
        title=judged[0].title.replace("→", "↔") if len(judged) > 1 else judged[0].title,
        summary="Each row is a test image, and what became of it.",
        command=command,
        recipes=recipes,
        hardware=f"{machine()}, {Compute.as_it_is(device)}",
        protocol=(
            f"Test images: {counts}; {image.size} px, centre crops of images loaded at {image.short_side} px.",
            origin,
        ),
        warnings=tuple(warnings),
    )
