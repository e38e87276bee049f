"""What a run takes over from an earlier one: its networks, by level, and its critics where the run itself is at hand.

`start.safetensors` in the new run's folder keeps it, so that to resume needs nothing else. Its tensors are named
`<stage>/modules.<name>` and `<stage>/<loss>.<domain>.<name>`; a stage begins with those that are its own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from attrs import define, field
from torch import Tensor

from ..bundle import bundle
from ..bundle.bundle import Bundle
from ..catalogue.catalogue import Catalogue
from ..errors import InputError
from ..recipe.recipe import Recipe, TranslateStage
from ..rehearsal import rehearse
from ..runs.folder import RunFolder
from ..runs.state import RunState
from ..setup import Setup
from ..spec import DIRECTIONS
from ..support import tensor_files
from ..support.tensor_files import Tensors
from .stages import Stage, build_stage

NONE_THERE = "none is kept there"
NAMED = 3
"""So many of the tensors that a network cannot take over are named."""


@define
class Earlier:
    """A bundle, or a finished run, that another run starts from, and what was asked of it."""

    path: Path
    asked: str
    """How it was asked for."""
    bundle: Bundle
    run: RunFolder | None
    whole: list[str] = field(factory=list)
    partly: list[str] = field(factory=list)
    lacking: dict[str, list[str]] = field(factory=dict)
    """What was not taken over, by the reason."""

    @classmethod
    def opened(cls, path: Path, setup: Setup) -> Earlier:
        """InputError when there is none at `path`, or when its networks read the features of another encoder."""
        there, run = bundle.load(path, setup.catalogue), RunFolder(path)
        theirs, ours = there.recipe.encoder.use, setup.recipe.encoder.use
        own = str(path) == starter(setup.recipe, setup.catalogue)
        asked = f"starter '{setup.recipe.start}' @ $.start" if own else f"--start {path}"
        if bundle.weights_hash(there.encoder) != bundle.weights_hash(setup.encoder):
            raise InputError(
                asked,
                found=f"networks that read the encoder '{theirs}'",
                expected=f"'{ours}', as in the recipe" if theirs != ours else "the same weights of it",
                cure="Choose the same encoder.",
            )
        if run.begun:
            state = RunState.read(run)
            for file in run.stages.glob("*.safetensors"):
                state.check(run, file, f"It was changed since: start from its bundle alone, {there.folder}.")
        return cls(path, asked, there, run if run.begun else None)

    def give(self, stage: Stage) -> Tensors:
        """What `stage` can begin with. A refinement's networks are this run's own: it takes over critics alone."""
        given: Tensors = {}
        if stage.kind != "refine":
            known, reason = self._networks(stage), self._unlike(stage)
            for name, net in stage.networks.modules.items():
                own = {f"modules.{name}.{key}": value for key, value in net.state_dict().items()}
                label = re.sub(r"(\d+)(_([ab]))?$", lambda m: f" {m[1]}" + (f" {m[3]}" if m[3] else ""), name)
                given |= self._fitting(label, own, known, reason)
        if stage.given and not given:
            raise not_given(stage, *self.lacking)
        if stage.critics:
            file = self._stage_file(stage, ".critics")
            known = tensor_files.read(file) if file else {}
            for name, critic in stage.critics.items():
                own = {f"{name}.{key}": value.detach() for key, value in critic.named_parameters()}
                given |= self._fitting(f"critic {name} of {stage.title}", own, known, "")
        return {f"{stage.name}/{name}": tensor for name, tensor in given.items()}

    def told(self, recipe: Recipe) -> list[str]:
        """What was taken over and what could not be, a line each. InputError when nothing was."""
        if not self.whole and not self.partly:
            raise InputError(self.asked, found="nothing that fits this recipe", cure="Begin without it.")
        lines = [f"taken over from {self.path}: {', '.join(self.whole) or 'nothing whole'}", *self.partly]
        lines += [f"not taken over: {', '.join(labels)}: {reason}" for reason, labels in self.lacking.items()]
        for kind in ("translate", "invert"):
            here = {stage.level for stage in getattr(recipe, kind)}
            levels = [str(s.level) for s in getattr(self.bundle.recipe, kind) if s.level not in here]
            if levels:
                lines.append(f"not taken over: {kind} level {', '.join(levels)}: this recipe has none")
        return lines

    def _stage_file(self, stage: Stage, suffix: str = "") -> Path | None:
        """What the earlier run kept of the stage of the same kind and level, where it is at hand."""
        kind = stage.name.partition("-")[2]
        return next(self.run.stages.glob(f"*-{kind}{suffix}.safetensors"), None) if self.run else None

    def _networks(self, stage: Stage) -> Tensors:
        """The earlier networks of a stage's level, by the names of its own; of the image's inverters, the refined."""
        file, held = self._stage_file(stage), self.bundle.manifest["files"]
        known = {f"modules.{name}": tensor for name, tensor in (tensor_files.read(file) if file else {}).items()}
        image = min(s.level for s in self.bundle.recipe.translate)
        for direction in DIRECTIONS:
            for part, net in stage.networks.parts(direction).items():
                name = f"{direction}/inverter" if part == f"{direction}/inverter{image}" else part
                if f"{name}.safetensors" not in held:
                    continue
                tensors = bundle.read_checked(self.bundle.folder, f"{name}.safetensors", self.bundle.manifest)
                for path, module in stage.networks.modules.named_modules(remove_duplicate=False):
                    if module is net:
                        known |= {f"modules.{path}.{key}": tensor for key, tensor in tensors.items()}
        return known

    def _unlike(self, stage: Stage) -> str:
        """Why nothing of a level can be taken over, where that is so."""
        theirs = next((s for s in getattr(self.bundle.recipe, stage.kind) if s.level == stage.level), None)
        if theirs is None:
            return "there is none"
        use = theirs.translator.use if isinstance(theirs, TranslateStage) else theirs.inverter.use
        return "" if use == stage.component else f"it is '{use}', here '{stage.component}'"

    def _fitting(self, label: str, own: Mapping[str, Tensor], known: Mapping[str, Tensor], reason: str) -> Tensors:
        """The tensors of `known` that have the names and shapes of `own`; remembers what to tell of them."""
        fitting = {} if reason else {n: known[n] for n in own if n in known and known[n].shape == own[n].shape}
        lacking = [n for n in own if n not in fitting]
        if not lacking:
            self.whole.append(label)
        elif not fitting:
            there = any(name in known for name in own)
            reason = reason or ("there it has other shapes" if there else NONE_THERE)
            self.lacking.setdefault(reason, []).append(label)
        else:
            names = ", ".join(f"{n.split('.', 2)[2]} {tuple(own[n].shape)}" for n in lacking[:NAMED])
            more = f" and {len(lacking) - NAMED} more" if len(lacking) > NAMED else ""
            share = f"{len(fitting)} of {len(own)} tensors"
            self.partly.append(f"in part taken over: {label}: {share}, not {names}{more}, which are of other shapes")
        return fitting


def starter(recipe: Recipe, catalogue: Catalogue) -> str:
    """The folder of the starter that a recipe names; empty where it names none."""
    if not recipe.start:
        return ""
    with catalogue.calling("starter", recipe.start, "`build`"):
        folder = catalogue.get("starter", recipe.start).build()
    catalogue.require(isinstance(folder, Path), "starter", recipe.start, "`build`", folder, "a bundle's folder, a Path")
    return str(folder)


def rehearse_from(start: str, setup: Setup) -> list[str]:
    """Rehearses a run that is to start from the bundle or run at `start` (empty: from nothing).

    What it would take over and what it could not, a line each. InputError as `rehearse` and `Earlier` have it, or when
    networks that are not trained have nothing to begin with.
    """
    earlier = Earlier.opened(Path(start), setup) if start else None
    for stage in rehearse(setup):
        if earlier:
            earlier.give(stage)
        elif stage.given:
            raise not_given(stage)
    return earlier.told(setup.recipe) if earlier else []


def take_over(setup: Setup, folder: RunFolder, state: RunState) -> None:
    """Keeps what the stages are to begin with: to resume needs the earlier run no more."""
    earlier = Earlier.opened(Path(state.start), setup)
    stages = (build_stage(setup, index) for index in range(len(setup.recipe.trained)))
    tensor_files.write(folder.start, {k: v for stage in stages for k, v in earlier.give(stage).items()})
    state.vouch(folder, folder.start)


def keep_for_itself(stage: Stage, folder: RunFolder, state: RunState) -> None:
    """Keeps what a trained stage has learnt, for itself to begin with once more, and takes away that it is trained."""
    weights, prefix = folder.weights(stage.name), f"{stage.name}/"
    if not state.vouches(folder, weights):  # a kill came after this
        return
    tensors = {f"modules.{name}": tensor for name, tensor in tensor_files.read(weights).items()}
    if folder.critics(stage.name).exists():
        tensors |= tensor_files.read(folder.critics(stage.name))
    start = tensor_files.read(folder.start) if folder.start.exists() else {}
    others = {name: tensor for name, tensor in start.items() if not name.startswith(prefix)}
    tensor_files.write(folder.start, others | {prefix + name: tensor for name, tensor in tensors.items()})
    state.vouch(folder, folder.start)
    state.forget(folder, folder.recipe)  # which is about to change
    state.forget(folder, weights)
    state.before = stage.schedule.steps
    state.write(folder)


def not_given(stage: Stage, *found: str) -> InputError:
    """The error of a stage that is not trained and begins with nothing."""
    return InputError(
        f"{stage.title}, which has no losses",
        found="; ".join(found) or "nothing to start from",
        expected="its networks in what the run starts from",
        cure="Give it losses, or start from a bundle that has its networks.",
    )


def begin_with(stage: Stage, start: Tensors) -> bool:
    """Puts what is a stage's own into its networks and critics; whether there was something."""
    begun = False
    for prefix, module in {"modules": stage.networks.modules, **stage.critics}.items():
        path = f"{stage.name}/{prefix}."
        own = {name.removeprefix(path): tensor for name, tensor in start.items() if name.startswith(path)}
        module.load_state_dict(own, strict=False)
        begun |= bool(own)
    return begun
