"""What no machine has is one line, not a signal."""

import numpy as np
import pytest
import torch

from crosscade.framework import ImageSpec, InputError
from crosscade.framework.support.device import use_threads
from crosscade.framework.support.limits import checked_threads, out_of_memory


def test_threads_that_no_machine_has_are_refused():
    assert checked_threads(64) == 64
    for count in (-1, 100_000):
        with pytest.raises(InputError, match=f"threads: found {count}; expected 0"):
            use_threads(count)


@pytest.mark.parametrize(
    "allocate",
    [lambda: torch.empty(1 << 60), lambda: torch.empty(1 << 62, 1 << 62), lambda: np.empty(1 << 58)],
)
def test_a_failed_allocation_says_what_to_lower(allocate):
    with pytest.raises((RuntimeError, MemoryError)) as failed:
        allocate()
    assert "memory: found not enough" in str(out_of_memory(failed.value))
    assert "image.size or the networks' width" in str(out_of_memory(failed.value))


def test_other_errors_are_no_lack_of_memory():
    assert out_of_memory(RuntimeError("shapes differ")) is None


def test_images_have_a_largest_size():
    with pytest.raises(ValueError, match="'size'"):
        ImageSpec(1_000_000)
