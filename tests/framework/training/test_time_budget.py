"""Minutes into images: the recipe is scaled by what its steps cost here."""

import copy
import json
from types import SimpleNamespace

import numpy as np
import pytest

from crosscade.framework import Catalogue, Reporter, resolve, train, write_png
from crosscade.framework.recipe.read import override
from crosscade.framework.training import time_budget
from crosscade.framework.training.time_budget import MARGIN, TimeBudget
from tests.framework.tiny import TABLE, tiny_recipe

BUDGET = TimeBudget((((0.5, 1.0), (0.5, 3.0)), ((1.0, 0.5),), ((1.0, 0.25),), ((1.0, 2.0),)))
"""Four stages; the first one's second half costs three times its first."""


def test_seconds_weigh_the_parts_of_a_stage():
    assert BUDGET.seconds(tiny_recipe()) == pytest.approx([4 * s * MARGIN for s in (2.0, 0.5, 0.25, 2.0)])


@pytest.mark.parametrize("minutes", [3.0, 60.0])
def test_every_stage_is_scaled_alike_so_that_the_whole_takes_the_minutes(minutes):
    recipe = tiny_recipe()
    scaled = BUDGET.scaled_to(recipe, minutes)
    assert sum(BUDGET.seconds(scaled)) == pytest.approx(minutes * 60, rel=0.03)
    schedules = [s.schedule for s in (*scaled.invert, *scaled.translate, scaled.refine)]
    assert len({s.images for s in schedules}) == 1, "they were equal and stay equal"
    assert scaled.translate[0].losses == recipe.translate[0].losses


@pytest.mark.parametrize(
    ("costs", "least", "steps", "expected"),
    [
        ([9, 9, 1, 1, 1, 1, 1], 0.0, 7, 1.0),  # the first two warm up
        ([1, 1, 1, 1.5, 1, 1.5, 1], 0.0, 7, 1.2),  # what comes every other step counts by its share
        ([1, 1, 1, 1, 60, 1, 1], 0.0, 7, 1.2),  # a hiccup is no more than another step
        ([1, 1] + [1, 1.5] * 4, 11.5, 10, 1.25),  # a longer run is measured longer
    ],
)
def test_a_step_costs_what_it_does_on_average(monkeypatch, costs, least, steps, expected):
    clock, left = [0.0], list(costs)

    def step(*_):
        clock[0] += left.pop(0)

    monkeypatch.setattr(time_budget, "train_step", step)
    monkeypatch.setattr(time_budget, "TrainState", SimpleNamespace(of=lambda stage: SimpleNamespace(step=0)))
    stage = SimpleNamespace(schedule=tiny_recipe().translate[0].schedule)
    setup = SimpleNamespace(compute=SimpleNamespace(clock=lambda: clock[0], autocast=None), recipe=tiny_recipe())
    assert time_budget._seconds(stage, 0.5, setup, None, least) == pytest.approx(expected)
    assert len(costs) - len(left) == steps


def test_no_stage_vanishes():
    scaled = BUDGET.scaled_to(tiny_recipe(), 1e-6)
    assert [s.schedule.steps for s in scaled.translate] == [1, 1]


def test_folders_of_unlike_sizes_are_measured_and_trained(tmp_path):
    noise = np.random.default_rng(0)
    for name, count in (("many", 9), ("few", 2)):
        for n in range(count):
            write_png(tmp_path / name / f"{n}.png", noise.integers(0, 255, (70, 90, 3)).astype(np.uint8))
    data = [f'data.a="{tmp_path / "many"}"', f'data.b="{tmp_path / "few"}"']
    table = {**copy.deepcopy(TABLE), "data": {"use": "folder"}}
    catalogue = Catalogue.discover()
    recipe = resolve(override(table, data), catalogue)
    run = tmp_path / "run"
    train(recipe, run, catalogue=catalogue, minutes=0.01, report=Reporter(quiet=True))
    state = json.loads((run / "run.json").read_text())
    assert state["done"]
    assert sum(state["seconds"]) > 0
