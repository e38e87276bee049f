"""The gate: an exported graph against eager torch in float32, on real and on random pictures, or it does not ship."""

# N images, H W space; K values of an image

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import onnxruntime
from attrs import asdict, frozen

from ...framework import Images, RunError, Score
from ...framework.data.styles import Styles
from ..runtime.exported import feeds, pieces, psnr_db

RUNTIME_VERSION: str = onnxruntime.__version__
"""Of the onnxruntime that the gate ran the graphs with."""
GOLDEN_IMAGES = 4
"""The first pictures of a reference go along with the graph; each must pass by itself, or no machine would take it."""
BATCHES = (1, 3, 16)
"""Batch sizes at which every graph is run: one that has learnt its example's size by heart fails at another."""
EQUAL_SHARE, LARGEST = 0.999, 2
"""float32: this share of the uint8 values is equal, and none differs by more."""
LEAST_PSNR_DB = {"fp32": 45.0, "fp16": 40.0, "int8": 30.0}
"""Against eager float32, over all values; also what golden pictures must reach on the target machine."""
SCORE_CHANGE = {"fp32": 0.01, "fp16": 0.01, "int8": 0.02}
"""How far a judged score may get worse: shares and correlations as they are, distances in parts of their ceiling.

A share may lose one image all the same: of few there is no smaller change.
"""


@frozen(eq=False)
class Reference:
    """Pictures uint8 (N, H, W, 3), their styles (N, K) or None, and what eager float32 makes of them, by output."""

    images: Images
    styles: Styles | None
    outputs: Mapping[str, Images]


@frozen
class Parity:
    """How close two sets of uint8 images are."""

    images: int
    equal_share: float
    largest: int
    psnr_db: float

    def plain(self) -> dict[str, Any]:
        """As JSON values; infinity, which JSON lacks, as None."""
        return {**asdict(self), "psnr_db": None if math.isinf(self.psnr_db) else round(self.psnr_db, 2)}


def parity(found: Images, expected: Images) -> Parity:
    """uint8 (N, H, W, 3) twice. Raises RunError when shapes or types differ."""
    if found.shape != expected.shape or found.dtype != expected.dtype:
        raise RunError(
            "export gate", found=f"{found.dtype} {found.shape}", expected=f"{expected.dtype} {expected.shape}"
        )
    difference = np.abs(found.astype(np.int16) - expected)
    equal, largest = float((difference == 0).mean()), int(difference.max(initial=0))
    return Parity(len(found), equal, largest, psnr_db(found, expected))


def session_of(model: bytes, threads: int = 0) -> onnxruntime.InferenceSession:
    """A session of a graph that we made ourselves, on the CPU; `threads` 0 leaves the number to onnxruntime."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def run_graph(
    session: onnxruntime.InferenceSession, images: Images, styles: Styles | None = None, batch: int = 16
) -> dict[str, Images]:
    """Every output for `images` (N, H, W, 3), by name, in batches."""
    names = [output.name for output in session.get_outputs()]
    results = [session.run(names, piece) for piece in pieces(feeds(images, styles), batch)]
    return {name: np.concatenate(parts) for name, parts in zip(names, zip(*results))}


def check_parity(
    session: onnxruntime.InferenceSession, reference: Reference, precision: str, where: str
) -> dict[str, Any]:
    """The parity of every output at every batch size, for the manifest. Raises RunError on a breach."""
    record: dict[str, Any] = {}
    for batch in BATCHES:
        # small batches are slow; a few will tell
        rows = slice(None) if batch == max(BATCHES) else slice(0, GOLDEN_IMAGES * batch)
        styles = None if reference.styles is None else reference.styles[rows]
        for name, output in run_graph(session, reference.images[rows], styles, batch).items():
            expected, place = reference.outputs[name][rows], f"{where}: output '{name}' at batch {batch}"
            measured = parity(output, expected)
            record[f"{name}, batch {batch}"] = measured.plain()
            refuse_breach(measured, precision, place)
            for k in range(len(output) if batch == 1 else 0):
                refuse_breach(parity(output[k : k + 1], expected[k : k + 1]), precision, f"{place}, picture {k}")
    return record


def refuse_breach(found: Parity, precision: str, where: str) -> None:
    """Raises RunError, with the numbers, unless `found` is within the limits of `precision`."""
    limit = LEAST_PSNR_DB[precision]
    close, expected, cure = found.psnr_db >= limit, f">= {limit:g} dB", "Use another --precision."
    if precision == "fp32":
        close = close and found.equal_share >= EQUAL_SHARE and found.largest <= LARGEST
        expected = f">= {EQUAL_SHARE:.1%} of the values equal and none off by more than {LARGEST}"
        cure = "A component exports as another function: run its contract check (crosscade.framework.testing)."
    if not close:
        raise RunError(
            where,
            found=f"{found.equal_share:.2%} of the values equal, largest difference {found.largest}, "
            f"{found.psnr_db:.1f} dB against eager float32",
            expected=expected,
            cure=f"Nothing was shipped. {cure}",
        )


def score_changes(before: Mapping[str, Score], after: Mapping[str, Score]) -> dict[str, float]:
    """By how much each judged score got worse (negative: better); distances in parts of their ceiling."""
    changes = {}
    for name, one in before.items():
        other = after[name]
        if one.higher_is_better is None or math.isnan(one.value) or math.isnan(other.value):
            continue
        worse = one.value - other.value if one.higher_is_better else other.value - one.value
        changes[name] = worse / one.beside.get("ceiling", 1.0)
    return changes


def refuse_change(changes: Mapping[str, float], scores: Mapping[str, Score], precision: str, where: str) -> None:
    """Raises RunError when one of the judged `scores` got worse by more than `precision` may cost."""
    for name, change in sorted(changes.items(), key=lambda item: -item[1]):
        limit, count = SCORE_CHANGE[precision], scores[name].n
        one = 1 / count if scores[name].unit == "share" and count else 0.0
        if change > max(limit, one + 1e-9):
            raise RunError(
                where,
                found=f"{name} worse by {change:.3f} than in eager float32",
                expected=f"at most {one:.3f}, one of {count} images" if one > limit else f"at most {limit:g}",
                cure="Nothing was shipped. Use another --precision.",
            )
