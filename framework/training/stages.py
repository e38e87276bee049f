"""A run's trainings: invert each level, translate deep to shallow, refine. Each knows its networks and makes its view.

i level; a stage's `networks` are what it trains. Stages are built without data; a view is given them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from attrs import define, field
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from ..bundle.networks import Networks, inverters, translators
from ..contracts import AdversarialLoss, Loss, parameters_of, refuse_lost_critics
from ..encoder import by_level
from ..errors import InputError
from ..features.training_data import Rows, TrainingData
from ..former import renamed
from ..recipe.recipe import AnyStage, InvertStage, LossUse, RefineStage, Schedule, TranslateStage
from ..setup import Setup
from ..spec import LevelSpec, Pair
from ..support import ranks
from ..views import InversionView, RefineView, View

IMAGE_LEVEL = LevelSpec(0, "image", 3, 1)
NONE = Pair(None, None)


@define
class Stage:
    """One training: its networks, losses, a schedule, and a view of a batch of the data."""

    index: int
    kind: str
    level: int
    networks: Networks
    losses: list[tuple[LossUse, Loss[Any]]]
    schedule: Schedule
    view: Callable[[TrainingData, Rows], View]
    component: str = ""
    """The translator's or inverter's name."""
    rates: Mapping[int, float] = field(factory=dict)
    """Of translators that learn slower or faster than the schedule's rate, by level."""
    graphs: bool = False
    """Whether its networks are replayed as CUDA graphs."""
    before: int = 0
    """Steps that it took when the run was finished once already."""

    @property
    def name(self) -> str:
        """Like `2-translate-level5`, unique in a run."""
        return name_of(self.index, self.kind, self.level)

    @property
    def title(self) -> str:
        """For people."""
        return title_of(self.kind, self.level)

    def active(self, done: float) -> dict[str, tuple[LossUse, Loss[Any]]]:
        """The losses that count when the fraction `done` of the stage is behind us, each by a name of its own."""
        active: dict[str, tuple[LossUse, Loss[Any]]] = {}
        for use, loss in self.losses:
            if done >= use.start and use.weight > 0:
                again = sum(1 for name in active if name.split("#")[0] == use.use)
                active[use.use + (f"#{again + 1}" if again else "")] = (use, loss)
        return active

    @property
    def learns(self) -> bool:
        """Whether there is anything to train, and a loss to train it by."""
        return bool(self.losses and parameters_of(self.networks.modules))

    @property
    def given(self) -> bool:
        """Whether its networks stay what they begin with."""
        return not self.losses and bool(parameters_of(self.networks.modules))

    @property
    def critics(self) -> dict[str, nn.Module]:
        """Every critic by its loss and domain: `wgan-gp.a`, `hinge#2.b`."""
        named: dict[str, nn.Module] = {}
        for k, (use, loss) in enumerate(self.losses):
            if isinstance(loss, AdversarialLoss):
                again = sum(1 for before, _ in self.losses[:k] if before.use == use.use)
                label = use.use + (f"#{again + 1}" if again else "")
                a, b = loss.critics
                named |= {f"{label}.a": a} if a is b else {f"{label}.a": a, f"{label}.b": b}
        return named

    @property
    def adversaries(self) -> list[AdversarialLoss[Any]]:
        """The losses that own critics."""
        return [loss for _, loss in self.losses if isinstance(loss, AdversarialLoss)]


def title_of(kind: str, level: int) -> str:
    """For people."""
    return f"{kind} level {level}" if kind != "refine" else kind


def name_of(index: int, kind: str, level: int) -> str:
    """Of a stage's files."""
    return f"{index}-{kind}" + (f"-level{level}" if kind != "refine" else "")


def build_stage(setup: Setup, index: int, before: Networks | None = None) -> Stage:
    """Stage `index` of the run with fresh networks; refine starts from those that were trained `before`."""
    recipe = setup.recipe.trained[index]
    seed = np.random.SeedSequence((setup.recipe.training.seed, index)).generate_state(1, np.uint64)[0]
    torch.manual_seed(int(seed >> 1))
    if isinstance(recipe, InvertStage):
        stage = _invert(setup, index, recipe)
    elif isinstance(recipe, TranslateStage):
        stage = _translate(setup, index, recipe)
    else:
        stage = _refine(setup, index, recipe, before or Networks())
    stage.graphs = setup.recipe.training.compile == "graphs"
    if ranks.world() > 1:
        _refuse_shares(stage, recipe)
    return stage


def _refuse_shares(stage: Stage, recipe: AnyStage) -> None:
    """InputError when several processes' shares of a batch would teach something else than the batch."""
    world, batch, rows = ranks.world(), stage.schedule.batch, stage.schedule.batch
    where, cure = f"{stage.title}, {world} processes", "or start another number of processes."
    if batch < world:
        cure = f"Set a larger schedule.batch, or start at most {batch} processes."
        raise InputError(where, found=f"a schedule.batch of {batch}", expected="at least a row for each", cure=cure)
    if isinstance(recipe, RefineStage):
        rows = max(1, round(recipe.reconstruct * batch))
    even = not (batch % world or rows % world)
    if rows != batch and not even:
        found, cure = (
            f"{rows} of {batch} rows to reconstruct",
            f"Set another refine.reconstruct or schedule.batch, {cure}",
        )
        raise InputError(where, found=found, expected="numbers that they divide", cure=cure)
    parts = {"its networks": stage.networks.modules, **{f"loss '{use.use}'": loss for use, loss in stage.losses}}
    for part, module in parts.items():
        for name, norm in module.named_modules():
            if not isinstance(norm, _BatchNorm) or not norm.training:
                continue
            if type(norm).forward is _BatchNorm.forward:
                raise InputError(
                    f"{where}, {part}: '{name}'",
                    found=f"{type(norm).__name__}, whose statistics would be of a process's own rows",
                    expected="statistics of the batch",
                    cure="Take its mean and variance with `over_all`, use another norm, or train in one process.",
                )
            if not even:
                cure = f"Set another schedule.batch, {cure}"
                raise InputError(
                    f"{where}, {part}: a batch norm", found=f"batches of {batch}", expected="equal shares", cure=cure
                )


def _losses(
    setup: Setup, uses: tuple[LossUse, ...], here: LevelSpec, gives: frozenset[str], giver: str
) -> list[tuple[LossUse, Loss[Any]]]:
    losses = []
    for use in uses:
        facts = {"here": here, "image": setup.image, "encoder": setup.encoder, "catalogue": setup.catalogue}
        loss: Loss[Any] = setup.catalogue.build("loss", use, **facts)
        lacking = sorted(loss.needs - gives)
        if lacking:
            raise InputError(
                setup.catalogue.part("loss", use),
                found=f"it needs {', '.join(lacking)}, which {giver} does not give",
                expected=f"a loss that needs only {', '.join(sorted(gives))}",
                cure=renamed(lacking) or "Remove it or use another component.",
            )
        loss.title = setup.catalogue.part("loss", use)
        if isinstance(loss, AdversarialLoss):
            refuse_lost_critics(loss, loss.title)
        losses.append((use, loss.to(setup.compute.device)))
    return losses


def _encode_levels(losses: list[tuple[LossUse, Loss[Any]]]) -> tuple[int, ...]:
    return tuple(sorted({i for _, loss in losses for i in loss.encodes}))


def _placed(networks: Networks, setup: Setup) -> Networks:
    """The same, moved to the device and compiled if that is wanted."""
    networks.modules.to(device=setup.compute.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    how = setup.recipe.training.compile
    if how != "off":
        pairs = [*networks.translators.values(), *map(nn.ModuleList, networks.inverters.values())]
        for network in (child for pair in pairs for child in pair.children() if parameters_of(child)):
            network.compile(mode="reduce-overhead" if how == "graphs" else None, dynamic=False)
    return networks


def _invert(setup: Setup, index: int, recipe: InvertStage) -> Stage:
    level = recipe.level
    networks = _placed(Networks({}, {level: inverters(setup.recipe, setup.catalogue, setup.encoder, level)}), setup)
    losses = _losses(setup, recipe.losses, IMAGE_LEVEL, InversionView.gives(), "inversion")
    encode = _encode_levels(losses)

    def view(data: TrainingData, rows: Rows) -> InversionView:
        return InversionView(
            inverters=networks.inverters[level],
            images=data.images(rows),
            features=by_level({level: data.features(level, rows)}),
            encoder=setup.encoder,
            encode_levels=encode,
        )

    return Stage(index, recipe.kind, level, networks, losses, recipe.schedule, view, recipe.inverter.use)


def _translate(setup: Setup, index: int, recipe: TranslateStage) -> Stage:
    level, deeper = recipe.level, setup.recipe.deeper(recipe.level)
    pair = translators(setup.recipe, setup.catalogue, setup.encoder, level)
    networks = _placed(Networks({level: pair}), setup)
    giver = f"translator '{recipe.translator.use}'"
    losses = _losses(setup, recipe.losses, setup.level(level), pair.gives, giver)
    encode = _encode_levels(losses)

    def view(data: TrainingData, rows: Rows) -> View:
        on: dict[str, Any] = {"normalise": data.normalise, "encoder": setup.encoder, "encode_levels": encode}
        return pair.view(
            pair=pair,
            features=by_level({level: data.features(level, rows)}),
            condition=NONE if deeper is None else data.features(deeper, rows),
            translated=NONE if deeper is None else data.translated(deeper, rows),
            **(on if encode else {}),
        )

    return Stage(index, recipe.kind, level, networks, losses, recipe.schedule, view, recipe.translator.use)


def _refine(setup: Setup, index: int, recipe: RefineStage, before: Networks) -> Stage:
    levels = [stage.level for stage in setup.recipe.translate]
    deeper, learning = levels[: -recipe.levels], levels[-recipe.levels :]
    shallowest, parts = learning[-1], (setup.recipe, setup.catalogue, setup.encoder)
    networks = Networks(
        {level: translators(*parts, level) for level in learning}, {shallowest: inverters(*parts, shallowest)}
    )
    networks.modules.load_state_dict(before.modules.state_dict(), strict=False)
    _placed(networks, setup)
    losses = _losses(setup, recipe.losses, IMAGE_LEVEL, RefineView.gives(), "refinement")
    encode = tuple(sorted({*_encode_levels(losses), *_consistent_levels(losses, levels[:-1])}))
    decided = deeper or learning[:-1][:1]  # a deepest level that learns on must still show what it had decided

    def view(data: TrainingData, rows: Rows) -> RefineView:
        frozen = {i: data.translated(i, rows) for i in decided}
        return RefineView(
            into={i: pair.into for i, pair in networks.translators.items()},
            inverters=networks.inverters[shallowest],
            images=data.images(rows),
            features=by_level({i: data.features(i, rows) for i in learning}),
            condition=data.features(deeper[-1], rows) if deeper else NONE,
            translated=frozen[deeper[-1]] if deeper else NONE,
            frozen=by_level(frozen),
            normalise=data.normalise,
            encoder=setup.encoder,
            encode_levels=encode,
            share=recipe.reconstruct,
        )

    rates = dict.fromkeys(learning[:-1], recipe.deeper_rate)
    return Stage(index, recipe.kind, shallowest, networks, losses, recipe.schedule, view, rates=rates)


def _consistent_levels(losses: list[tuple[LossUse, Loss[Any]]], deeper: list[int]) -> list[int]:
    """The deeper stages' levels when a loss compares with their translations; refuses one that wants other levels."""
    comparing = [(k, use, loss) for k, (use, loss) in enumerate(losses) if "translations" in loss.needs]
    for k, use, loss in comparing:
        lacking = sorted(set(loss.encodes) - set(deeper))
        if lacking or not deeper:
            raise InputError(
                f"loss '{use.use}' @ $.refine.losses[{k}]",
                found=f"it needs translations of level {lacking[0]}" if lacking else "no deeper stage",
                expected=f"levels of deeper stages: {deeper}",
                cure="Give `levels` of deeper stages, or remove the loss.",
            )
    return deeper if comparing else []
