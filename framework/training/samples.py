"""Sample strips while a run trains: source | what each level decided | final, both directions."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ..data.images import grid, write_png
from ..features.store import to_images
from ..features.training_data import Materials
from ..styles import run_seeded
from .loop import Trainee
from .stages import Stage

SHOWN = 6


class Sampler:
    """Writes `samples/<stage>-<step>.png`: a row an image, first a -> b, then b -> a."""

    def __init__(self, materials: Materials, stage: Stage, finished: Mapping[str, nn.ModuleDict], folder: Path) -> None:
        self.materials, self.stage, self.finished, self.folder = materials, stage, finished, folder

    @torch.inference_mode()
    def __call__(self, trainee: Trainee) -> None:
        """A strip of the weights' moving average as it is now."""
        rows = [row for side in "ab" for row in self._rows(side, trainee.average)]
        write_png(self.folder / f"{self.stage.name}-{trainee.step:06d}.png", grid(rows))

    def _rows(self, side: str, average: nn.ModuleDict) -> list[list[NDArray[np.uint8]]]:
        m, stage = self.materials, self.stage
        other = "b" if side == "a" else "a"
        source = getattr(m.test, side)
        shown = slice(0, SHOWN)
        columns = [np.asarray(source.array("images")[shown])]
        with m.autocast():
            if stage.kind == "invert":
                columns.append(to_images(average[f"inverter{stage.level}_{side}"](self._real(source, stage.level))))
            else:
                columns += self._translations(source, other, average)
        return [[column[n] for column in columns] for n in range(len(columns[0]))]

    def _translations(self, source: Any, other: str, average: nn.ModuleDict) -> list[NDArray[np.uint8]]:
        columns = []
        deeper = None
        for s in self.materials.recipe.stages:
            name, inverter = f"translators{s.level}", f"inverter{s.level}_{other}"
            if name in average:
                pair: Any = average[name]
                deeper = run_seeded(getattr(pair.into, other), self._real(source, s.level), deeper, seed=0)
            else:
                deeper = source.features(f"translated{s.level}", slice(0, SHOWN)).to(self.materials.device)
            nets = average if inverter in average else self.finished.get(f"invert-{s.level}", nn.ModuleDict())
            if inverter in nets:
                columns.append(to_images(nets[inverter](deeper)))
            if s.level == self.stage.level:
                break
        return columns

    def _real(self, source: Any, level: int) -> torch.Tensor:
        return source.features(f"level{level}", slice(0, SHOWN)).to(self.materials.device)
