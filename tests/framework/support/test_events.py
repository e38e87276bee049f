"""The log of a run survives being cut off anywhere."""

import re
from pathlib import Path
from types import ModuleType

import pytest
from attrs import frozen

from crosscade.framework import Catalogue, InputError, Watcher, WatcherOffer, hookimpl, option
from crosscade.framework.support.events import Events
from crosscade.framework.training.opening import watchers
from tests.framework.tiny import tiny_run

DOCS = Path(__file__).parents[3] / "docs" / "events.md"
WATCHER = Path(__file__).parents[2] / "wheels" / "stripes" / "crosscade_stripes" / "watcher.py"
"""The one of docs/plugins.md."""


def test_a_line_cut_short_is_left_out_and_swallows_nothing(tmp_path):
    events = Events(tmp_path / "events.jsonl")
    events.add("step", stage=0, step=1, title="größer")
    whole = (tmp_path / "events.jsonl").read_bytes()
    events.add("step", stage=0, step=2, title="größer")
    lines = (tmp_path / "events.jsonl").read_bytes()
    for end in range(len(whole), len(lines)):
        (tmp_path / "events.jsonl").write_bytes(lines[:end])
        again = Events(tmp_path / "events.jsonl")
        again.add("step", stage=0, step=3)
        steps = [e["step"] for e in again.read()]
        assert steps in ([1, 3], [1, 2, 3])


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="no devices here")
def test_what_never_ends_is_no_log(tmp_path):
    (tmp_path / "events.jsonl").symlink_to("/dev/zero")
    with pytest.raises(InputError, match=r"events\.jsonl: found no regular file"):
        Events(tmp_path / "events.jsonl").read()


def test_rewinding_forgets_what_will_be_done_again(tmp_path):
    events = Events(tmp_path / "events.jsonl")
    for stage in (0, 1, 2):
        for step in (10, 20):
            events.add("step", stage=stage, step=step)
    events.rewind(1, 10)
    assert [(e["stage"], e["step"]) for e in events.read()] == [(0, 10), (0, 20), (1, 10)]


class Noting(Watcher):
    def __init__(self, fails_at=None, error=None):
        self.seen, self.fails_at, self.error = [], fails_at, error

    def event(self, event):
        if event["step"] == self.fails_at:
            raise self.error
        self.seen.append(event["step"])

    def close(self):
        self.seen.append("closed")


@pytest.mark.parametrize("error", [OSError("the logger's disk is full"), SystemExit("not logged in")])
def test_watchers_are_told_of_every_event_and_one_that_fails_costs_only_itself(tmp_path, error):
    good, bad, said = Noting(), Noting(2, error), []
    with Events(tmp_path / "events.jsonl", [bad, good], said.append).open() as events:
        for step in (1, 2, 3):
            events.add("step", stage=0, step=step)
    assert good.seen == [1, 2, 3, "closed"]
    assert bad.seen == [1, "closed"], "what it holds is let go of"
    assert said == [f"{type(error).__name__}: {error}. It is told of nothing more; the training goes on."]
    assert len(events.read()) == 3


def test_a_watcher_that_is_not_installed_is_refused_with_a_near_miss(tmp_path):
    with pytest.raises(InputError, match=r"watcher 'tensorbord'.*did you mean 'tensorboard'"):
        watchers(["tensorbord"], tmp_path, Catalogue.discover())
    with pytest.raises(InputError, match=r"unknown key 'foldr' @ --watch tensorboard\. did you mean 'folder'"):
        watchers(["tensorboard:foldr=x"], tmp_path, Catalogue.discover())


def test_when_one_of_several_cannot_be_built_those_before_it_are_closed(tmp_path):
    class Plugin:
        @hookimpl
        def watchers(self):
            yield WatcherOffer(name="noting", build=lambda options, *, run: noting, summary="notes")
            yield WatcherOffer(name="failing", build=lambda options, *, run: 1 / 0, summary="fails")

    noting = Noting()
    with pytest.raises(InputError, match="watcher 'failing'"):
        watchers(["noting,failing"], tmp_path, Catalogue.of(Plugin()))
    assert noting.seen == ["closed"]


def test_a_watchers_options_are_values_as_those_of_a_recipe_are(tmp_path):
    @frozen
    class Options:
        width: int = option(1, "a number")

    class Wide(Watcher):
        def __init__(self, options, *, run):
            self.width = options.width

        def event(self, event):
            pass

    module = ModuleType("wide")
    module.watchers = hookimpl(lambda: [WatcherOffer(name="wide", build=Wide, options=Options, summary="as wide")])
    catalogue = Catalogue.discover()
    catalogue.entries.extend(Catalogue.of(module).entries)
    wide = watchers(["wide:width=30", "wide", "wide:width=2,wide,test:wide:width=3"], tmp_path, catalogue)
    assert [named.watcher.width for named in wide] == [30, 1, 2, 1, 3]


def test_the_watcher_of_the_docs_follows_a_run_and_the_docs_know_its_events(tmp_path):
    page = DOCS.read_text()
    module = ModuleType("lowest")
    exec(WATCHER.read_text(), vars(module))
    catalogue = Catalogue.discover()
    catalogue.entries.extend(Catalogue.of(module).entries)
    tiny_run(tmp_path / "run", catalogue=catalogue, watch=["lowest"])
    events = Events(tmp_path / "run" / "events.jsonl").read()
    lowest = dict(line.split(",") for line in (tmp_path / "run" / "lowest.csv").read_text().splitlines())
    values = [e["values"]["cycle"] for e in events if "cycle" in e.get("values", {})]
    assert float(lowest["cycle"]) == min(values)
    rows = re.findall(r"^\| `(\w+)` \|[^|]*\|(.*)\|$", page, re.MULTILINE)[1:]
    documented = {event: set(re.findall(r"`(\w+)`", fields)) for event, fields in rows}
    for event in events:
        assert set(event) - {"event"} == documented[event["event"]] - {"NAME"}, event
    assert {event["event"] for event in events} == set(documented)
