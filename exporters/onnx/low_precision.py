"""float16 and int8 variants of a graph, each held against eager float32: closeness, judged scores, size and speed."""

# N images, H W space

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import onnx
import onnxruntime
from attrs import frozen

from ...framework import Bundle, Catalogue, Dataset, Images, MetricOffer, RunError, Score, evaluate
from ...framework.data.styles import styles_for
from ...framework.metrics.evaluate import DirectionImages, evaluation_images
from ..safety.manifest import OUTPUT
from . import parity as gate
from .graph import scopes
from .quantise import PLANS, to_float16, to_int8

CALIBRATION_IMAGES = 128


@frozen(eq=False)
class Judges:
    """One direction's pictures, and scores of what becomes of them; judges are trained once for both directions."""

    images: DirectionImages
    """Its test pictures are translated, and the quantiser is calibrated on its training pictures."""
    metrics: tuple[str, ...]
    """Those that say whether a translation is still one."""
    catalogue: Catalogue

    @classmethod
    def of(cls, bundle: Bundle, dataset: Dataset) -> dict[str, Judges]:
        """By direction."""
        entries = bundle.catalogue.of_kind("metric")
        metrics = tuple(e.qualified for e in entries if isinstance(e.offer, MetricOffer) and e.offer.verifies_exports)
        images = evaluation_images(dataset, bundle.recipe.image)
        return {direction: cls(each, metrics, bundle.catalogue) for direction, each in images.items()}

    def scores(self, translated: Images) -> dict[str, Score]:
        """By name; none where the dataset has too few pictures to judge with."""
        if self.images.samples is None:
            return {}
        return evaluate(self.images.samples.with_translated(translated), self.metrics, catalogue=self.catalogue)


def reduced(
    model: onnx.ModelProto, reference: gate.Reference, judges: Judges, precision: str, say: Callable[[str], None]
) -> tuple[onnx.ModelProto, dict[str, Any]]:
    """The first variant of `model` that passes the gate, and the record of all that were tried.

    Speed is said and not recorded, so that the same bundle always gives the same files. Raises RunError with what
    each variant lacked when none passes.
    """
    whole = gate.session_of(model.SerializeToString())
    test, style_size = judges.images.test, 0 if reference.styles is None else reference.styles.shape[1]
    styles = styles_for(len(test), style_size, seed=2)
    before = judges.scores(gate.run_graph(whole, test, styles)[OUTPUT])
    rows: dict[str, Any] = {"float32": {"megabytes": _megabytes(model), "scores": _values(before)}}
    refused: list[str] = []
    for title, variant in _variants(model, judges.images.train[:CALIBRATION_IMAGES], style_size, precision):
        session = gate.session_of(variant.SerializeToString())
        after = judges.scores(gate.run_graph(session, test, styles)[OUTPUT])
        changes = gate.score_changes(before, after)
        again = gate.run_graph(session, reference.images, reference.styles)[OUTPUT]
        row = rows[title] = {
            "megabytes": _megabytes(variant),
            "psnr_db": gate.parity(again, reference.outputs[OUTPUT]).plain()["psnr_db"],
            "scores": _values(after),
            "worse_by": {name: round(value, 4) for name, value in changes.items()},
        }
        speed = speed_ratio(session, whole, reference)
        told = _told(before, after) or judges.images.too_small or "not judged"
        say(f"{title}: {row['megabytes']} MB, {row['psnr_db']} dB, {speed:.2f} times as fast, {told}")
        try:
            parity = gate.check_parity(session, reference, precision, title)
            gate.refuse_change(changes, after, precision, title)
        except RunError as error:
            row["refused"] = f"{error.where}: {error.found}; expected {error.expected}"
            refused.append(f"{title}: {error.found}")
            say(f"{title}: refused, {error.found}; expected {error.expected}")
            continue
        return variant, {**parity, "variants": rows, "shipped": title}
    least, change = gate.LEAST_PSNR_DB[precision], gate.SCORE_CHANGE[precision]
    raise RunError(
        f"export in {precision}",
        found="; ".join(refused),
        expected=f">= {least:g} dB and scores worse by at most {change:g}, or by one image",
        cure="Nothing was shipped. Use --precision fp32 or fp16.",
    )


def _variants(
    model: onnx.ModelProto, calibration: Images, style_size: int, precision: str
) -> Iterator[tuple[str, onnx.ModelProto]]:
    if precision == "fp16":
        yield "float16, norms in float32", to_float16(model)
        return
    parts, styles = scopes(model), styles_for(len(calibration), style_size, seed=1)
    for plan in PLANS:
        yield plan.title, to_int8(model, calibration, styles, parts, plan)


def speed_ratio(
    one: onnxruntime.InferenceSession,
    other: onnxruntime.InferenceSession,
    reference: gate.Reference,
    turns: int = 15,
) -> float:
    """How many times as fast `one` is on one picture: the median of turns taken in turn, so that noise meets both."""
    images, styles = reference.images[:1], None if reference.styles is None else reference.styles[:1]
    ratios = []
    for _ in range(turns):
        took = []
        for session in (one, other):
            start = time.perf_counter()
            gate.run_graph(session, images, styles)
            took.append(time.perf_counter() - start)
        ratios.append(took[1] / took[0])
    return statistics.median(ratios)


def _megabytes(model: onnx.ModelProto) -> float:
    return round(model.ByteSize() / 1e6, 2)


def _told(before: Mapping[str, Score], after: Mapping[str, Score]) -> str:
    pairs = zip(_values(before).items(), _values(after).values())
    return ", ".join(f"{name} {one:g} → {other:g}" for (name, one), other in pairs)


def _values(scores: Mapping[str, Score]) -> dict[str, float]:
    return {name: round(score.value, 4) for name, score in scores.items() if score.higher_is_better is not None}
