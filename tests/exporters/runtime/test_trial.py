"""A graph that would end, fill or keep busy the process that reads it does that to another one: an error line."""

import json
import shutil
import sys

import numpy as np
import pytest
from attrs import evolve
from onnx import helper, numpy_helper

from crosscade.exporters.runtime import load, trial
from crosscade.exporters.runtime.trial import ending, limits_of
from crosscade.exporters.safety import manifest
from crosscade.exporters.safety.graph import check_graph
from crosscade.exporters.safety.measure import Cost
from crosscade.framework import CrosscadeError, RunError
from crosscade.framework.support import atomic
from tests.exporters import tiny_export

node = helper.make_node


def whole(name, *numbers):
    return numpy_helper.from_array(np.array(numbers, np.int64), name)


def exported(folder, nodes, tensors):
    """The tiny export with nodes put in that its manifest vouches for, as an attacker would."""
    tiny_export.write(folder, directions=("a2b",))
    model = tiny_export.graph("a2b")
    at = [each.name for each in model.graph.node].index("shift")
    for each in reversed(nodes):
        model.graph.node.insert(at, each)
    model.graph.initializer.extend(tensors)
    (folder / "a2b.onnx").write_bytes(model.SerializeToString())
    table, file = atomic.read_json(folder / manifest.NAME, "its own"), manifest.file(folder / "a2b.onnx")
    table["files"]["a2b.onnx"] = {"sha256": file.sha256, "bytes": file.bytes}
    (folder / manifest.NAME).write_text(json.dumps(table))
    return folder


HARMLESS = ([node("Exp", ["scaled"], ["more"])], [])


def test_a_trial_that_takes_too_much_is_an_error_line(tmp_path, monkeypatch):
    """What the shapes do not show, a fault of the runtime, ends or fills another process."""
    export = load(exported(tmp_path / "x.onnx", *HARMLESS), device="cpu")
    monkeypatch.setattr(trial, "BASE_BYTES", 60 << 20)
    with pytest.raises(CrosscadeError) as refused:
        export.prepare("a2b")
    assert "\n" not in str(refused.value)
    monkeypatch.undo()
    export.prepare("a2b")


def test_what_a_trial_does_not_end_with_is_said(tmp_path, monkeypatch):
    folder = tiny_export.write(tmp_path / "x.onnx")
    slow, run = [sys.executable, "-c", "import time; time.sleep(60)"], trial.subprocess.run
    monkeypatch.setattr(trial.subprocess, "run", lambda words, **how: run(slow, **how))
    monkeypatch.setattr(trial, "limits_of", lambda *_: {"bytes": 2 << 30, "seconds": -4.5})
    with pytest.raises(RunError, match=r"still at work after 2 s.*--trust"):
        load(folder, device="cpu").prepare("a2b")
    assert "SIGSEGV" in ending(-11, 5, "")
    assert "still at work after 5 s of a processor" in ending(-24, 5, "")
    assert "ended with code 3 (No space)" in ending(3, 5, "No space")


def test_ones_own_export_needs_no_trial(tmp_path, monkeypatch):
    def never(*_, **__):
        raise AssertionError("a trial")

    monkeypatch.setattr(trial.subprocess, "run", never)
    folder = tiny_export.write(tmp_path / "x.onnx")
    picture = tiny_export.pictures(1)
    translated = load(folder, device="cpu", trust=True).translate(picture)
    np.testing.assert_array_equal(translated, tiny_export.translated(picture))


def test_a_direction_is_tried_once_and_then_read_here(tmp_path, monkeypatch):
    runs, run = [], trial.subprocess.run
    monkeypatch.setattr(trial.subprocess, "run", lambda *words, **how: runs.append(1) or run(*words, **how))
    export = load(shutil.copytree(tiny_export.write(tmp_path / "x.onnx"), tmp_path / "y.onnx"), device="cpu")
    picture = tiny_export.pictures(1)
    np.testing.assert_array_equal(export.translate(picture), tiny_export.translated(picture))
    export.forget()
    export.translate(picture)
    assert len(runs) == 1


def test_the_limits_grow_with_the_pictures_and_never_beyond_the_machine(tmp_path):
    folder = tiny_export.write(tmp_path / "x.onnx")
    small, facts = manifest.read(folder), check_graph(folder / "a2b.onnx")
    assert limits_of(small, "a2b", facts)["seconds"] < trial.BASE_SECONDS + 0.1
    vast = evolve(facts, costs={64: Cost(2**60, 2**60)})
    assert limits_of(small, "a2b", vast)["bytes"] < 1 << 50
    assert limits_of(small, "a2b", vast)["seconds"] == trial.MOST_SECONDS
