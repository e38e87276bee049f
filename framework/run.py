"""A training run, from recipe to bundle: prepare the data once, train each stage, write the bundle. Resumable.

out/run.json  recipe.json  events.jsonl  store/…  stages/<name>.safetensors  samples/…  checkpoint…  bundle/
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import evolve
from torch import nn

from . import atomic, bundle, checkpoint, precision, prepare, samples
from .catalogue import Catalogue
from .data import Dataset
from .errors import InputError, RunError
from .events import Events
from .materials import Materials
from .networks import cascade_of, networks_of
from .plan import Plan
from .progress import Reporter
from .recipe import Recipe
from .resolve import resolve
from .stages import Stage, build_stage, stage_names
from .training import Trainee, train_stage
from .translating import check_final, collapses, translate_stores
from .watch import RunWatcher

FORMAT = "crosscade.run/1"
HINT = "Use --resume to go on with the run in it, or --force to clear it."


def train(
    recipe: Recipe,
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
    """Trains `recipe` into folder `out` and returns the bundle's folder.

    `minutes` scales every stage's images so that training takes about that long on this machine (measured first).
    `resume` goes on with the run in `out`, bit for bit as if it had not stopped; `force` clears the folder.
    """
    out, catalogue, report = Path(out), catalogue or Catalogue.discover(), report or Reporter()
    state: dict[str, Any] = {"format": FORMAT, "command": command, "minutes": minutes}
    if resume:
        state, recipe = _begun(out), read_recipe(out, catalogue)
    elif not force:
        atomic.empty_folder(out, force=False, hint=HINT)
    threads = precision.use_threads(recipe.training.threads)
    device = precision.device()
    # a run keeps the arithmetic and the threads it began with: others would give other bits
    state.setdefault("precision", precision.choose(recipe.training.precision, device))
    if state.setdefault("threads", threads) != threads:
        precision.use_threads(int(state["threads"]))
    autocast = precision.autocast(state["precision"], device)

    dataset = dataset or catalogue.get("dataset", recipe.data.use).build(recipe.data.options)
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
    with report.stage("prepare", prepare.total_steps(dataset, recipe)) as bar:
        materials, warnings = prepare.materials(
            recipe, catalogue, dataset, encoder, out / "store", device, autocast, bar.advance
        )
    _same_data(state, materials)
    events = Events(out / "events.jsonl")

    if not state.get("ready"):
        if state["minutes"]:
            plan = Plan.measured(materials, report)
            recipe = plan.scaled_to(recipe, state["minutes"])
            materials = evolve(materials, recipe=recipe)
            state["seconds"] = plan.seconds(recipe)
            report.say(
                f"training will take about {state['minutes']:g} minutes here ({state['threads']} threads, "
                f"{state['precision']})"
            )
        state.update(ready=True, warnings=sorted(warnings))
        atomic.write_json(out / "recipe.json", recipe.plain())
        atomic.write_json(out / "run.json", state)

    finished: dict[str, nn.ModuleDict] = {}
    names = stage_names(recipe)
    with report.run([_steps(recipe, kind, k) for kind, k in names], state.get("seconds")):
        for index in range(len(names)):
            stage = build_stage(materials, index, finished)
            weights = out / "stages" / f"{stage.name}.safetensors"
            if not weights.exists():
                _train(stage, materials, out, events, report, weights, finished)
            stage.modules.load_state_dict(checkpoint.read(weights))
            finished[stage.key] = stage.modules.eval()
            if stage.kind == "translate":
                state["warnings"] += translate_stores(stage, materials, events)
    networks = networks_of(recipe, finished)
    collapsed = collapses(events)
    for direction, nets in networks.items():
        source, cascade = cascade_of(materials, direction, nets)
        found, gone = check_final(cascade, source, direction)
        state["warnings"] += found
        collapsed += found if gone else []
    if collapsed and not recipe.training.ship_collapsed:
        raise RunError(
            f"the translation collapsed ({'; '.join(collapsed)})",
            found="nothing worth a bundle",
            cure=f"Look at {out / 'samples'}; train longer or change the losses' weights, in a new run "
            "(training.ship_collapsed=true makes a bundle all the same).",
        )
    facts = {
        "warnings": sorted(set(state["warnings"])),
        "command": state.get("command", command),
        "precision": state["precision"],
        "threads": state["threads"],
        "data": state["data"],
    }
    path = out / "bundle"
    for folder, refined in (("without-refine", False), ("bundle", True)):
        if refined or recipe.refine:
            bundle.write(
                out / folder,
                recipe,
                catalogue,
                dataset.domains.map(lambda d: d.name),
                materials.encoder,
                materials.normalise,
                networks_of(recipe, finished, refined=refined),
                facts,
            )
    checkpoint.clear(out)  # a kill just after the last stage's weights were written leaves one
    state.update(done=True, warnings=sorted(set(state["warnings"])))
    atomic.write_json(out / "run.json", state)
    for line in state["warnings"]:
        report.warn(line)
    return path


def read_recipe(out: str | Path, catalogue: Catalogue) -> Recipe:
    """The resolved recipe of a run that was begun."""
    path = Path(out) / "recipe.json"
    if not path.exists():
        raise InputError(
            str(path), found="no such file", expected="the folder of a run that was begun", cure="Leave out --resume."
        )
    return resolve(atomic.read_json(path, "a resolved recipe"), catalogue)


def _begun(out: Path) -> dict[str, Any]:
    """The state of the run in `out`, and what a cut-off write left there removed."""
    if not (out / "run.json").exists():
        raise InputError(
            str(out), found="no run.json", expected="the folder of a run that was begun", cure="Leave out --resume."
        )
    state = atomic.read_json(out / "run.json", "the state of a run")
    if state.get("format") != FORMAT:
        raise InputError(
            str(out / "run.json"),
            found=f"format {state.get('format')!r}",
            expected=FORMAT,
            cure="Use the version of crosscade that began it, or begin again with --force.",
        )
    atomic.clear_parts(out)
    return dict(state)


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
