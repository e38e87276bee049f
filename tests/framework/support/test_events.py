"""The log of a run survives being cut off anywhere."""

from crosscade.framework.support.events import Events


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


def test_rewinding_forgets_what_will_be_done_again(tmp_path):
    events = Events(tmp_path / "events.jsonl")
    for stage in (0, 1, 2):
        for step in (10, 20):
            events.add("step", stage=stage, step=step)
    events.rewind(1, 10)
    assert [(e["stage"], e["step"]) for e in events.read()] == [(0, 10), (0, 20), (1, 10)]
