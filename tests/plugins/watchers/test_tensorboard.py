"""TensorBoard's own reader finds a run's curves and strips."""

import io
import sys

import numpy as np
import pytest
from PIL import Image

from crosscade.framework import Catalogue, InputError, read_rgb
from crosscade.framework.support.events import Events
from crosscade.framework.training.opening import watchers
from tests.framework.tiny import tiny_run


@pytest.mark.filterwarnings("ignore")
def test_curves_and_strips_of_a_run(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run = tmp_path / "run"
    tiny_run(run, watch=["tensorboard"])
    board = EventAccumulator(str(run / "tensorboard")).Reload()
    events = Events(run / "events.jsonl").read()

    cycle = [(e["step"], e["values"]["cycle"]) for e in events if "cycle" in e.get("values", {})]
    assert [(s.step, pytest.approx(s.value, abs=1e-5)) for s in board.Scalars("translate level 5/cycle")] == cycle
    assert len(board.Scalars("level 4 a2b/diversity")) == 1

    (strip,) = (e for e in events if e["event"] == "sample" and e["title"] == "refine")
    (shown,) = board.Images("refine/samples")
    assert shown.step == strip["step"] == 4
    drawn = np.asarray(Image.open(io.BytesIO(shown.encoded_image_string)))
    np.testing.assert_array_equal(drawn, read_rgb(run / strip["file"]))


def test_without_the_package_the_line_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(InputError, match=r"--watch tensorboard: found no package 'tensorboard'\. pip install"):
        watchers(["tensorboard"], tmp_path, Catalogue.discover())
