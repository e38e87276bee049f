"""TensorBoard: a run's numbers as curves and its sample strips as images, while it trains."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from attrs import frozen

from ...framework import InputError, Watcher, WatcherOffer, hookimpl, option, read_rgb


@frozen
class TensorboardOptions:
    """Where its files are."""

    folder: str = option("", "folder of the logs (none: `tensorboard` in the run's folder)")


class Tensorboard(Watcher):
    """A curve a term, `<stage>/<term>` by the stage's steps, and a stage's strips as `<stage>/samples`."""

    def __init__(self, options: TensorboardOptions, *, run: Path) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            cure = "pip install 'crosscade[tensorboard]'"
            raise InputError("--watch tensorboard", found="no package 'tensorboard'", cure=cure) from None
        self.run = run
        self.writer: Any = None
        self.open = partial(SummaryWriter, options.folder or str(run / "tensorboard"))

    def event(self, event: Mapping[str, Any]) -> None:
        """Numbers of a step, a strip, or a level's health."""
        self.writer = self.writer or self.open()
        stage, step = event.get("title", f"stage {event.get('stage')}"), event["step"]
        if event["event"] == "step":
            for name, value in event["values"].items():
                self.writer.add_scalar(f"{stage}/{name}", value, step)
        if event["event"] == "sample":
            strip = np.asarray(read_rgb(self.run / event["file"]))
            self.writer.add_image(f"{stage}/samples", strip, step, dataformats="HWC")
        if event["event"] == "health":
            what = f"level {event['level']} {event['direction']}"
            self.writer.add_scalar(f"{what}/diversity", event["diversity"], step)
        self.writer.flush()

    def close(self) -> None:
        """Its file is whole."""
        if self.writer:
            self.writer.close()


@hookimpl
def watchers() -> Iterator[WatcherOffer]:
    """TensorBoard."""
    yield WatcherOffer(
        name="tensorboard",
        options=TensorboardOptions,
        build=Tensorboard,
        summary="curves and sample strips for TensorBoard (needs crosscade[tensorboard])",
    )
