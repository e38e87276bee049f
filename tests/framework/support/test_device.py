"""Arithmetic is chosen by measuring, and measuring disturbs nothing."""

import pytest
import torch

from crosscade.framework.support import device
from crosscade.framework.support.device import Compute

CPU = torch.device("cpu")


@pytest.mark.parametrize(("bfloat16", "expected"), [(0.5, "bfloat16"), (0.8, "float32"), (2.0, "float32")])
def test_auto_takes_bfloat16_where_it_is_clearly_faster(monkeypatch, bfloat16, expected):
    seconds = {torch.float32: 1.0, torch.bfloat16: bfloat16}
    monkeypatch.setattr(device, "_convolution", lambda clock: seconds.__getitem__)
    assert device.choose("auto", CPU) == expected
    assert device.choose("float32", CPU) == "float32"


def test_measuring_leaves_the_random_numbers_alone():
    torch.manual_seed(7)
    before = torch.get_rng_state()
    assert device.choose("auto", CPU) in ("float32", "bfloat16")
    assert torch.equal(torch.get_rng_state(), before)


def test_autocast_is_what_was_chosen():
    x, layer = torch.randn(1, 4), torch.nn.Linear(4, 4)
    with Compute(CPU, 1, "bfloat16").autocast():
        assert layer(x).dtype == torch.bfloat16
    with Compute(CPU, 1, "float32").autocast():
        assert layer(x).dtype == torch.float32


def test_threads():
    before = torch.get_num_threads()
    try:
        assert device.use_threads(1) == torch.get_num_threads() == 1
        assert device.use_threads(0) >= 1
    finally:
        torch.set_num_threads(before)


def test_threads_that_wait_for_a_busy_core_are_not_used(monkeypatch):
    before = torch.get_num_threads()
    monkeypatch.setattr(device.os, "sched_getaffinity", lambda pid: range(4), raising=False)
    monkeypatch.setattr(device, "_convolution", lambda: lambda dtype: {4: 5.0, 2: 0.6, 1: 1.0}[torch.get_num_threads()])
    try:
        assert device.use_threads(0) == 2
    finally:
        torch.set_num_threads(before)


def test_inference_has_all_bits_of_float32_and_training_its_own_again():
    settings = torch.backends.cuda.matmul, torch.backends.cudnn.conv
    before = [each.fp32_precision for each in settings]
    try:
        for each in settings:
            each.fp32_precision = "tf32"
        with device.full_float32():
            assert [each.fp32_precision for each in settings] == ["ieee", "ieee"]
        assert [each.fp32_precision for each in settings] == ["tf32", "tf32"]
    finally:
        for each, precision in zip(settings, before):
            each.fp32_precision = precision


def test_in_words():
    assert [str(Compute(CPU, threads, "bfloat16")) for threads in (1, 2)] == [
        "1 thread, bfloat16",
        "2 threads, bfloat16",
    ]
