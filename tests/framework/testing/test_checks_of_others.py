"""Checks of what needs no network name the part, who provides it and what it was asked for."""

import pytest

from crosscade.framework import (
    Catalogue,
    DatasetOffer,
    Metric,
    MetricOffer,
    RecipeOffer,
    StarterOffer,
    Watcher,
    WatcherOffer,
    hookimpl,
)
from crosscade.framework.testing import check_dataset, check_metric, check_recipe, check_starter, check_watcher


class Counting(Watcher):
    def __init__(self, options, *, run):
        self.seen = []

    def event(self, event):
        self.seen.append(event["event"])


class Spoiling(Counting):
    def event(self, event):
        event["seen"] = True


class Picky(Counting):
    def event(self, event):
        self.seen.append(event["values"])


class Unclosed(Counting):
    def close(self):
        raise OSError("no room")


def watcher(build):
    return WatcherOffer(name="mine", build=build, summary="a stranger's")


def test_a_sound_watcher_passes():
    check_watcher(watcher(Counting))


@pytest.mark.parametrize(
    ("build", "sentence"),
    [
        (lambda options: print, "watcher 'mine' is a builtin_function_or_method, not a Watcher"),
        (lambda options, *, folder: None, "watcher 'mine': `build`: TypeError: "),
        (Spoiling, r"watcher 'mine': changes the event \{'event': 'step'"),
        (Picky, rf"watcher 'mine': the event \{{'event': 'sample', .*: KeyError: 'values' \({__file__}:"),
        (Unclosed, "watcher 'mine': `close`: OSError: no room"),
    ],
)
def test_a_planted_defect_of_a_watcher_is_named(build, sentence):
    with pytest.raises(AssertionError, match=sentence):
        check_watcher(watcher(build))


def test_starters_are_bundles_that_can_be_read(tmp_path):
    def starter(folder):
        return StarterOffer(name="mine", build=lambda: folder, summary="a stranger's")

    check_starter(Catalogue.discover().get("starter", "photographs"))
    with pytest.raises(AssertionError, match="starter 'mine': build gives a str, not the Path"):
        check_starter(starter("here"))
    with pytest.raises(AssertionError, match=f"starter 'mine': {tmp_path}: "):
        check_starter(starter(tmp_path))


class Raising(Metric):
    def measure(self, samples):
        return {"mine": samples.colours}


STEPLESS = """
data = { use = "safari", train = 4, test = 2 }
image = { size = 32 }
encoder = "pixels"
invert = [{ level = 0, inverter = "none" }]
translate = [{ level = 0, translator = "cyclegan-resnet", losses = ["content-prior"] }]
"""


class Plugin:
    """A package of parts with a mistake each."""

    @hookimpl
    def datasets(self):
        yield DatasetOffer(name="mine", build=lambda options: [][1], summary="a stranger's")

    @hookimpl
    def metrics(self):
        yield MetricOffer(name="mine", build=lambda options: Raising(), summary="a stranger's")

    @hookimpl
    def recipes(self):
        yield RecipeOffer(name="mine", build=lambda: STEPLESS, summary="a stranger's")


@pytest.mark.parametrize(
    ("kind", "check", "sentence"),
    [
        ("dataset", check_dataset, "`build`: IndexError: list index out of range"),
        ("metric", check_metric, "`measure`: AttributeError: 'EvaluationSet' object has no attribute 'colours'"),
        ("recipe", check_recipe, "a first step: .*content-prior.*needs contents"),
    ],
)
def test_sentences_name_the_package(monkeypatch, kind, check, sentence):
    ours, theirs = Catalogue.discover(), Catalogue.of(Plugin(), provider="strange-parts")
    everything = Catalogue(ours.entries + theirs.entries)
    monkeypatch.setattr(Catalogue, "discover", lambda: everything)
    with pytest.raises(AssertionError, match=f"^{kind} 'mine' of strange-parts 0: {sentence}"):
        check(everything.get(kind, "mine"))
