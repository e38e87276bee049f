"""A training run, from recipe to bundle: prepare the data once, train each stage, write the bundle. Resumable.

out/run.json  recipe.json  events.jsonl  store/…  stages/<name>.safetensors  samples/…  checkpoint…  bundle/
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from attrs import evolve
from numpy.typing import NDArray
from torch import nn

from ..bundle import bundle
from ..catalogue import Catalogue
from ..contracts import TranslatorPair
from ..data.dataset import Dataset
from ..errors import InputError, RunError
from ..features import prepare
from ..features.training_data import Materials
from ..recipe.recipe import Recipe
from ..support import atomic
from ..support.progress import Reporter
from . import checkpoint, samples
from . import device as precision
from . import run_state as begun
from .after_stage import check_final, check_inverters, collapses, translate_stores
from .events import Events
from .loop import Trainee, train_stage
from .networks import cascade_of, networks_of
from .stages import Stage, build_stage, stage_names
from .time_budget import Plan
from .watcher import RunWatcher

HINT = "Use --resume to go on with the run in it, or --force to clear it."


def train(
    recipe: Recipe | None,
    out: str | Path,
    *,
    catalogue: Catalogue | None = None,
    dataset: Dataset | None = None,
    resume: bool = False,
    force: bool = False,
    minutes: float | None = None,
    report: Reporter | None = None,
    command: str = "",
) -> Path:
    """Trains `recipe` (None: the one that is resumed) into folder `out` and returns the bundle's folder.

    `minutes` scales every stage's images so that training takes about that long on this machine (measured first).
    `resume` goes on with the run in `out`, bit for bit as if it had not stopped; `force` clears the folder.
    """
    out, catalogue, report = Path(out), catalogue or Catalogue.discover(), report or Reporter()
    if resume:
        state, recipe = begun.read(out, catalogue, recipe, minutes)
    elif recipe is None:
        raise InputError("recipe", found="none", expected="one, or a run to resume")
    else:
        state = begun.new(recipe, minutes, command)
        if not force:
            atomic.empty_folder(out, force=False, hint=HINT)
    # a run keeps the arithmetic and the threads it began with: others would give other bits
    device = precision.device()
    state["threads"] = precision.use_threads(state.get("threads") or recipe.training.threads)
    state.setdefault("precision", precision.choose(recipe.training.precision, device))

    dataset = dataset or catalogue.build("dataset", recipe.data)
    for line in dataset.set_aside:
        report.warn(line)
    if not recipe.image.size:
        recipe = evolve(recipe, image=evolve(recipe.image, size=dataset.preferred_size))
    encoder = prepare.build_encoder(recipe, catalogue, device)
    if not resume:
        # whatever cannot work is refused before the folder is cleared and before hours are spent
        prepare.rehearse(recipe, catalogue, encoder)
        atomic.empty_folder(out, force=force, hint=HINT, keep=getattr(dataset, "sources", ()))
        atomic.write_json(out / "recipe.json", recipe.plain())
        atomic.write_json(out / "run.json", state)
    with atomic.alone(out):
        with report.stage("prepare", prepare.total_steps(dataset, recipe)) as bar:
            materials, warnings = prepare.materials(
                recipe,
                catalogue,
                dataset,
                encoder,
                out / "store",
                device,
                precision.autocast(state["precision"], device),
                bar.advance,
            )
        _same_data(state, materials)
        if not state.get("ready"):
            materials = _planned(materials, state, report)
            state.update(ready=True, warnings=sorted(warnings))
            atomic.write_json(out / "recipe.json", materials.recipe.plain())
            atomic.write_json(out / "run.json", state)
        finished = _train_stages(materials, out, state, report)
        _refuse_collapse(materials, out, state, finished)
        _write_bundles(materials, out, state, finished, dataset)
        state.update(done=True, warnings=sorted(set(state["warnings"])))
        atomic.write_json(out / "run.json", state)
    for line in state["warnings"]:
        report.warn(line)
    return out / "bundle"


def _planned(materials: Materials, state: dict[str, Any], report: Reporter) -> Materials:
    """The materials with a recipe that takes the minutes asked for, if any were."""
    if not state["minutes"]:
        return materials
    plan = Plan.measured(materials, report, state["minutes"])
    recipe = plan.scaled_to(materials.recipe, state["minutes"])
    state["seconds"] = plan.seconds(recipe)
    arithmetic = f"{state['threads']} thread{'s' * (state['threads'] > 1)}, {state['precision']}"
    report.say(f"training will take about {state['minutes']:g} minutes here ({arithmetic})")
    return evolve(materials, recipe=recipe)


def _train_stages(materials: Materials, out: Path, state: dict[str, Any], report: Reporter) -> dict[str, nn.ModuleDict]:
    """Trains what is not trained yet, in order; returns every stage's networks by its key."""
    recipe, events = materials.recipe, Events(out / "events.jsonl")
    finished: dict[str, nn.ModuleDict] = {}
    names = stage_names(recipe)
    with report.run([_steps(recipe, kind, k) for kind, k in names], state.get("seconds")):
        for index in range(len(names)):
            stage = build_stage(materials, index, finished)
            weights = out / "stages" / f"{stage.name}.safetensors"
            if weights.exists():
                report.skip(index, stage.schedule.steps)
            else:
                _remember(stage, materials)
                if stage.learns:
                    _train(stage, materials, out, events, report, weights, finished)
                else:
                    checkpoint.write_tensors(weights, stage.modules.state_dict())
                    report.skip(index, stage.schedule.steps)
            stage.modules.load_state_dict(checkpoint.read(weights))
            finished[stage.key] = stage.modules.eval()
            if stage.kind == "translate":
                state["warnings"] += translate_stores(stage, materials, events)
            if stage.kind == "invert":
                state["warnings"] += check_inverters(stage, materials)
    checkpoint.clear(out)  # a kill just after the last stage's weights were written leaves one
    return finished


def _remember(stage: Stage, materials: Materials) -> None:
    """Shows real features to translators that want some, evenly spread over each domain's."""
    for module in stage.modules.values():
        if isinstance(module, TranslatorPair) and module.examples:
            last = materials.train.map(lambda store: len(store) - 1)
            rows = last.map(partial(_spread, module.examples))
            module.remember(materials.features(stage.level, rows))


def _spread(count: int, last: int) -> NDArray[np.int64]:
    return np.linspace(0, last, count).round().astype(np.int64)


def _refuse_collapse(
    materials: Materials, out: Path, state: dict[str, Any], finished: Mapping[str, nn.ModuleDict]
) -> None:
    collapsed = collapses(Events(out / "events.jsonl"))
    for direction, nets in networks_of(materials.recipe, finished).items():
        source, cascade = cascade_of(materials, direction, nets)
        found, gone = check_final(cascade, source, direction)
        state["warnings"] += found
        collapsed += found if gone else []
    if collapsed and not materials.recipe.training.ship_collapsed:
        raise RunError(
            f"the translation collapsed ({'; '.join(collapsed)})",
            found="nothing worth a bundle",
            cure=f"Look at {out / 'samples'}; train longer or change the losses' weights, in a new run "
            "(training.ship_collapsed=true makes a bundle all the same).",
        )


def _write_bundles(
    materials: Materials, out: Path, state: dict[str, Any], finished: Mapping[str, nn.ModuleDict], dataset: Dataset
) -> None:
    """The bundle and, where there is a refinement, the one without it to compare with."""
    recipe = materials.recipe
    facts = {key: state[key] for key in ("command", "precision", "threads", "data")}
    facts["warnings"] = sorted(set(state["warnings"]))
    for folder, refined in (("without-refine", False), ("bundle", True)):
        if refined or recipe.refine:
            bundle.write(
                out / folder,
                recipe,
                materials.catalogue,
                dataset.domains.map(lambda d: d.name),
                materials.encoder,
                materials.normalise,
                networks_of(recipe, finished, refined=refined),
                facts,
            )


def _same_data(state: dict[str, Any], materials: Materials) -> None:
    content = {side: store.content for side, store in zip("ab", materials.train)}
    if state.setdefault("data", content) != content:
        raise InputError(
            "the training images",
            found="other images than this run began with",
            expected="the same data",
            cure="Give the same data, or begin a new run.",
        )


def _steps(recipe: Recipe, kind: str, k: int) -> int:
    if kind == "refine":
        assert recipe.refine is not None
        return recipe.refine.schedule.steps
    return (recipe.inversions if kind == "invert" else recipe.stages)[k].schedule.steps


def _train(
    stage: Stage,
    materials: Materials,
    out: Path,
    events: Events,
    report: Reporter,
    weights: Path,
    finished: Mapping[str, nn.ModuleDict],
) -> None:
    trainee = Trainee.of(stage)
    saved = checkpoint.load(out)
    if saved and saved[1]["stage"] == stage.index:
        trainee.restore(*saved)
    events.rewind(stage.index, trainee.step)
    training = materials.recipe.training
    sizes = materials.train.map(len)
    with report.training(stage.index, stage.title, stage.schedule.steps, trainee.step) as bar:
        watcher = RunWatcher(out, events, bar, training, samples.Sampler(materials, stage, finished, out / "samples"))
        with watcher:
            train_stage(trainee, sizes, training.seed, materials.autocast, watcher)
    checkpoint.write_tensors(weights, trainee.average.state_dict())
    checkpoint.clear(out)
