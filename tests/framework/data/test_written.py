"""Pictures are written whole or not at all, and laid side by side."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from crosscade.framework import InputError, read_rgb, write_png
from crosscade.framework.data.written import grid

RAMP = np.stack(np.broadcast_arrays(np.arange(0, 240, 5)[None], np.arange(0, 200, 5)[:, None], 90), -1).astype(np.uint8)


def test_write_png_replaces_whole_and_leaves_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "new" / "x.png"
    write_png(path, RAMP)
    write_png(path, RAMP[::-1])
    assert np.array_equal(read_rgb(path), RAMP[::-1])
    with pytest.raises((TypeError, ValueError)):
        write_png(path, np.zeros((4, 4, 7), np.uint8))
    assert [p.name for p in path.parent.iterdir()] == ["x.png"]
    assert np.array_equal(read_rgb(path), RAMP[::-1])


def test_grid() -> None:
    sheet = grid([[RAMP, RAMP], [RAMP]], pad=3)
    assert sheet.shape == (3 + 2 * 43, 3 + 2 * 51, 3)
    assert np.array_equal(sheet[3:43, 3:51], RAMP)
    assert (sheet[46:, 54:] == 255).all()
    with pytest.raises(InputError):
        grid([[]])
