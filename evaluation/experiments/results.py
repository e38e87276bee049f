"""Runs of several methods scored under one protocol: the layout of the paper's Table 1, and the grid of its Fig. 8."""

# N test images, H W space

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import mean, median, stdev
from typing import Any

from attrs import asdict, evolve, field, frozen

from ...framework import (
    DIRECTIONS,
    Bundle,
    Catalogue,
    Dataset,
    EvaluationSet,
    Image,
    Images,
    Reporter,
    RunError,
    Score,
    Translation,
    load,
)
from ...framework.features import health
from ...framework.metrics.evaluate import evaluation_images
from ...framework.support.device import device_of
from ..evaluate.judged import compare
from ..metrics.image_statistics import POOLED, distances
from ..metrics.jackknife import SPREAD
from ..reports.page import spread
from ..reports.sheet import sheet
from ..reports.table import Table
from .protocol import Protocol
from .trials import Trial, images_seen

SHOWN = 6
DISTANCES = ("fid", "fd-", "kid", "kd-")
UNEQUAL = 1.25
"""How far a method's processor time (on a GPU its time) may be from the typical one: beyond, budgets are not equal."""


@frozen
class DirectionResults:
    """One direction: every score of every method, and pictures."""

    name: str
    title: str
    table: Table
    grid: Mapping[str, Images]
    """The same few test images as source, by each method, and their nearest training images: (SHOWN, H, W, 3)."""
    sheets: Mapping[str, Image]
    """Of each method's first seed, by the run's name, its first translations, none chosen."""


@frozen
class Results:
    """Everything that a comparison found."""

    summary: Table
    directions: tuple[DirectionResults, ...]
    warnings: tuple[str, ...]
    recipes: Mapping[str, Any] = field(factory=dict)
    """What each method was trained by, images and all, with its first seed."""


@frozen
class _Translated:
    """What a run made of the test images, and what is known of the run."""

    trial: Trial
    images: Mapping[str, Images]
    facts: Mapping[str, Score]
    warnings: tuple[str, ...]
    recipe: Any


Methods = dict[str, list[_Translated]]
"""By a variant's name, seed by seed."""


def score(
    trials: Sequence[Trial],
    dataset: Dataset,
    catalogue: Catalogue,
    report: Reporter,
    notes: Sequence[str] = (),
    metrics: Sequence[str] | None = None,
    device: str = "cpu",
) -> Results:
    """Translates the dataset's test images by every finished run, both directions, and scores them together.

    Networks run on `device`. Features of real images and judges are made once for all methods; seeds of a method become
    their mean and spread.
    Raises RunError when there is no finished run.
    """
    if not trials:
        raise RunError("the comparison", found="no finished run", expected="one at least", cure="See the runs' logs.")
    first = load(trials[0].run, catalogue)
    real = evaluation_images(dataset, first.recipe.image, str(device_of(device)))
    sources: dict[str, Images] = {direction: images.test for direction, images in real.items()}
    methods: Methods = {}
    for trial in trials:
        report.say(f"translating with {trial.name}")
        run = _translated(trial, load(trial.run, catalogue), sources, device)
        methods.setdefault(trial.variant.name, []).append(run)
    every = [run for runs in methods.values() for run in runs]
    counts = " and ".join(f"{len(sources[way])} {way.source(dataset.domains).name}" for way in DIRECTIONS)
    notes = (
        *notes,
        f"{counts} test images, {first.image.size} px, centre crops of images loaded at "
        f"{first.recipe.image.short_side} px; features in float32, distances in float64; final weights.",
        "All of it was measured by this command: no published number stands here.",
    )
    directions = []
    for direction, images in real.items():
        title, samples = images.title, images.samples
        table = Table(title, {}, notes=(images.too_small,))
        if samples is not None:
            candidates = {m.trial.name: m.images[direction] for m in every}
            table = _over_seeds(compare(samples, candidates, metrics, report.say, catalogue, title), methods)
        table = evolve(table, notes=(*table.notes, *notes), flags=(images.seen,) if images.seen else ())
        firsts = {run.trial.name: run.images[direction] for run, *_ in methods.values()}
        sheets = {name: sheet(images.test, translated) for name, translated in firsts.items()}
        grid = _grid(samples, images.test, methods, direction)
        directions.append(DirectionResults(direction, title, table, grid, sheets))
    return Results(
        _summary(directions, methods, notes, "CPU minutes" if device == "cpu" else "minutes"),
        tuple(directions),
        tuple(f"{m.trial.name}: {line}" for m in every for line in m.warnings),
        {method: runs[0].recipe for method, runs in methods.items()},
    )


def _translated(trial: Trial, bundle: Bundle, test: Mapping[str, Images], device: str) -> _Translated:
    images = {
        direction: Translation(bundle, direction, batch=50, device=device).images(list(source), seed=trial.seed)
        for direction, source in test.items()
    }
    odd = [line for direction, outputs in images.items() for line in health.check_images(outputs, direction)]
    warnings = (*bundle.manifest.get("warnings", ()), *odd)
    return _Translated(trial, images, facts(trial, bundle), warnings, bundle.recipe.plain())


def facts(trial: Trial, bundle: Bundle) -> dict[str, Score]:
    """What a trained run weighs and what it took, as scores without a better direction."""
    cascades = [bundle.cascade(direction) for direction in DIRECTIONS]
    trained = sum(p.numel() for c in cascades for net in (c.translators, c.inverter) for p in net.parameters())
    frozen_too = sum(p.numel() for p in bundle.encoder.parameters())
    cost, seen = trial.cost, images_seen(bundle.recipe)
    whole = cost.begun == cost.measured
    unseen = Score.missing("a process was killed or could not be measured")
    cpu = cost.cpu_seconds
    on_cpu = bundle.manifest.get("device", "cpu") == "cpu"
    spent = cpu if on_cpu else cost.wall_seconds
    return {
        "parameters, M": Score(trained / 1e6, "of what is trained and translates, both directions, in millions"),
        "frozen, M": Score(frozen_too / 1e6, "parameters of the frozen encoder, in millions"),
        "images": Score(seen, "of each domain seen in training, summed over every stage that learns"),
        "CPU minutes": Score(cpu / 60, "processor time of the whole process: data, features, planning, training")
        if whole
        else unseen,
        "minutes": Score(cost.wall_seconds / 60, "the same by the clock"),
        "images/s": Score(seen / spent, f"images seen a second {'of that processor time' if on_cpu else 'of these'}")
        if whole and spent
        else unseen,
        "peak MiB": Score(cost.peak_bytes / 2**20, "largest resident memory of the process") if whole else unseen,
    }


def _over_seeds(table: Table, methods: Methods) -> Table:
    """A row for each method in place of one for each of its runs."""
    rows = {name: table.rows[name] for name in table.controls}
    merged: dict[str, dict[str, Score]] = {}
    for method, runs in methods.items():
        each = [table.rows[m.trial.name] for m in runs]
        # a metric that failed has a missing score in place of its own
        columns = {key: [scores[key] for scores in each if key in scores] for key in table.columns}
        merged[method] = {key: merge(scores) for key, scores in columns.items() if scores}
    return evolve(table, rows={**merged, **rows})


def merge(scores: Sequence[Score]) -> Score:
    """One score for several seeds': their mean, with the sample standard deviation as its spread."""
    known = [s for s in scores if not math.isnan(s.value)]
    if len(scores) == 1 or not known:
        return scores[0]
    spread = {SPREAD: stdev(s.value for s in known)} if len(known) > 1 else {}
    lacking = f" ({len(scores) - len(known)} without a value)" if len(known) < len(scores) else ""
    protocol = known[0].protocol.partition(f"; {SPREAD}: ")[0]
    return evolve(
        known[0],
        value=mean(s.value for s in known),
        protocol=f"{protocol}; mean ± standard deviation of {len(known)} seeds{lacking}",
        beside={k: v for k, v in known[0].beside.items() if k != SPREAD} | spread,
        warning="; ".join(dict.fromkeys(s.warning for s in known if s.warning)),
    )


def _summary(directions: Sequence[DirectionResults], methods: Methods, notes: Sequence[str], budget: str) -> Table:
    """Methods down, directions across, by each distance; then what each cost, of which `budget` should be equal."""
    rows: dict[str, dict[str, Score]] = {}
    for name in (n for n in directions[0].table.shown if n.startswith(DISTANCES)):
        for direction in directions:
            for row, scores in direction.table.rows.items():
                if name in scores:  # its warning stands in the direction's own table
                    rows.setdefault(row, {})[f"{name} {direction.name}"] = evolve(scores[name], warning="")
    costs = {
        method: {key: merge([m.facts[key] for m in runs]) for key in runs[0].facts} for method, runs in methods.items()
    }
    spent = {method: costs[method][budget].value / runs[0].trial.variant.times for method, runs in methods.items()}
    typical = median(spent.values())
    for method, cost in costs.items():
        ratio = spent[method] / typical if typical else 1.0
        if max(ratio, 1 / max(ratio, 1e-9)) > UNEQUAL:
            kind = "processor time" if budget == "CPU minutes" else "time"
            unequal = f"{ratio:.2f} times the {kind} that is typical of its budget: not the same budget"
            cost[budget] = evolve(cost[budget], warning=unequal)
        rows[method] = rows.get(method, {}) | cost
    which = "; ".join(f"{d.name}: {d.title}" for d in directions)
    return Table("All methods", rows, directions[0].table.controls, (f"{which}.", *notes))


def _grid(samples: EvaluationSet | None, source: Images, methods: Methods, direction: str) -> dict[str, Images]:
    """A row for the source, one for each method by its first seed, and the first method's nearest training images."""
    picked = spread(len(source), SHOWN)
    rows = {"source": source[picked]}
    rows |= {method: runs[0].images[direction][picked] for method, runs in methods.items()}
    if samples is not None:
        method, ours = next((m, rows[m]) for m in rows if m != "source")
        few = POOLED.of(samples.with_translated(ours), "translated")
        nearest = distances(few, POOLED.of(samples, "target_train")).argmin(1)
        rows[f"nearest training image to {method}'s"] = samples.target_train[nearest]
    return rows


def as_json(results: Results, protocol: Protocol, trials: Sequence[Trial]) -> dict[str, Any]:
    """All of it as plain values."""
    return {
        "protocol": protocol.plain(),
        "summary": results.summary.as_json(),
        "directions": {d.name: d.table.as_json() for d in results.directions},
        "runs": {trial.name: asdict(trial.cost) for trial in trials},
    }
