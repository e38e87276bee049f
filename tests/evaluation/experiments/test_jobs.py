"""Processes that train: at most so many at a time, each with its own device, log and cost."""

import json
import os
import signal
import sys
import threading
from itertools import pairwise

import pytest

from crosscade.evaluation.experiments import jobs
from crosscade.evaluation.experiments.jobs import Cost, Job, places, run_jobs
from crosscade.framework import Reporter
from crosscade.framework.support.folders import alone
from crosscade.framework.training.watcher import InterruptedRunError
from tests.framework.tiny import former

QUIET = Reporter(quiet=True)
STANDIN = """
import json, pathlib, signal, sys, time
words = dict(zip(sys.argv[1::2], sys.argv[2::2]))
run = pathlib.Path(words["--out"])
run.mkdir(parents=True, exist_ok=True)
state = {}
if (run / "run.json").exists():
    state = json.loads((run / "run.json").read_text())
def stop(*_):
    (run / "run.json").write_text(json.dumps({**state, "saved": state.get("saved", 0) + 1}))
    sys.exit(130)
signal.signal(signal.SIGINT, stop)
(run / "began").write_text(str(time.time()))
(run / "device").write_text(words["--device"])
if words["--as"] == "bad":
    print("crosscade: the recipe: found nonsense", file=sys.stderr)
    sys.exit(2)
end = time.process_time() + 0.3
while time.process_time() < end:
    pass
(run / "middle").write_text(str(time.time()))
if words["--as"] == "long" and not state.get("saved"):
    time.sleep(60)
(run / "run.json").write_text(json.dumps({**state, "done": True}))
(run / "ended").write_text(str(time.time()))
"""


@pytest.fixture
def standin(monkeypatch):
    """A process that behaves as `crosscade train` does, without training; `--resume` and `--force` end its words."""
    monkeypatch.setattr(jobs, "TRAIN", (sys.executable, "-c", STANDIN))
    monkeypatch.setattr(jobs, "POLL_SECONDS", 0.1)


def job(tmp_path, name, kind="good"):
    return Job(tmp_path / "runs" / name, ("--as", kind))


def times(run, *names):
    return [float((run / name).read_text()) for name in names]


def test_each_run_is_measured_and_no_two_overlap(standin, tmp_path):
    pair = [job(tmp_path, "one"), job(tmp_path, "two")]
    assert run_jobs(pair, ["cpu"], QUIET, "") == {}
    for each in pair:
        cost = Cost.read(each.run)
        assert 0.3 <= cost.cpu_seconds < 5
        assert cost.wall_seconds >= 0.3
        assert cost.peak_bytes > 1 << 20
        assert cost.begun == cost.measured == 1
        assert each.done
    assert times(pair[0].run, "ended")[0] <= times(pair[1].run, "began")[0]
    before = times(pair[0].run, "began")
    assert run_jobs(pair, ["cpu"], QUIET, "") == {}
    assert times(pair[0].run, "began") == before, "what is done is not made again"


def test_two_jobs_work_at_once(standin, tmp_path):
    pair = [job(tmp_path, "one"), job(tmp_path, "two")]
    run_jobs(pair, ["cpu"] * 2, QUIET, "")
    assert times(pair[1].run, "began")[0] < times(pair[0].run, "ended")[0]


GPUS = ["cpu", "cuda:0", "cuda:1", "cuda:2"]


@pytest.mark.parametrize(
    ("device", "jobs", "there", "expected"),
    [
        ("cpu", None, ["cpu"], ["cpu"]),
        ("cpu", 2, GPUS, ["cpu", "cpu"]),
        ("cuda", None, GPUS[:2], ["cuda"]),
        ("cuda", 3, GPUS[:2], ["cuda"] * 3),
        ("cuda", None, GPUS, ["cuda:0", "cuda:1", "cuda:2"]),
        ("cuda", 2, GPUS, ["cuda:0", "cuda:1"]),
        ("cuda", 9, GPUS, ["cuda:0", "cuda:1", "cuda:2"]),
        ("cuda:1", None, GPUS, ["cuda:1"]),
    ],
)  # fmt: skip
def test_of_several_gpus_each_run_has_its_own(device, jobs, there, expected):
    assert places(device, jobs, there) == expected


def test_no_two_runs_share_a_gpu_and_none_is_idle(standin, tmp_path):
    every = [job(tmp_path, name) for name in "abcde"]
    assert run_jobs(every, GPUS[1:3], QUIET, "") == {}
    spans = {gpu: [] for gpu in GPUS[1:3]}
    for each in every:
        spans[(each.run / "device").read_text()].append(times(each.run, "began", "ended"))
    for on_one in spans.values():
        assert len(on_one) >= 2
        ordered = sorted(on_one)
        assert all(end <= begin for (_, end), (begin, _) in pairwise(ordered))


def test_one_that_fails_costs_only_itself(standin, tmp_path):
    bad, good = job(tmp_path, "one", "bad"), job(tmp_path, "two")
    assert run_jobs([bad, good], ["cpu"], QUIET, "") == {bad.run: "the recipe: found nonsense"}
    assert good.done
    assert not bad.done


def test_a_ctrl_c_reaches_every_process_once_and_the_run_goes_on(standin, tmp_path):
    long, later = job(tmp_path, "one", "long"), job(tmp_path, "two")

    def press():
        while not (long.run / "middle").exists():
            threading.Event().wait(0.05)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=press).start()
    with pytest.raises(InterruptedRunError, match="compare --resume") as stopped:
        run_jobs([long, later], ["cpu"], QUIET, "Go on with: crosscade compare --resume")
    assert stopped.value.exit_code == 130
    assert json.loads((long.run / "run.json").read_text())["saved"] == 1
    assert not later.run.exists()
    assert Cost.read(long.run).measured == 1
    assert run_jobs([long, later], ["cpu"], QUIET, "") == {}
    assert long.done
    assert Cost.read(long.run).begun == Cost.read(long.run).measured == 2
    assert Cost.read(long.run).cpu_seconds > 0.5, "both processes count"


def test_a_run_that_another_process_still_works_on_is_waited_for(standin, tmp_path):
    """As after the kill of a comparison, whose trainings go on."""
    one, two = job(tmp_path, "one"), job(tmp_path, "two")
    one.run.mkdir(parents=True)

    def end():
        with alone(one.run):
            holding.set()
            while not (two.run / "ended").exists():
                threading.Event().wait(0.05)
            (one.run / "run.json").write_text(json.dumps({"done": True}))

    holding, other = threading.Event(), threading.Thread(target=end)
    other.start()
    holding.wait()
    assert run_jobs([one, two], ["cpu"], QUIET, "") == {}
    other.join()
    assert one.done
    assert not (one.run / "began").exists(), "it was not trained again"


def test_the_share_that_is_done_is_read_from_the_runs_own_files(tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    stage = {"schedule": {"images": 100}, "losses": [1]}
    table = {"invert": [stage], "translate": [stage, {**stage, "losses": []}], "refine": stage}
    (run / "recipe.json").write_text(json.dumps(table))
    each = Job(run, ())
    assert each.share == 0
    (run / "run.json").write_text(json.dumps({"ready": True}))
    events = [{"event": "step", "stage": 0, "images": 100}, {"event": "step", "stage": 1, "images": 50}]
    (run / "events.jsonl").write_text("".join(json.dumps(e) + "\n" for e in events))
    assert each.share == pytest.approx(1.5 / 3), "a stage without losses takes no time"
    (run / "run.json").write_text(json.dumps({"ready": True, "seconds": [10, 20, 0, 70]}))
    assert each.share == pytest.approx(0.2)
    (run / "recipe.json").write_text(json.dumps(former({**table, "image": {"crops": 1}})))
    assert each.share == pytest.approx(0.2)
    (run / "run.json").write_text(json.dumps({"ready": True, "done": True}))
    assert each.share == 1
