"""A run on disk: its state is kept whole, and its health is not read back from its log."""

import json

import pytest

from crosscade.framework import Direction, InputError, RunError
from crosscade.framework.runs.folder import RunFolder
from crosscade.framework.runs.state import RunState, StageHealth
from tests.framework.tiny import tiny_recipe, tiny_run, unhashed

GONE = StageHealth(5, "a2b", 0.1, 0.02, True, ("level 5 a2b: collapse?",))


def test_a_state_is_read_as_it_was_written(tmp_path):
    folder, state = RunFolder(tmp_path), RunState.new(tiny_recipe(), 3.0, "crosscade train")
    state.health.append(GONE)
    state.warn("one", "two", "one")
    state.write(folder)
    again = RunState.read(folder)
    assert again == state
    assert again.warnings == ["one", "two"]
    assert again.health[0].direction is Direction.A2B


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"format": "crosscade.run/9"}, "format 'crosscade.run/9'"),
        ({"surprise": 1}, "unexpected keyword argument 'surprise'"),
        ({"threads": "all"}, "threads = 'all'"),
        ({"asked": 3}, "has no attribute"),
        ({"seconds": {}}, "seconds = {}"),
    ],
)
def test_another_state_is_refused(tmp_path, changes, expected):
    folder = RunFolder(tmp_path)
    RunState.new(tiny_recipe(), None, "").write(folder)
    folder.state.write_text(json.dumps(unhashed(json.loads(folder.state.read_text())) | changes))
    with pytest.raises(InputError, match=expected):
        RunState.read(folder)


def test_every_levels_health_is_kept(whole):
    health = RunState.read(RunFolder(whole)).health
    assert [(h.level, h.direction) for h in health] == [(5, "a2b"), (5, "b2a"), (4, "a2b"), (4, "b2a")]


def test_a_collapse_is_known_without_the_log(tmp_path):
    folder = RunFolder(tmp_path / "run")
    with pytest.raises(RunError, match="the translation collapsed"):  # it has hardly learnt anything
        tiny_run(folder.path, "training.ship_collapsed=false")
    state = RunState.read(folder)
    state.health[0] = StageHealth(5, "a2b", 0.1, 0.02, True)
    state.write(folder)
    folder.events.unlink()
    with pytest.raises(RunError, match=r"level 5 a2b: translations vary 0\.10 times as much as real features"):
        tiny_run(folder.path, "training.ship_collapsed=false", resume=True)
