"""Sample strips while a run trains: source | what each level decided | final, both directions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from attrs import frozen
from numpy.typing import NDArray

from ..bundle.networks import Networks
from ..data.written import grid, write_png
from ..features.store import Store
from ..features.training_data import TrainingData
from ..spec import DIRECTIONS, Direction
from ..styles import run_seeded
from ..support.tensors import to_images
from .loop import TrainState
from .setup import Setup

SHOWN = slice(0, 6)


@frozen
class Sampler:
    """Writes `samples/<stage>-<step>.png`: a row an image, first a -> b, then b -> a."""

    setup: Setup
    data: TrainingData
    finished: Networks
    folder: Path

    @torch.inference_mode()
    def __call__(self, state: TrainState) -> Path:
        """A strip of the weights' moving average as it is now; its file."""
        rows: list[list[NDArray[np.uint8]]] = []
        for direction in DIRECTIONS:
            source = direction.source(self.data.test)
            with self.setup.compute.autocast():
                previews = [to_images(v) for v in self._previews(state, source, direction)]
            rows += [list(row) for row in zip(np.asarray(source.array("images")[SHOWN]), *previews)]
        file = self.folder / f"{state.stage.name}-{state.step:06d}.png"
        write_png(file, grid(rows))
        return file

    def _previews(self, state: TrainState, source: Store, direction: Direction) -> list[torch.Tensor]:
        stage, average = state.stage, state.average
        if stage.kind == "invert":
            return [direction.source(average.inverters[stage.level])(self._read(source, f"level{stage.level}"))]
        inverters, previews, deeper = {**self.finished.inverters, **average.inverters}, [], None
        for i in (s.level for s in self.setup.recipe.translate if s.level >= stage.level):
            if i in average.translators:
                net = direction.target(average.translators[i].into)
                deeper = run_seeded(net, self._read(source, f"level{i}"), deeper, seed=0)
            else:
                deeper = self._read(source, f"translated{i}")
            if i in inverters:
                previews.append(direction.target(inverters[i])(deeper))
        return previews

    def _read(self, source: Store, name: str) -> torch.Tensor:
        return source.features(name, SHOWN, self.data.device)
