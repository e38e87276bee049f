"""What can be seen of a run before its end: strips (source | what each level decided | final), and a bundle so far."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from attrs import evolve, frozen
from numpy.typing import NDArray

from ..bundle import bundle
from ..bundle.anywhere import with_encoder
from ..bundle.networks import Networks
from ..catalogue.catalogue import Catalogue
from ..contracts import freeze
from ..data.written import grid, write_png
from ..encoder import Encoder
from ..errors import InputError
from ..features.normalise import from_tensors
from ..features.store import Store
from ..features.training_data import TrainingData
from ..recipe.recipe import Recipe
from ..recipe.resolve import resolve
from ..runs.folder import RunFolder
from ..runs.state import RunState
from ..setup import Setup
from ..spec import DIRECTIONS, Direction, Pair
from ..styles import run_seeded
from ..support import atomic, tensor_files
from ..support.tensor_files import Tensors
from ..support.tensors import to_images
from . import checkpoint
from .loop import TrainState
from .stages import name_of, title_of

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
        file = self.folder / f"{state.stage.name}-{state.stage.before + state.step:06d}.png"
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


def bundle_so_far(run: RunFolder, catalogue: Catalogue, out: Path, settings: Sequence[str] = ()) -> str:
    """A bundle in the folder `out` of what a run has learnt that has none yet; says how far the run is.

    Of its finished stages and its newest checkpoint: the run may be at work meanwhile. Levels that have learnt nothing
    yet are left out; `settings` are of its encoder. Raises InputError where there is no level but these.
    """
    saved = checkpoint.glance(run.path)  # before the state: by then its stage may be finished, never begun anew
    state = RunState.read(run)
    asked = run.read_recipe() if state.ready else state.asked
    recipe = resolve(with_encoder(asked, settings), catalogue)
    learnt, reached = _learnt(run, state, recipe, saved)
    levels = [stage.level for stage in recipe.translate if title_of("translate", stage.level) in learnt]
    while levels and title_of("invert", levels[-1]) not in learnt:  # nothing shows it
        levels.pop()
    if not levels:
        cure = f"`crosscade train --out {run.path} --resume` goes on with it."
        raise InputError(
            str(run.path), found=f"a run in which {reached}", expected="a level that is being translated", cure=cure
        )
    whole = len(levels) == len(recipe.translate)
    cut = evolve(
        recipe,
        invert=tuple(stage for stage in recipe.invert if stage.level in levels),
        translate=recipe.translate[: len(levels)],
        refine=recipe.refine if whole else None,
    )
    encoder: Encoder = catalogue.build("encoder", cut.encoder)
    freeze(encoder)
    statistics = Pair("a", "b").map(lambda side: tensor_files.read(run.store / f"{side}.safetensors"))
    normalise = statistics.map(lambda tensors: from_tensors(tensors, cut.training.clip_sigma))
    networks = _filled(Networks.build(cut, catalogue, encoder), cut, learnt, str(run.stages))
    told = {key: getattr(state, key) for key in ("command", "precision", "threads", "device", "data", "white")}
    names = Pair("a", "b").map(lambda side: state.domains.get(side, side))  # older runs did not keep them
    bundle.write(out / "bundle", cut, catalogue, names, encoder, normalise, networks, {**told, "unfinished": reached})
    atomic.write_json(out / "recipe.json", cut.plain())  # with its paths, which are kept beside a run's bundle
    shallower = "" if whole else f"; levels below {levels[-1]} have not begun, which leaves pictures blurred"
    return f"{run.path} has no bundle yet: {reached}{shallower}"


def _learnt(
    run: RunFolder, state: RunState, recipe: Recipe, saved: tuple[Tensors, Mapping[str, int]] | None
) -> tuple[dict[str, Tensors], str]:
    """What each stage has learnt, by its title, and how far the run is."""
    learnt: dict[str, Tensors] = {}
    reached = "nothing is trained yet"
    for index, stage in enumerate(recipe.trained):
        level = getattr(stage, "level", 0)
        title, weights = title_of(stage.kind, level), run.weights(name_of(index, stage.kind, level))
        if state.vouches(run, weights):
            state.check(run, weights, "It was changed since.")
            learnt[title], reached = tensor_files.read(weights), f"{title} is done"
        elif saved and saved[1]["stage"] == index:
            average = {name: value for name, value in saved[0].items() if name.startswith("average.")}
            learnt[title] = {name.removeprefix("average."): value for name, value in average.items()}
            before = state.before if stage == recipe.learning[-1] else 0
            return learnt, f"{title} is at step {before + saved[1]['step']} of {stage.schedule.steps}"
        else:
            break
    return learnt, reached


def _filled(fresh: Networks, recipe: Recipe, learnt: Mapping[str, Tensors], where: str) -> Networks:
    """The networks with what the stages have learnt."""
    networks = evolve(fresh, refined=None)
    modules = networks.modules
    own = {name: value for title, tensors in learnt.items() if title != "refine" for name, value in tensors.items()}
    bundle.fill(modules, {name: value for name, value in own.items() if name.split(".")[0] in modules}, where)
    if recipe.refine is None or "refine" not in learnt or fresh.refined is None:
        return networks
    levels = [stage.level for stage in recipe.translate]
    learning = {i: networks.translators[i] for i in levels[-recipe.refine.levels :]}
    bundle.fill(Networks(learning, {levels[-1]: fresh.refined}).modules, learnt["refine"], where)
    return fresh
