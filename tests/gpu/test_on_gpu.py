"""On a real GPU: what `make gpu-check` looks at, as tests. `make test-gpu`."""

import pytest
import torch

from tests.gpu.asked import At
from tests.gpu.check import found

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU for PyTorch here"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("gpu")


def test_every_recipes_losses_and_gradients_are_the_cpus(folder):
    """1e-5 in float32, 1e-3 with TF32, 5 % in bfloat16."""
    _right("losses", At("cuda", folder))


def test_a_deterministic_run_that_is_resumed_has_the_bits_of_one_that_was_not_stopped(folder):
    _right("resume", At("cuda", folder))


def test_a_bundle_trained_on_the_gpu_passes_the_gate_and_translates_alike_on_both_devices(folder):
    _right("minute", At("cuda", folder, quick=True))
    _right("export", At("cuda", folder, quick=True))


def test_a_group_of_one_process_by_nccl(folder):
    _right("processes", At("cuda", folder))


def test_no_step_waits_for_the_gpu(folder):
    stages = _right("speed", At("cuda", folder, quick=True))
    waits = [stage["waits a step"] for stage in stages.values() if isinstance(stage, dict)]
    assert waits == [0]


def _right(name, at):
    said = found(name, at)
    if said["state"] == "not here":
        pytest.skip(said["why"])
    assert said["state"] == "right", said
    return said["found"]
