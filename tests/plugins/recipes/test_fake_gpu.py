"""Every packaged recipe from images to bundle on a GPU, as far as that shows where there is none (see `fake_gpu`).

Encoding, statistics, all losses of every stage, samples, translated stores and the checks of what was trained meet no
tensor on the CPU, no step waits, and with `training.deterministic` all has a deterministic kernel.
"""

import tomllib

import pytest
import torch
from torch import nn

from crosscade.framework import Catalogue, Recipe, resolve
from crosscade.framework.recipe.read import override
from crosscade.plugins.encoders import vgg
from crosscade.plugins.recipes.packaged import packaged
from tests.framework.on_fake_gpu import train_on_fake_gpu, without_the_first

CATALOGUE = Catalogue.discover()
STEPS = 5
"""So many that every loss has begun and every penalty's turn has come again."""
NARROW = {
    "cut": ["translate[0].translator.width=4", "translate[0].translator.embedding=4", "translate[0].losses[0].width=4"],
    "cyclegan": [f"translate[0].{key}" for key in ("translator.width=8", "translator.blocks=2", "losses[0].pool=3")],
    "demo": [f"translate[{k}].translator.width=16" for k in range(3)],
    "dfi": ["translate[0].translator.examples=4", "translate[0].translator.neighbours=2"],
    "drit": ["translate[0].translator.width=8", "translate[0].losses[2].channels=32"],
    "ganimorph": ["translate[0].translator.width=8"],
    "munit": ["translate[0].translator.width=8"],
    "paper": [f"translate[{k}].losses[0].width=8" for k in range(3)]
    + [f"translate[{k}].translator.{key}=8" for k in (1, 2) for key in ("width", "style_width", "hidden")]
    + [f"invert[{k}].{part}.width=8" for k in range(3) for part in ("inverter", "losses[2]")]
    + ["translate[0].translator.width=32", "image.load=64"],
    "photo": ["translate[0].translator.width=16"],  # the others' is the starter's
    "starter": [f"translate[{k}].translator.width=16" for k in range(3)],
}


def small(name: str) -> Recipe:
    """The packaged recipe at 64 px with few images and steps, and narrow networks."""
    table = tomllib.loads(packaged()[name])
    few = ["data.train=4", "data.test=3", "image.size=64", "image.crops=1", "training.ship_collapsed=true"]
    parts = [f"{kind}[{k}]" for kind in ("invert", "translate") for k in range(len(table[kind]))]
    for part in [*parts, *(["refine"] if "refine" in table else [])]:
        few += [f"{part}.schedule.images={2 * STEPS}", f"{part}.schedule.batch=2"]
    return resolve(override(table, [*few, *NARROW[name]]), CATALOGUE)


def random_vgg(_: object) -> list[list[nn.Conv2d]]:
    """VGG-19's layers without the file of their weights."""
    return [
        [nn.Conv2d(outs if k else ins, outs, 3, padding=1) for k in range(count)]
        for count, ins, outs in zip(vgg.VGG19_CONVOLUTIONS, (3, *vgg.CHANNELS), vgg.CHANNELS)
    ]


@pytest.mark.parametrize("name", packaged())
def test_a_recipe_trains_on_a_gpu_and_no_step_waits(name, tmp_path, monkeypatch):
    torch.manual_seed(0)
    monkeypatch.setattr(torch, "are_deterministic_algorithms_enabled", lambda: True)
    monkeypatch.setattr(vgg, "checked", lambda *_, **__: None)
    monkeypatch.setattr(vgg, "load_state", lambda *_: {})
    monkeypatch.setattr(vgg, "from_torchvision", random_vgg)
    recipe = small(name)
    steps, reads = train_on_fake_gpu(recipe, tmp_path / "run", "bfloat16", catalogue=CATALOGUE)
    assert not without_the_first(steps)
    assert {len(waits) for waits in reads.values()} == {1}, "the numbers are read at one go"
    learning = {stage for stage, _ in steps}
    assert len(steps) == STEPS * len(learning)
    assert len(learning) == {"demo": 7, "starter": 7, "photo": 2, "paper": 6}.get(name, 1)
