"""What the tests of the baselines share: a recipe shrunk to seconds, its run, and what stands after it."""

import tomllib
from pathlib import Path

import torch

from crosscade.framework import Catalogue, ImageSpec, LevelSpec, Recipe, Reporter, load, resolve, train
from crosscade.framework.recipe.read import override
from crosscade.plugins.recipes.packaged import packaged

PIXELS, IMAGE = LevelSpec(0, "pixels", 3, 1), ImageSpec(64)
CATALOGUE = Catalogue.discover()


def small(name: str, *settings: str) -> Recipe:
    """The packaged recipe at 64 px with six pictures and two steps a stage."""
    table = tomllib.loads(packaged()[name])
    few = ["data.train=6", "data.test=4", "image.size=64", "image.crops=1", "training.threads=1"]
    few += ["training.precision=float32", "training.ship_collapsed=true"]
    for part in ("invert[0]", "translate[0]"):
        few += [f"{part}.schedule.images=4", f"{part}.schedule.batch=2"]
    return resolve(override(table, [*few, *settings]), CATALOGUE)


def run(recipe: Recipe, out: Path, **arguments: object) -> Path:
    """Trains it in this process; returns the run's folder."""
    train(recipe, out, catalogue=CATALOGUE, report=Reporter(quiet=True), **arguments)
    return out


def translated(out: Path, direction: str = "a2b") -> tuple[torch.Tensor, torch.Tensor]:
    """Two images and what the run's bundle makes of them."""
    images = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1
    with torch.inference_mode():
        return images, load(out, CATALOGUE).cascade(direction)(images)
