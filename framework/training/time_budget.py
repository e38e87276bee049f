"""How long a run will take here, and how many images fit into some minutes: measured, not guessed."""

from __future__ import annotations

import time
from statistics import fmean, median
from typing import Any

import torch
from attrs import evolve, frozen

from ..features.training_data import Materials
from ..recipe.recipe import Recipe
from ..support.progress import Reporter
from .loop import Trainee, train_step
from .stages import Stage, build_stage, stage_names

WARM_UP, TIMED_STEPS = 2, 5
TIMED_SHARE = 0.02
"""What part of the minutes goes into measuring, where that makes more steps than the fewest."""
LONG = 10_000
MARGIN = 1.06  # samples, checkpoints and translating the stores


@frozen
class Plan:
    """Seconds a step of every stage, for each span of the stage between the points where losses begin."""

    spans: tuple[tuple[tuple[float, float], ...], ...]  # a stage: ((share of the stage, seconds a step), …)

    @classmethod
    def measured(cls, materials: Materials, report: Reporter, minutes: float = 0.0) -> Plan:
        """Times real steps of every stage, with fresh networks and real features in place of translations.

        The more `minutes` the run is to take, the longer: a few steps may be a tenth off.
        """
        stages = len(stage_names(materials.recipe))
        least = minutes * 60 * TIMED_SHARE / stages
        made: list[tuple[tuple[float, float], ...]] = []
        with report.stage("measure this machine", stages) as bar:
            for index in range(stages):
                stage = build_stage(_Rehearsal.of(materials), index, {})
                bar.advance()
                if not stage.learns:
                    made.append(((1.0, 0.0),))
                    continue
                starts = sorted({0.0, *(use.start for use, _ in stage.losses if use.start < 1)})
                made.append(
                    tuple(
                        (end - start, _seconds(stage, (start + end) / 2, materials, least / len(starts)))
                        for start, end in zip(starts, [*starts[1:], 1.0])
                    )
                )
        return cls(tuple(made))

    def seconds(self, recipe: Recipe) -> list[float]:
        """Expected seconds of each stage of `recipe`."""
        steps = _schedules(recipe)
        return [sum(share * cost for share, cost in spans) * s.steps * MARGIN for spans, s in zip(self.spans, steps)]

    def scaled_to(self, recipe: Recipe, minutes: float) -> Recipe:
        """`recipe` with the images of every stage that learns scaled so that the whole takes about `minutes`."""
        whole = sum(self.seconds(recipe))
        factor = minutes * 60 / whole if whole else 1.0

        def scaled(stage: Any) -> Any:
            images = max(stage.schedule.batch, round(stage.schedule.images * factor))
            return evolve(stage, schedule=evolve(stage.schedule, images=images)) if stage.losses else stage

        return evolve(
            recipe,
            inversions=tuple(map(scaled, recipe.inversions)),
            stages=tuple(map(scaled, recipe.stages)),
            refine=scaled(recipe.refine) if recipe.refine else None,
        )


class _Rehearsal(Materials):
    """Materials whose translations are the target domain's own features: none exist yet."""

    @classmethod
    def of(cls, m: Materials) -> _Rehearsal:
        return cls(m.recipe, m.catalogue, m.image, m.encoder, m.normalise, m.train, m.test, m.device, m.autocast)

    def translated(self, number: int, rows: Any) -> Any:
        within = rows.swap().zip(lambda r, store: r % len(store), self.train)  # the other domain may be smaller
        return self.features(number, within)


def _schedules(recipe: Recipe) -> list[Any]:
    stages: list[Any] = [*recipe.inversions, *recipe.stages, *([recipe.refine] if recipe.refine else [])]
    return [s.schedule for s in stages]


def _seconds(stage: Stage, done: float, materials: Materials, least: float) -> float:
    """Seconds of one step when the fraction `done` of the stage is behind it, from `least` seconds of steps or more."""
    stage.schedule = evolve(stage.schedule, images=LONG * stage.schedule.batch)
    trainee = Trainee.of(stage)
    trainee.step = round(done * LONG)
    # alone on a core, other work on the machine must not shorten the training: the core's time is what counts
    clock = time.process_time if materials.device.type == "cpu" and torch.get_num_threads() == 1 else time.perf_counter
    times: list[float] = []
    while len(times) < WARM_UP + TIMED_STEPS or sum(times) < least:
        start = clock()
        train_step(trainee, materials.train.map(len), materials.recipe.training.seed, materials.autocast)
        times.append(clock() - start)
    longest = 2 * median(times[WARM_UP:])  # a penalty that comes now and then counts, the machine's hiccup does not
    return fmean(min(t, longest) for t in times[WARM_UP:])
