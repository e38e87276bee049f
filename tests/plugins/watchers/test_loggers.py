"""The loggers that stand in the guide, by stand-ins of their packages: each is told of every curve and strip, once."""

import sys
from pathlib import Path
from unittest.mock import MagicMock

import pytest

from crosscade.framework.support.events import Events
from tests.docs_tools import DOCS, fenced


@pytest.fixture
def offers():
    space = {}
    exec(fenced((DOCS / "events.md").read_text(encoding="utf-8"), "python")[0], space)
    return {offer.name: offer for offer in space["watchers"]()}


def told(offer, run):
    """All events of a run; and before it, as every watcher is tried, none."""
    offer.build(None, run=run).close()
    watcher, events = offer.build(None, run=run), Events(run / "events.jsonl").read()
    for event in events:
        watcher.event(event)
    watcher.close()
    return events


def test_weights_and_biases(offers, whole, monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", wandb := MagicMock())
    events = told(offers["wandb"], whole)
    wandb.init.assert_called_once_with(project="crosscade", name="run")
    logged = [call.args[0] for call in wandb.init().log.mock_calls]
    assert len(logged) == sum(event["event"] in ("step", "sample") for event in events)
    assert {"translate level 5/cycle", "refine/samples"} <= set().union(*logged)
    assert all(Path(call.args[0]).is_file() for call in wandb.Image.mock_calls)
    wandb.init().finish.assert_called_once_with()


def test_mlflow(offers, whole, monkeypatch):
    monkeypatch.setitem(sys.modules, "mlflow", mlflow := MagicMock())
    mlflow.active_run.side_effect = lambda: mlflow.start_run.called
    events = told(offers["mlflow"], whole)
    mlflow.start_run.assert_called_once_with(run_name="run")
    steps = [call.kwargs["step"] for call in mlflow.log_metrics.mock_calls]
    assert steps == [event["step"] for event in events if event["event"] == "step"]
    assert len(mlflow.log_artifact.mock_calls) == sum(event["event"] == "sample" for event in events)
