"""A few steps of every kind of stage with every built-in loss in float64, by as many processes as torchrun starts.

`python -m tests.framework.training.in_float64 OUT [BATCH [BEFORE]]` writes every gradient of the first step and the
state after the last; with what it wrote BEFORE it goes on with the smallest recipe from there.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from attrs import evolve
from safetensors.torch import load_file, save_file

from crosscade.framework import Catalogue, Pair, read, resolve
from crosscade.framework.features.normalise import Normalise
from crosscade.framework.setup import Setup
from crosscade.framework.support import ranks
from crosscade.framework.support.device import CPU, Compute
from crosscade.framework.training import loop
from crosscade.framework.training.loop import TrainState, train_step
from crosscade.framework.training.stages import build_stage
from tests.framework.tiny import tiny_recipe

STEPS, SIZES = 3, Pair(12, 10)
PIXELS = ("image.size=64", "translate[0].schedule.batch=4")
NARROW = ("translate[0].translator.width=4", "translate[0].losses[0].width=4")
RESNET = ("translate[0].translator.blocks=1",)
OTHERS = {
    "cyclegan": (*PIXELS, *NARROW, *RESNET, "translate[0].losses[0].pool=5", "translate[0].losses[0].roll=4"),
    "munit": (*PIXELS, *NARROW, *RESNET),
    "drit": (*PIXELS, *NARROW, "translate[0].losses[1].width=4", "translate[0].losses[2].channels=16"),
    "cut": (*PIXELS, *NARROW, *RESNET, "translate[0].translator.embedding=8", "translate[0].translator.patches=8"),
    "ganimorph": (*PIXELS, *NARROW, "translate[0].schedule.learning_rate=1e-9"),  # steep on noise: rounding grows
}
"""Of recipes on pixels, how they are made small."""
FURTHER = (
    "invert[0].losses[feature-reconstruction].metric=l2-normalised",
    "invert[0].losses[lsgan].pause=0.1",
    "invert[0].losses[lsgan].r1=1.0",
    "invert[0].losses[lsgan].r1_every=1",
    "translate[1].translator.noise=0.1",
    "refine.losses[hinge].roll=8",
    "refine.reconstruct=0.5",
)
"""What the smallest recipe leaves out."""


class Numbers:
    """Training data that need no images."""

    device, sizes = CPU, SIZES
    normalise = Pair(Normalise({}, {}, 1.0), Normalise({}, {}, 1.0))

    def __init__(self, setup):
        self.setup = setup

    def _numbers(self, key, rows, channels, size):
        def draw(side, count, wanted):
            values = np.random.default_rng([key, side]).uniform(-1, 1, (count, size, size, channels))
            return torch.from_numpy(values[wanted]).permute(0, 3, 1, 2)

        return Pair(0, 1).zip(draw, SIZES, rows)

    def features(self, number, rows):
        level = self.setup.level(number)
        return self._numbers(number, rows, level.channels, level.size(self.setup.image.size))

    def images(self, rows):
        return self._numbers(10, rows, 3, self.setup.image.size)

    def translated(self, number, rows):
        return self.features(number, rows.map(lambda r: (r + 1) % 10)).swap()


def recipes(catalogue):
    """By name: tiny has the three kinds of stage, the others the losses of other methods."""
    batch = [f"{place}.schedule.batch=4" for place in ("invert[0]", "translate[0]", "translate[1]", "refine")]
    yield "tiny", tiny_recipe(*batch)
    yield "further", tiny_recipe(*batch, *FURTHER)
    yield "foreground", with_foreground(tiny_recipe(*batch), catalogue)
    for name, settings in OTHERS.items():
        table = read(name, catalogue, settings=settings)
        if name == "munit":
            table["translate"][0]["losses"].append({"use": "perceptual", "levels": [2]})
        yield name, resolve(table, catalogue)


def with_foreground(recipe, catalogue):
    """The same with a foreground map, networks that both domains share, and a critic of what is reconstructed."""
    table = recipe.plain()
    table["invert"][0] |= {"shared": True, "inverter": {**table["invert"][0]["inverter"], "mask": True}}
    table["translate"][1]["translator"]["shared"] = True
    table["refine"]["losses"][0]["judges"] = "reconstructed"
    table["refine"]["losses"].append({"use": "foreground"})
    return resolve(table, catalogue)


def steps(setup, index, batch, before):
    """One stage's tensors, by name, after some steps from where it was `before`, if it was."""
    stage, kept = build_stage(setup, index), {}
    if not stage.learns:
        return kept
    stage.networks.modules.double()
    for _, loss in stage.losses:
        loss.double()
    stage.schedule = evolve(stage.schedule, images=1000 * stage.schedule.batch, batch=batch or stage.schedule.batch)
    state = TrainState.of(stage)
    state.step = 600  # where all losses count
    if before:
        state.restore(before, {"step": state.step + STEPS, "critic_step": before["critic_step"]})
    for name, optimiser in {"own": state.optimiser, **dict(enumerate(state.critic_optimisers))}.items():
        parameters = [p for group in optimiser.param_groups for p in group["params"]]

        def keep(*_, name=name, parameters=parameters):
            gradients = [p.grad.flatten() for p in parameters if p.grad is not None]
            kept.setdefault(f"gradient of {name}", torch.cat(gradients).clone())
            torch.nn.utils.clip_grad_norm_(parameters, 1.0)  # a step too long would magnify the rounding in the first

        optimiser.register_step_pre_hook(keep)
    stage.networks.modules.train()
    for _ in range(STEPS):
        train_step(state, Numbers(setup), 0, setup.compute.autocast)
    kept["critic_step"] = torch.tensor(state.critic_step)
    return kept | {name: v.detach().clone() for name, v in state.tensors().items()}


def main(out, batch=0, before=None):
    """All recipes; with a `batch` of its own only those whose losses let processes have unequal shares."""
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)
    torch.Tensor.float = torch.Tensor.double  # what is float32 for the digits' sake has them
    # Adam would make whole steps of the rounding in a gradient that is zero, as of a bias before a norm
    loop._adam = lambda groups, rate, betas: torch.optim.SGD(groups, rate, momentum=0.9)
    catalogue, compute, tensors = Catalogue.discover(), Compute(CPU, 1, "float32"), {}
    began = load_file(before) if before else {}
    with ranks.together():
        for name, recipe in recipes(catalogue):
            if batch and name in ("tiny", "further", "foreground"):
                continue  # batch norm, and half of the rows reconstructed
            if before and name != "tiny":
                continue
            setup = Setup.of(recipe, catalogue, compute)
            setup.encoder.double()
            for index in range(len(recipe.trained)):
                place = f"{name}/{index}/"
                there = {key.removeprefix(place): v for key, v in began.items() if key.startswith(place)}
                made = steps(setup, index, batch, there)
                tensors |= {place + key: v.contiguous() for key, v in made.items()}
        if ranks.first():
            save_file(tensors, Path(out))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), *sys.argv[3:])
