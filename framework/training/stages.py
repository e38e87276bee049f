"""A run's trainings: invert each level, translate deep to shallow, refine. Each knows its networks and makes its view.

i level; a stage's `modules` are what it trains. Stores hold, by the domain that the *source* is in, `level<i>` and
`translated<i>` (that source's level i translated into the other domain).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from attrs import define, field
from torch import Tensor, nn

from ..contracts import AdversarialLoss, Loss, parameters_of
from ..errors import InputError
from ..features.training_data import Materials, Rows
from ..recipe.recipe import LossUse, Recipe, Schedule
from ..spec import LevelSpec, Pair
from ..views import InversionView, RefineView

IMAGE_LEVEL = LevelSpec(0, "image", 3, 1)


@define
class Stage:
    """One training: named networks, losses, a schedule, and a view of a batch."""

    index: int
    kind: str
    level: int
    modules: nn.ModuleDict
    losses: list[tuple[LossUse, Loss]]
    schedule: Schedule
    view: Callable[[Rows], Any]
    rates: Mapping[str, float] = field(factory=dict)
    """Of modules that learn slower or faster than the schedule's rate, by name."""

    @property
    def name(self) -> str:
        """Like `2-translate-level5`, unique in a run."""
        return f"{self.index}-{self.kind}" + (f"-level{self.level}" if self.kind != "refine" else "")

    @property
    def key(self) -> str:
        """Like `translate-5`, or `refine`."""
        return f"{self.kind}-{self.level}" if self.kind != "refine" else "refine"

    @property
    def title(self) -> str:
        """For people."""
        return f"{self.kind} level {self.level}" if self.kind != "refine" else "refine"

    def active(self, done: float) -> dict[str, tuple[LossUse, Loss]]:
        """The losses that count when the fraction `done` of the stage is behind us, each by a name of its own."""
        found: dict[str, tuple[LossUse, Loss]] = {}
        for use, loss in self.losses:
            if done >= use.start and use.weight > 0:
                again = sum(1 for name in found if name.split("#")[0] == use.use)
                found[use.use + (f"#{again + 1}" if again else "")] = (use, loss)
        return found

    @property
    def learns(self) -> bool:
        """Whether there is anything to train."""
        return bool(parameters_of(self.modules))

    @property
    def adversaries(self) -> list[AdversarialLoss]:
        """The losses that own critics."""
        return [loss for _, loss in self.losses if isinstance(loss, AdversarialLoss)]


def stage_names(recipe: Recipe) -> list[tuple[str, int]]:
    """(kind, position in the recipe's list) of every stage in the order in which they are trained."""
    names = [("invert", k) for k in range(len(recipe.inversions))]
    names += [("translate", k) for k in range(len(recipe.stages))]
    return names + ([("refine", 0)] if recipe.refine else [])


def build_stage(materials: Materials, index: int, before: Mapping[str, nn.ModuleDict]) -> Stage:
    """Stage `index` of the run with fresh networks; refine starts from the networks in `before` (by `kind-level`)."""
    recipe = materials.recipe
    kind, k = stage_names(recipe)[index]
    torch.manual_seed(_mix(recipe.training.seed, index))
    if kind == "invert":
        return _invert(materials, index, k)
    if kind == "translate":
        return _translate(materials, index, k)
    return _refine(materials, index, before)


def _mix(*numbers: int) -> int:
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> 1)


def _losses(
    materials: Materials, uses: tuple[LossUse, ...], here: LevelSpec, gives: frozenset[str], where: str, giver: str
) -> list[tuple[LossUse, Loss]]:
    made = []
    for k, use in enumerate(uses):
        facts = {"here": here, "image": materials.image, "encoder": materials.encoder}
        try:
            loss: Loss = materials.catalogue.build("loss", use, **facts, catalogue=materials.catalogue)
        except InputError as error:
            place = f"{error.where} @ $.{where}.losses[{k}]"
            raise InputError(place, found=error.found, expected=error.expected, cure=error.cure) from None
        lacking = sorted(loss.needs - gives)
        if lacking:
            raise InputError(
                f"loss '{use.use}' @ $.{where}.losses[{k}]",
                found=f"it needs {', '.join(lacking)}, which {giver} does not give",
                expected=f"a loss that needs only {', '.join(sorted(gives))}",
                cure="Remove it or use another component.",
            )
        made.append((use, loss.to(materials.device)))
    return made


def _encode_levels(losses: list[tuple[LossUse, Loss]]) -> tuple[int, ...]:
    return tuple(sorted({i for _, loss in losses for i in loss.encodes}))


def _inverters(materials: Materials, k: int) -> nn.ModuleDict:
    stage = materials.recipe.inversions[k]
    facts = {"level": materials.level(stage.level), "image": materials.image}
    made = [materials.catalogue.build("inverter", stage.inverter, **facts) for _ in "ab"]
    return nn.ModuleDict({f"inverter{stage.level}_a": made[0], f"inverter{stage.level}_b": made[1]})


def _translators(materials: Materials, k: int) -> nn.ModuleDict:
    stages = materials.recipe.stages
    here, deeper = materials.level(stages[k].level), materials.level(stages[k - 1].level) if k else None
    pair = materials.catalogue.build(
        "translator", stages[k].translator, here=here, deeper=deeper, image=materials.image
    )
    return nn.ModuleDict({f"translators{stages[k].level}": pair})


def _place(modules: nn.ModuleDict, device: torch.device) -> nn.ModuleDict:
    return modules.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]


def _invert(m: Materials, index: int, k: int) -> Stage:
    recipe = m.recipe.inversions[k]
    modules = _place(_inverters(m, k), m.device)
    gives = frozenset(
        {"real", "fake", "images", "features", "reconstructed", "encoded_real", "encoded_fake", "encoded_reconstructed"}
    )
    losses = _losses(m, recipe.losses, IMAGE_LEVEL, gives, f"inversions[{k}]", "inversion")
    encode = _encode_levels(losses)
    inverters = inverters_of(modules, recipe.level)

    def view(rows: Rows) -> InversionView:
        return InversionView(inverters, m.images(rows), m.features(recipe.level, rows), m.encoder, encode)

    return Stage(index, "invert", recipe.level, modules, losses, recipe.schedule, view)


def _condition(m: Materials, k: int, rows: Rows) -> Pair[Tensor | None]:
    return m.features(m.recipe.stages[k - 1].level, rows) if k else Pair(None, None)  # type: ignore[return-value]


def _translate(m: Materials, index: int, k: int) -> Stage:
    recipe = m.recipe.stages[k]
    modules = _place(_translators(m, k), m.device)
    pair: Any = modules[f"translators{recipe.level}"]
    gives = frozenset({"real", "features", *pair.offers})
    losses = _losses(
        m, recipe.losses, m.level(recipe.level), gives, f"stages[{k}]", f"translator '{recipe.translator.use}'"
    )

    def view(rows: Rows) -> Any:
        translated: Pair[Any] = m.translated(m.recipe.stages[k - 1].level, rows) if k else Pair(None, None)
        return pair.view(m.features(recipe.level, rows), _condition(m, k, rows), translated)

    return Stage(index, "translate", recipe.level, modules, losses, recipe.schedule, view)


def _refine(m: Materials, index: int, before: Mapping[str, nn.ModuleDict]) -> Stage:
    recipe, stages = m.recipe.refine, m.recipe.stages
    assert recipe is not None
    first = max(0, len(stages) - recipe.levels)
    learning, deeper = [s.level for s in stages[first:]], [s.level for s in stages[:first]]
    shallowest = learning[-1]
    modules = nn.ModuleDict()
    for k in range(first, len(stages)):
        modules.update(dict(_translators(m, k).items()))
    modules.update(dict(_inverters(m, [s.level for s in m.recipe.inversions].index(shallowest)).items()))
    for part in (*(f"translate-{i}" for i in learning), f"invert-{shallowest}"):
        if part in before:
            modules.load_state_dict(before[part].state_dict(), strict=False)
    modules = _place(modules, m.device)
    gives = frozenset(
        {
            "real", "fake", "same", "images", "features", "reconstructed", "encoded_real", "encoded_fake",
            "encoded_reconstructed", "translations", "normalise", "fake_features", "cycled",
        }
    )  # fmt: skip
    losses = _losses(m, recipe.losses, IMAGE_LEVEL, gives, "refine", "refinement")
    consistent = _consistent_levels(m, losses)
    encode = tuple(sorted({*_encode_levels(losses), *consistent}))
    pairs: dict[int, Any] = {i: modules[f"translators{i}"] for i in learning}
    into = {i: pair.into for i, pair in pairs.items()}
    inverters = inverters_of(modules, shallowest)
    decided = deeper or learning[:-1][:1]  # a deepest level that learns on must still show what it had decided

    def view(rows: Rows) -> RefineView:
        frozen = {i: m.translated(i, rows) for i in decided}
        return RefineView(
            into,
            inverters,
            m.images(rows),
            {i: m.features(i, rows) for i in learning},
            _condition(m, first, rows),
            frozen[deeper[-1]] if deeper else Pair(None, None),
            Pair({i: p.a for i, p in frozen.items()}, {i: p.b for i, p in frozen.items()}),
            m.normalise,
            m.encoder,
            encode,
            recipe.reconstruct,
        )

    stage = Stage(index, "refine", shallowest, modules, losses, recipe.schedule, view)
    stage.rates = {f"translators{i}": recipe.deeper_rate for i in learning[:-1]}
    return stage


def _consistent_levels(m: Materials, losses: list[tuple[LossUse, Loss]]) -> list[int]:
    """The deeper stages' levels when a loss compares with their translations; refuses one that wants other levels."""
    given = [s.level for s in m.recipe.stages[:-1]]
    comparing = [(k, use, loss) for k, (use, loss) in enumerate(losses) if "translations" in loss.needs]
    for k, use, loss in comparing:
        lacking = sorted(set(loss.encodes) - set(given))
        if lacking or not given:
            raise InputError(
                f"loss '{use.use}' @ $.refine.losses[{k}]",
                found=f"it needs translations of level {lacking[0]}" if lacking else "no deeper stage",
                expected=f"levels of deeper stages: {given}",
                cure="Give `levels` of deeper stages, or remove the loss.",
            )
    return given if comparing else []


def inverters_of(modules: nn.ModuleDict, level: int) -> Pair[nn.Module]:
    """Both domains' inverters of a level."""
    return Pair(modules[f"inverter{level}_a"], modules[f"inverter{level}_b"])
