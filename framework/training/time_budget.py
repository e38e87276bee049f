"""How long a run will take here, and how many images fit into some minutes: measured, not guessed."""

from __future__ import annotations

from statistics import fmean, median

from attrs import evolve, frozen

from ..features.training_data import TrainingData, Untranslated
from ..recipe.recipe import AnyStage, Recipe
from ..setup import Setup
from ..support import ranks
from ..support.progress import Reporter
from .loop import TrainState, train_step
from .stages import Stage, build_stage

WARM_UP, TIMED_STEPS = 2, 5
TIMED_SHARE = 0.02
"""What part of the minutes goes into measuring, where that makes more steps than the fewest."""
LONG = 10_000
MARGIN = 1.06  # samples, checkpoints and translating the stores


@frozen
class TimeBudget:
    """Seconds a step of every stage, for each span of the stage between the points where losses begin."""

    spans: tuple[tuple[tuple[float, float], ...], ...]  # a stage: ((share of the stage, seconds a step), …)

    @classmethod
    def measured(
        cls,
        setup: Setup,
        data: TrainingData,
        report: Reporter,
        minutes: float = 0.0,
        only: AnyStage | None = None,
    ) -> TimeBudget:
        """Times real steps of every stage, with fresh networks and real features in place of translations.

        The more `minutes` the run is to take, the longer: a few steps may be a tenth off. Of one stage `only`, where
        the others are trained already.
        """
        stages = len(setup.recipe.trained)
        least = minutes * 60 * TIMED_SHARE / (1 if only else stages)
        untranslated = Untranslated(data.train, data.test, data.normalise, data.device)
        measured: list[tuple[tuple[float, float], ...]] = []
        with report.stage("measure this machine", stages) as bar:
            for index in range(stages):
                stage = build_stage(setup, index)
                bar.advance()
                if not stage.learns or only not in (None, setup.recipe.trained[index]):
                    measured.append(((1.0, 0.0),))
                    continue
                starts = sorted({0.0, *(use.start for use, _ in stage.losses if use.start < 1)})
                measured.append(
                    tuple(
                        (end - start, _seconds(stage, (start + end) / 2, setup, untranslated, least / len(starts)))
                        for start, end in zip(starts, [*starts[1:], 1.0])
                    )
                )
        return cls(tuple(measured))

    def seconds(self, recipe: Recipe) -> list[float]:
        """Expected seconds of each stage of `recipe`."""
        costs = [sum(share * cost for share, cost in spans) for spans in self.spans]
        return [cost * stage.schedule.steps * MARGIN for cost, stage in zip(costs, recipe.trained)]

    def scaled_to(self, recipe: Recipe, minutes: float, only: AnyStage | None = None) -> Recipe:
        """`recipe` with the images of what was measured scaled so that it takes about `minutes`."""
        whole = sum(self.seconds(recipe))
        return recipe.scaled(minutes * 60 / whole if whole else 1.0, only)


def _seconds(stage: Stage, done: float, setup: Setup, data: TrainingData, least: float) -> float:
    """Seconds of one step when the fraction `done` of the stage is behind it, from `least` seconds of steps or more.

    The first process measures and decides how often: all take these steps together.
    """
    stage.schedule = evolve(stage.schedule, images=LONG * stage.schedule.batch)
    state, compute = TrainState.of(stage), setup.compute
    state.step = round(done * LONG)
    times: list[float] = []
    while ranks.on_first(lambda: len(times) < WARM_UP + TIMED_STEPS or sum(times) < least):
        start = compute.clock()
        train_step(state, data, setup.recipe.training.seed, compute.autocast)
        times.append(compute.clock() - start)
    times = ranks.on_first(lambda: times)
    longest = 2 * median(times[WARM_UP:])  # a penalty that comes now and then counts, the machine's hiccup does not
    return fmean(min(t, longest) for t in times[WARM_UP:])
