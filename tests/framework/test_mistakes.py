"""Mistakes of parts that no rehearsal calls are one line that names part and provider, too: see also test_rehearsal."""

from pathlib import Path

import numpy as np
import pytest

from crosscade.framework import (
    Catalogue,
    EvaluationSet,
    InputError,
    Metric,
    MetricOffer,
    RecipeOffer,
    Score,
    StarterOffer,
    WatcherOffer,
    evaluate,
    hookimpl,
    read,
)
from crosscade.framework.metrics.metric import SETS
from crosscade.framework.training.opening import starter, watchers
from tests.framework.tiny import tiny_recipe

OFFERS = {"metric": MetricOffer, "recipe": RecipeOffer, "starter": StarterOffer, "watcher": WatcherOffer}


def catalogue_with(kind, build):
    def hook(self):
        yield OFFERS[kind](name="mine", build=build, summary="a stranger's")

    hook.__name__ = f"{kind}s"
    plugin = type("Plugin", (), {hook.__name__: hookimpl(hook)})()
    theirs = Catalogue.of(plugin, provider="strange-parts")
    assert theirs.failures == []
    return Catalogue(Catalogue.discover().entries + theirs.entries)


def metric(measure):
    class Mine(Metric):
        def __init__(self, options):
            pass

        def measure(self, samples):
            return measure(samples)

    return Mine


@pytest.mark.parametrize(
    ("build", "line"),
    [
        (lambda options: None, "`build`: found None; expected a Metric"),
        (metric(lambda samples: 1 / 0), f"`measure`: found ZeroDivisionError: division by zero ({__file__}:"),
        (metric(lambda samples: samples.fakes), "`measure`: found AttributeError: 'EvaluationSet' object has no"),
        (metric(lambda samples: 0.5), "`measure`: found a float; expected a dict of Scores by name"),
        (metric(lambda samples: {"mine": 0.5}), "`measure`: found a dict of ['mine']; expected a dict of Scores"),
    ],
)
def test_a_metric_costs_only_its_own_score(build, line):
    samples = EvaluationSet(**{name: np.zeros((2, 16, 16, 3), np.uint8) for name in SETS})
    scores = evaluate(samples, ["mine", "black-outputs"], catalogue=catalogue_with("metric", build))
    assert scores["mine"].absent.startswith("metric 'mine' of strange-parts 0: ")
    assert line in scores["mine"].absent
    assert isinstance(scores["black-outputs"], Score)
    assert scores["black-outputs"].absent == ""


@pytest.mark.parametrize(
    ("build", "line"),
    [
        (lambda: {"data": "safari"}, "`build`: found a dict of ['data']; expected a recipe's text in TOML"),
        (lambda: Path("gone.toml").read_text(), "`build`: found FileNotFoundError: "),
        (lambda: "data = safari", "recipe 'mine' of strange-parts 0: found "),
    ],
)
def test_a_recipe(build, line):
    with pytest.raises(InputError, match=r"^recipe 'mine' of strange-parts 0: ") as refused:
        read("mine", catalogue_with("recipe", build))
    assert line in str(refused.value)


@pytest.mark.parametrize(
    ("build", "line"),
    [
        (lambda options: None, "`build`: found None; expected a Watcher"),
        (lambda options, *, folder: None, "`build`: found TypeError: "),
    ],
)
def test_a_watcher(build, line, tmp_path):
    with pytest.raises(InputError, match=r"^watcher 'mine' of strange-parts 0") as refused:
        watchers(["mine"], tmp_path, catalogue_with("watcher", build))
    assert line in str(refused.value)


@pytest.mark.parametrize(
    ("build", "line"),
    [
        (lambda: "here", "`build`: found a str; expected a bundle's folder, a Path"),
        (lambda: [][1], "`build`: found IndexError: list index out of range"),
    ],
)
def test_a_starter(build, line):
    catalogue = catalogue_with("starter", build)
    recipe = tiny_recipe("start=mine", catalogue=catalogue)
    with pytest.raises(InputError, match=r"^starter 'mine' of strange-parts 0: ") as refused:
        starter(recipe, catalogue)
    assert line in str(refused.value)
