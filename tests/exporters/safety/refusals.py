"""What every refusal of a file has to be."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from crosscade.exporters.safety.graph import check_graph
from crosscade.framework import InputError


def refused(path: Path, reason: str, check: Callable[[Path], object] = check_graph) -> None:
    """`check` names the file and the reason, at once, with exit code 2."""
    start = time.perf_counter()
    with pytest.raises(InputError, match=reason) as caught:
        check(path)
    assert time.perf_counter() - start < 2
    assert caught.value.where.startswith(str(path))
    assert caught.value.exit_code == 2
    assert "\n" not in str(caught.value)
