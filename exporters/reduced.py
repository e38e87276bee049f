"""float16 and int8 variants of a graph, each held against eager float32: closeness, judged scores, size and speed."""

# N images, H W space

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import onnx
import onnxruntime
from attrs import define

from ..framework.bundle import Bundle
from ..framework.data import Dataset
from ..framework.errors import CrosscadeError, RunError
from ..framework.scores import Images, Samples, Score, cropped
from ..framework.scoring import FEWEST, evaluate, load_size, real_images, samples_of
from . import gate
from .graph import Deployed, scopes
from .manifest import OUTPUT
from .precision import PLANS, to_float16, to_int8

CALIBRATION_IMAGES = 128
JUDGES = ("target-class", "target-shape", "fd-efficientnet-lite0")
"""The metrics that say whether a translation is still one."""


@define
class Judges:
    """Judged scores of one direction's translations; the real pictures are looked at once."""

    samples: Samples | None
    bundle: Bundle

    @classmethod
    def of(cls, bundle: Bundle, direction: str, dataset: Dataset) -> Judges:
        """Without samples, so that nothing is judged, where the dataset has too few pictures."""
        size, load = bundle.image.size, load_size(bundle.recipe.image)
        real = real_images(dataset, size, load)
        if min(len(images) for pair in real.values() for images in pair) < FEWEST:
            return cls(None, bundle)
        there = samples_of(dataset, real, size, load)
        return cls(there if direction == "a2b" else there.reversed(there.target_test), bundle)

    def scores(self, images: Images) -> dict[str, Score]:
        """By name; none when there is nothing to judge with."""
        if self.samples is None:
            return {}
        return evaluate(self.samples.with_translated(images), JUDGES, catalogue=self.bundle.catalogue)


def reduced(
    model: onnx.ModelProto,
    module: Deployed,
    bundle: Bundle,
    direction: str,
    dataset: Dataset,
    images: Images,
    styles: gate.Styles,
    expected: Mapping[str, Images],
    precision: str,
) -> tuple[onnx.ModelProto, dict[str, Any]]:
    """The first variant of `model` that passes the gate, and the record of all that were tried.

    Raises RunError with every row when none passes.
    """
    judges = Judges.of(bundle, direction, dataset)
    whole = gate.session_of(model.SerializeToString())
    test, test_styles = _test(judges, module, images, styles)
    before = judges.scores(gate.run_graph(whole, test, test_styles)[OUTPUT])
    rows: dict[str, Any] = {"float32": {"megabytes": _megabytes(model), "scores": _values(before)}}
    refused: list[str] = []
    for title, variant in _variants(model, bundle, direction, dataset, precision, module.cascade.style_size):
        data = variant.SerializeToString()
        session = gate.session_of(data)
        after = judges.scores(gate.run_graph(session, test, test_styles)[OUTPUT])
        changes = gate.score_changes(before, after)
        rows[title] = {
            "megabytes": _megabytes(variant),
            "times_as_fast": round(speed_ratio(session, whole, images[:1], None if styles is None else styles[:1]), 2),
            "psnr_db": gate.parity(gate.run_graph(session, images, styles)[OUTPUT], expected[OUTPUT]).plain()[
                "psnr_db"
            ],
            "scores": _values(after),
            "worse_by": {name: round(value, 4) for name, value in changes.items()},
        }
        try:
            where = f"{direction} in {precision}, {title}"
            parity = gate.check_parity(session, images, styles, expected, precision, where)
            gate.refuse_change(changes, precision, where)
        except CrosscadeError as error:
            rows[title]["refused"] = f"{error.found}; {error.expected}"
            refused.append(f"{title}: {error.found}")
            continue
        return variant, {**parity, "variants": rows, "shipped": title}
    raise RunError(
        f"{direction} in {precision}",
        found="; ".join(refused),
        expected=f">= {gate.LEAST_PSNR_DB[precision]:g} dB and scores worse by at most {gate.SCORE_CHANGE[precision]:g}",
        cure="Nothing was shipped. Use --precision fp32 or fp16.",
    )


def _variants(
    model: onnx.ModelProto, bundle: Bundle, direction: str, dataset: Dataset, precision: str, style_size: int
) -> Iterator[tuple[str, onnx.ModelProto]]:
    if precision == "fp16":
        yield "float16, norms in float32", to_float16(model)
        return
    source = dataset.domains.a if direction == "a2b" else dataset.domains.b
    pictures = cropped(source.train, load_size(bundle.recipe.image), bundle.image.size, CALIBRATION_IMAGES)
    styles = np.random.default_rng(1).standard_normal((len(pictures), style_size)).astype(np.float32)
    parts = scopes(model)
    for plan in PLANS:
        yield plan.title, to_int8(model, pictures, styles if style_size else None, parts, plan)


def _test(judges: Judges, module: Deployed, images: Images, styles: gate.Styles) -> tuple[Images, gate.Styles]:
    if judges.samples is None:
        return images, styles
    size = module.cascade.style_size
    test = judges.samples.source
    return test, np.random.default_rng(2).standard_normal((len(test), size)).astype(np.float32) if size else None


def speed_ratio(
    one: onnxruntime.InferenceSession,
    other: onnxruntime.InferenceSession,
    images: Images,
    styles: gate.Styles,
    turns: int = 15,
) -> float:
    """How many times as fast `one` is as `other`: the median of turns taken in turn, so that noise meets both."""
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


def _values(scores: Mapping[str, Score]) -> dict[str, float]:
    return {name: round(score.value, 4) for name, score in scores.items() if score.higher_is_better is not None}
