"""Several processes are the same training as one, but for rounding."""

import os
import socket
import subprocess
import sys

import pytest
from safetensors.torch import load_file

from crosscade.framework import Catalogue
from tests.framework.training.in_float64 import recipes

CLOSE = 1e-10


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


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("world", "batch"), [(2, ""), (3, "5")])
def test_every_stage_and_every_loss_learns_the_same_from_its_share_of_the_batch(tmp_path, world, batch):
    """Three processes of a batch of five have unequal shares."""
    words = ("tests.framework.training.in_float64",)
    alone = begin(1, *words, tmp_path / "alone", batch or 0)
    shared = begin(world, *words, tmp_path / "shared", batch or 0)
    wait([*alone, *shared])
    expected, found = load_file(tmp_path / "alone"), load_file(tmp_path / "shared")
    assert expected.keys() == found.keys()
    assert len({name.split("/")[0] for name in expected}) == (5 if batch else 7)
    for name, value in expected.items():
        if value.numel():
            difference = float((value - found[name]).abs().max() / value.abs().max().clamp_min(1e-2))
            assert difference <= CLOSE, f"{name}: differs by {difference:.1g} of the largest value"


def test_no_loss_is_left_out():
    catalogue = Catalogue.discover()
    used = {use.use for _, recipe in recipes(catalogue) for stage in recipe.trained for use in stage.losses}
    assert used == {offer.name for offer in catalogue.offers("loss")}
