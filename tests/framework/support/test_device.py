"""Arithmetic is chosen by measuring, and measuring disturbs nothing."""

import pytest
import torch

from crosscade.framework import InputError
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


def test_a_device_that_is_not_there_names_those_that_are(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert str(device.device_of("cuda:1")) == "cuda:1"
    with pytest.raises(InputError, match=r"--device cuda:7: found no such device.*; expected cpu or cuda:0 or cuda:1"):
        device.device_of("cuda:7")
    monkeypatch.setenv("LOCAL_RANK", "1")  # of several processes each has its own
    assert [str(device.device_of(name)) for name in ("auto", "cuda", "cuda:0", "cpu")] == [
        "cuda:1", "cuda:1", "cuda:0", "cpu",
    ]  # fmt: skip


def test_without_a_gpu_auto_is_the_cpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert device.device_of() == CPU
    with pytest.raises(InputError, match=r"--device cuda: found no such device here; expected cpu\. "):
        device.device_of("cuda")


def test_a_gpu_that_only_emulates_bfloat16_computes_in_float32(monkeypatch):
    gpu = torch.device("cuda:0")
    for native in (True, False):
        monkeypatch.setattr(
            torch.cuda, "is_bf16_supported", lambda including_emulation=True, n=native: including_emulation or n
        )
        assert device.choose("auto", gpu) == ("bfloat16" if native else "float32")


def test_tf32_only_beside_bfloat16():
    gpu = torch.device("cuda:0")
    assert [Compute(gpu, 1, precision).tf32 for precision in ("float32", "bfloat16")] == [False, True]
    assert not Compute(CPU, 1, "bfloat16").tf32
