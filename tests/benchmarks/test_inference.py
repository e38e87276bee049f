"""Every way to run a cascade on a CPU, in turn with eager float32. `make bench`; settings in conftest.py."""

import statistics
import time

import numpy as np
import pytest

from crosscade.exporters.onnx import parity as gate
from tests.benchmarks.conftest import FACTS, MISSING, ROWS, setting
from tests.benchmarks.routes import EAGER, ROUTES, MissingError
from tests.benchmarks.table import Facts, Row, page

BATCHES = (1, 8)
CLOCK = time.process_time if setting("THREADS") == "1" else time.perf_counter
"""One thread's own time does not count what other programs took of its core."""


@pytest.mark.benchmark(timer=CLOCK)
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("route", ROUTES)
def test_speed_and_closeness(route, batch, workshop, benchmark, pytestconfig):
    try:
        run, reference = workshop.run(route), workshop.run(EAGER)
    except MissingError as reason:
        pytestconfig.stash[MISSING].append(f"{route}: {reason}")
        pytest.skip(str(reason))
    images, reference_took = workshop.subject.test[:batch], []

    def turn():  # each comes with its own weights in the cache
        reference(images)
        start = CLOCK()
        reference(images)
        reference_took.append(CLOCK() - start)
        run(images)

    run(images)
    benchmark.group = f"batch {batch}"
    benchmark.pedantic(run, (images,), setup=turn, rounds=pytestconfig.stash[FACTS].rounds)
    ratio = statistics.median(r / t for r, t in zip(reference_took, benchmark.stats.stats.data))
    psnr = closeness(run, reference, workshop.subject.test, batch)
    benchmark.extra_info.update(times_as_fast=ratio, psnr_db=psnr, threads=workshop.threads)
    pytestconfig.stash[ROWS].append(Row(route, batch, ratio, psnr))
    assert psnr > 15, f"{route} is another function"


def closeness(run, reference, images, batch):
    """PSNR in dB over all values, in batches as they are timed."""
    starts = range(0, len(images), batch)
    made, expected = (np.concatenate([f(images[k : k + batch]) for k in starts]) for f in (run, reference))
    return min(gate.parity(made, expected).psnr_db, 99.0)


def test_the_page_shows_every_route_and_the_quickest_that_is_exported_and_close():
    rows = [
        Row("eager float32", 1, 1.0, 99.0),
        Row("torch.compile bfloat16", 1, 9.0, 45.0),
        Row("onnxruntime fp32", 1, 1.5, 99.0),
        Row("onnxruntime fp32", 8, 1.25, 98.0),
        Row("OpenVINO bf16", 1, 3.0, 41.0),
        Row("onnxruntime int8", 1, 4.0, 25.0),
    ]
    made = page(rows, Facts("demo", 96, True, 1, 20), "A processor.", ["route x: no package"])
    assert "| route | batch 1 | batch 8 | PSNR, dB |" in made
    assert "| torch.compile bfloat16 | 9.00 |  | 45.0 |" in made
    assert "| onnxruntime fp32 | 1.50 | **1.25** | 98.0 |" in made
    assert "| OpenVINO bf16 | **3.00** |  | 41.0 |" in made
    assert "| onnxruntime int8 | 4.00 |  | 25.0 |" in made
    assert "- not measured: route x: no package" in made
    assert "fresh" in page(rows, Facts("demo", 96, False, 1, 20), "")
