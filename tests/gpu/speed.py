"""Steps a second as they are, and what compiled networks and CUDA graphs would make of them."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch

from crosscade.framework import Pair
from crosscade.framework.support.device import Compute
from crosscade.framework.training import loop
from crosscade.framework.training.loop import TrainState, train_step
from tests.gpu.asked import At, NotHereError
from tests.gpu.subjects import CYCLEGAN, chosen, data_of, set_up, small, states

SHAPES = [(name, size, batch) for size in (96, 224) for batch in (8, 32) for name in ("demo", "cyclegan")]
"""Recipe, pixels and batch, the most telling first."""
WARM, SECONDS = 3, 1.0


def encode(at: At) -> dict[str, Any]:
    """Images a second into features, normalised and stored."""
    said: dict[str, Any] = {}
    images = 8 if at.quick else 200
    for precision in ("float32",) if at.quick else ("float32", "bfloat16"):
        compute = chosen(at, precision)
        setup = set_up(small("demo", images=images, size=64 if at.quick else 96), compute)
        began = compute.clock()
        data_of(setup, at.folder / f"encode-{precision}")
        said[precision] = {"images": 3 * images, "seconds": round(compute.clock() - began, 2)}
        at.keep(said)
    return said


def speed(at: At) -> dict[str, Any]:
    """Of each stage: steps a second, waits a step, the peak of memory."""
    said: dict[str, Any] = {}
    for place, state, data, compute in _stages(at, SHAPES, said):
        if at.cuda:
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats(compute.device)
        pace = _pace(partial(train_step, state, data, 0, compute.autocast), compute, at)
        said[place] = {"steps a second": pace, **(_waits_and_peak(state, data, compute) if at.cuda else {})}
    return said


def graphs(at: At) -> dict[str, Any]:
    """Steps a second of whole steps as one CUDA graph, which is the most that graphs can give, and of compiled nets."""
    if not at.cuda:
        raise NotHereError("for a CUDA GPU")
    said: dict[str, Any] = {}
    for kind, measure in (("one graph", _graphed), ("compiled", _compiled)):
        for place, state, data, compute in _stages(at, SHAPES[1::-1], said):
            try:
                pace: Any = measure(state, data, compute, at)
            except Exception as error:  # that it cannot be captured or compiled is a finding too
                pace = f"{type(error).__name__}: {str(error).splitlines()[0]:.200}"
            said.setdefault(place, {})[kind] = pace
    return said


Place = tuple[str, TrainState, Any, Compute]


def _stages(at: At, shapes: list[tuple[str, int, int]], said: dict[str, Any]) -> Iterator[Place]:
    """Each recipe's and size's stages, with the time up to the last of them."""
    end, compute = time.monotonic() + 0.9 * at.seconds, chosen(at, "auto" if at.cuda else "float32")
    said["precision"] = str(compute)
    for name, size, batch in [("cyclegan", 32, 2)] if at.quick else shapes:
        recipe = small(name, *(CYCLEGAN if at.quick else ()), images=8 if at.quick else 32, size=size, batch=batch)
        try:
            setup = set_up(recipe, compute)
        except NotHereError as error:
            said[name] = f"not here: {error}"
            continue
        data = data_of(setup, at.folder / f"speed-{name}-{size}")
        for state in states(setup):
            if time.monotonic() > end:
                return
            yield f"{name} {size} px, batch {batch}: {state.stage.title}", state, data, compute
            at.keep(said)


def _pace(step: Callable[[], Any], compute: Compute, at: At) -> float:
    for _ in range(1 if at.quick else WARM):
        step()
    count, began = 0, compute.clock()
    while count < 1 or (not at.quick and compute.clock() - began < SECONDS):
        for _ in range(1 if at.quick else 5):
            step()
            count += 1
    return round(count / (compute.clock() - began), 2)


def _waits_and_peak(state: TrainState, data: Any, compute: Compute) -> dict[str, int]:
    """How often one step waits for the GPU, by what PyTorch itself sees of it, and the most memory there was in use."""
    peak = torch.cuda.max_memory_allocated(compute.device) >> 20
    torch.cuda.set_sync_debug_mode("warn")
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        train_step(state, data, 0, compute.autocast)
    torch.cuda.set_sync_debug_mode("default")
    return {"waits a step": sum("synchronizing" in str(w.message) for w in seen), "peak MiB": peak}


def _compiled(state: TrainState, data: Any, compute: Compute, at: At) -> float:
    networks = state.stage.networks
    for pair in (*(pair.into for pair in networks.translators.values()), *networks.inverters.values()):
        for net in pair:
            net.compile()
    return _pace(partial(train_step, state, data, 0, compute.autocast), compute, at)


def _graphed(state: TrainState, data: Any, compute: Compute, at: At) -> float:
    """Replays of one captured step on rows that stay: not a training, but its launches cost nothing."""
    rows = loop.draw(data.sizes, state.stage.schedule.batch, 0, 0, 0, 0)
    view, fixed = state.stage.view, {}

    def still(given: Any, _: Any) -> Any:
        return view(fixed["data"], rows)

    class Still(type(data)):  # type: ignore[misc]
        """Every array's rows, read once."""

        def _rows(self, name: str, wanted: Any) -> Pair[Any]:
            if name not in fixed:
                fixed[name] = data._rows(name, rows)
            return fixed[name]

    fixed["data"] = Still(data.train, data.test, data.normalise, data.device)
    for optimiser in (state.optimiser, *state.critic_optimisers):
        for group in optimiser.param_groups:
            group["capturable"] = True
    keep = loop.seed_step, loop.set_rates
    state.stage.view = still
    loop.seed_step, loop.set_rates = lambda *_: None, lambda *_: None
    try:
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(WARM):
                train_step(state, data, 0, compute.autocast)
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            train_step(state, data, 0, compute.autocast)
        return _pace(graph.replay, compute, at)
    finally:
        loop.seed_step, loop.set_rates = keep
        state.stage.view = view
