"""Several processes are the same training as one, but for rounding."""

import json
import os
import socket
import subprocess
import sys

import pytest
from safetensors.torch import load_file

from crosscade.framework import Catalogue
from tests.framework.training.in_float64 import recipes

IN_FLOAT64 = "tests.framework.training.in_float64"
TOGETHER = "tests.framework.training.together"


def begin(world, *words):
    """As many processes of a module as torchrun would start."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    about = {"WORLD_SIZE": world, "LOCAL_WORLD_SIZE": world, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    return [
        subprocess.Popen(
            [sys.executable, "-m", *map(str, words)],
            env=os.environ | {k: str(v) for k, v in {**about, "RANK": rank, "LOCAL_RANK": rank}.items()},
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(world)
    ]


def wait(processes, code=0):
    """Their last words."""
    said = [process.communicate(timeout=240)[1] for process in processes]
    assert [process.returncode for process in processes] == [code] * len(processes), said
    return said


def require_equal(expected, found):
    """Two files of numbers are the same to 1e-10 of the largest of a tensor, or of 1 where they are hardly any."""
    expected, found = ({name: v.double() for name, v in load_file(file).items()} for file in (expected, found))
    assert expected.keys() == found.keys()
    for name, value in expected.items():
        if value.numel():
            difference = float((value - found[name]).abs().max() / value.abs().max().clamp_min(1e-2))
            assert difference <= 1e-10, f"{name}: differs by {difference:.1g} of the largest value"


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """What one process makes of batches of four."""
    out = tmp_path_factory.mktemp("alone") / "numbers"
    wait(begin(1, IN_FLOAT64, out, 0))
    return out


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """What two processes make of them."""
    out = tmp_path_factory.mktemp("shared") / "numbers"
    wait(begin(2, IN_FLOAT64, out, 0))
    return out


@pytest.mark.timeout(300)
def test_every_stage_and_every_loss_learns_the_same_from_its_share_of_the_batch(alone, shared):
    require_equal(alone, shared)


@pytest.mark.timeout(300)
def test_unequal_shares_count_by_their_rows(tmp_path):
    one, three = (begin(world, IN_FLOAT64, tmp_path / str(world), 5) for world in (1, 3))
    wait([*one, *three])
    require_equal(tmp_path / "1", tmp_path / "3")


def test_what_two_processes_have_begun_one_goes_on_with(alone, shared, tmp_path):
    wait([*begin(1, IN_FLOAT64, tmp_path / "alone", 0, alone), *begin(1, IN_FLOAT64, tmp_path / "shared", 0, shared)])
    require_equal(tmp_path / "alone", tmp_path / "shared")


def test_no_loss_is_left_out():
    catalogue = Catalogue.discover()
    used = {use.use for _, recipe in recipes(catalogue) for stage in recipe.trained for use in stage.losses}
    assert used == {offer.name for offer in catalogue.offers("loss")}


def digests(run):
    """Of the whole state at the end of every stage."""
    events = map(json.loads, (run / "events.jsonl").read_text().splitlines())
    return {event["stage"]: event["state_sha256"] for event in events if event["event"] == "stage"}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run of two processes that nobody disturbs."""
    run = tmp_path_factory.mktemp("whole") / "run"
    said = wait(begin(2, TOGETHER, run, "none"))
    assert (run / "bundle" / "bundle.json").is_file()
    assert json.loads((run / "run.json").read_text())["processes"] == 2
    assert [text.count("the translation collapsed") for text in said] == [1, 0], "the first alone speaks"
    return run


def test_one_that_is_told_to_stop_stops_all_at_the_same_step_and_they_go_on_to_the_same_bits(whole, tmp_path):
    run = tmp_path / "run"
    for said in wait(begin(2, TOGETHER, run, "stopped"), code=130):
        assert "stopped at translate level 5, step 3 of 4. Go on with: the same command with --resume" in said
    wait(begin(2, TOGETHER, run, "stopped"))
    assert digests(run) == digests(whole)


def test_torchrun_starts_a_killed_process_again_and_the_run_ends_with_the_same_bits(whole, tmp_path):
    run = tmp_path / "run"
    torchrun = ("torch.distributed.run", "--standalone", "--nproc-per-node=2", "--max-restarts=1", "-m")
    done = subprocess.run(
        [sys.executable, "-m", *torchrun, TOGETHER, str(run), "killed"], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert "training by 2 processes: found one that does not answer" in done.stderr
    assert "the same command with --resume goes on from it" in done.stderr
    assert digests(run) == digests(whole)


def test_a_component_that_keeps_statistics_of_its_own_rows_is_named(tmp_path):
    for said in wait(begin(2, TOGETHER, tmp_path / "run", "own"), code=1):
        assert "refine, step 4: 'loss0.critic_a.mean2': found not the same in all processes" in said


def test_more_processes_than_rows_are_refused(tmp_path):
    for said in wait(begin(3, TOGETHER, tmp_path / "run", "none"), code=2):
        assert (
            "invert level 4, 3 processes: found a schedule.batch of 2; expected at least a row for each. Set a larger"
            in said
        )
