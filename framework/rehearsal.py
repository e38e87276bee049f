"""Before the run's folder is touched and hours are spent, every part is built and called once, on two rows of noise.

What does not fit, raises or gives something else than it should is refused in one line that names the part. What is
rehearsed with is thrown away: a run builds its own, and seeds every stage and step.
"""

# B batch, C channels, H W space; i level

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

import numpy as np
import torch
from attrs import evolve, field, frozen
from torch import Tensor, nn

from .contracts import AdversarialLoss, Declared, checked_terms
from .errors import InputError
from .features.normalise import Normalise
from .features.training_data import Rows
from .recipe.recipe import AnyStage, Component, InvertStage, LossUse, TranslateStage
from .setup import Setup
from .spec import Pair
from .styles import run, style_size
from .support import ranks
from .training.loop import frozen as fixed
from .training.loop import total
from .training.stages import Stage, build_stage
from .views import View

ROWS = 2
"""A process's: a batch norm refuses one of a single value."""


def rehearse(setup: Setup) -> Iterator[Stage]:
    """Every stage, built and called once.

    InputError for a part that does not fit, a loss that needs what is not given, or losses that teach nothing.
    """
    training = evolve(setup.recipe.training, compile="off")  # for the real rows' number, later
    setup = evolve(setup, recipe=evolve(setup.recipe, training=training))
    noise = _Noise(setup)
    _call_encoder(setup, noise)
    for index, recipe in enumerate(setup.recipe.trained):
        stage = build_stage(setup, index)
        if (stage.learns or stage.kind == "refine") and not stage.active(0.0):
            raise InputError(
                f"the losses of '{stage.title}'",
                found="none that counts from the start",
                expected="at least one with weight > 0 and start = 0",
            )
        stage.networks.modules.train()
        _call_networks(setup, stage, recipe, noise)
        if stage.learns:
            _take_step(setup, stage, noise)
        yield stage


@frozen
class _Noise:
    """What `TrainingData` gives, of no data."""

    setup: Setup
    normalise: Pair[Normalise] = field(init=False)
    _batch: Any = field(init=False, factory=lambda: ranks.part(np.arange(ROWS * ranks.world())))

    def __attrs_post_init__(self) -> None:
        encoder, ones = self.setup.encoder, {}
        if not encoder.normalised:
            ones = {level.number: torch.ones(level.channels) for level in encoder.pyramid.levels}
        normalise = Normalise(ones, ones, self.setup.recipe.training.clip_sigma).to(self.setup.compute.device)
        object.__setattr__(self, "normalise", Pair(normalise, normalise))

    @property
    def rows(self) -> Rows:
        return Pair(self._batch, self._batch)

    def images(self, _: Rows | None = None) -> Pair[Tensor]:
        size = self.setup.recipe.image.size
        return Pair(0, 1).map(lambda seed: self._uniform((ROWS, 3, size, size), seed))

    def features(self, number: int, _: Rows | None = None, count: int = ROWS) -> Pair[Tensor]:
        level = self.setup.level(number)
        side = level.size(self.setup.recipe.image.size)
        return Pair(2, 3).map(lambda seed: self._uniform((count, level.channels, side, side), seed))

    def translated(self, number: int, _: Rows | None = None) -> Pair[Tensor]:
        return self.features(number).swap()

    def _uniform(self, shape: tuple[int, ...], seed: int) -> Tensor:
        values = torch.rand(shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1
        return values.to(self.setup.compute.device)


def _call_encoder(setup: Setup, noise: _Noise) -> None:
    """Its levels are what it says, for these images."""
    catalogue, use = setup.catalogue, setup.recipe.encoder
    levels = sorted({s.level for s in setup.recipe.trained if isinstance(s, InvertStage | TranslateStage)})
    calling = catalogue.calling("encoder", use, f"images of {setup.image.size} px")
    with calling, torch.no_grad(), setup.compute.autocast():
        maps = setup.encoder(noise.images().a, levels)
    is_map = isinstance(maps, Mapping) and set(levels) <= set(maps)
    catalogue.require(is_map, "encoder", use, "`forward`", maps, f"a dict of maps by level: {levels}")
    for i in levels:
        expected = noise.features(i).a
        _require_like(setup, "encoder", use, f"level {i}", maps[i], expected)


def _require_like(setup: Setup, kind: str, use: Component, what: str, given: Any, expected: Tensor) -> None:
    fits = isinstance(given, Tensor) and given.shape == expected.shape and given.is_floating_point()
    setup.catalogue.require(fits, kind, use, what, given, f"a tensor {tuple(expected.shape)} of floats")


def _call_networks(setup: Setup, stage: Stage, recipe: AnyStage, noise: _Noise) -> None:
    """Translators and inverters keep their shapes."""
    catalogue, autocast = setup.catalogue, setup.compute.autocast
    if isinstance(recipe, TranslateStage):
        pair, use, deeper = stage.networks.translators[stage.level], recipe.translator, setup.recipe.deeper(stage.level)
        condition: Pair[Any] = Pair(None, None) if deeper is None else noise.features(deeper)
        with catalogue.calling("translator", use, "`calibrate`"):
            if pair.examples:
                pair.calibrate(noise.features(stage.level, count=pair.examples))
        with catalogue.calling("translator", use, "`into`"):
            nets = pair.into
        both = isinstance(nets, Pair) and all(isinstance(net, nn.Module) for net in nets)
        catalogue.require(both, "translator", use, "`into`", nets, "a Pair of modules, one into each domain")
        for side, net, x, below in zip("ab", nets, noise.features(stage.level), condition):
            with catalogue.calling("translator", use, f"`into.{side}`"), torch.no_grad(), autocast():
                given = run(net, x, below)
                styles = net.style_of(x) if style_size(net) else None  # type: ignore[operator]
            _require_like(setup, "translator", use, f"`into.{side}`", given, x)
            if styles is not None:
                wanted = x.new_zeros(len(x), style_size(net))
                _require_like(setup, "translator", use, f"`style_of` of `into.{side}`", styles, wanted)
    elif isinstance(recipe, InvertStage):
        for net, x, image in zip(stage.networks.inverters[stage.level], noise.features(stage.level), noise.images()):
            with catalogue.calling("inverter", recipe.inverter, "`forward`"), torch.no_grad(), autocast():
                given = net(x)
            _require_like(setup, "inverter", recipe.inverter, "`forward`", given, image)


def _take_step(setup: Setup, stage: Stage, noise: _Noise) -> None:
    """Every loss's terms and gradients, its critics' first."""
    autocast, learning = setup.compute.autocast, [(use, loss) for use, loss in stage.losses if use.weight > 0]
    view = _view(setup, stage, noise)
    for use, loss in learning:
        if isinstance(loss, AdversarialLoss):
            _check_critics(setup, use, loss)
            with setup.catalogue.calling("loss", use, "`critic_terms`"):
                with autocast():
                    terms = checked_terms(loss.critic_terms(cast(View, Declared(view.detached(), loss)), 0), loss)
                if total(terms).requires_grad:
                    total(terms).backward()
    taught: list[str] = []
    with autocast(), fixed(*(loss.critics for _, loss in learning if isinstance(loss, AdversarialLoss))):
        for use, loss in learning:
            with setup.catalogue.calling("loss", use, "`terms`"):
                terms = checked_terms(loss.terms(cast(View, Declared(view, loss))), loss)
                if total(terms).requires_grad:
                    total(terms).backward(retain_graph=True)
                    taught.append(use.use)
    if not taught:
        found = f"terms that nothing which learns has a part in ({', '.join(use.use for use, _ in learning)})"
        raise InputError(f"the losses of '{stage.title}'", found=found, expected="one with a gradient")


def _view(setup: Setup, stage: Stage, noise: _Noise) -> View:
    """The stage's view, which a translator's own class may make."""
    makes: Callable[..., View] = stage.view
    if stage.kind != "translate":
        return makes(noise, noise.rows)
    use = next(s.translator for s in setup.recipe.translate if s.level == stage.level)
    needed = sorted({name for _, loss in stage.losses for name in loss.needs})
    with setup.catalogue.calling("translator", use, "`view`"):
        view = makes(noise, noise.rows)
    for name in needed:
        with setup.catalogue.calling("translator", use, f"`{name}` of its view"), setup.compute.autocast():
            given = getattr(view, name)
        setup.catalogue.require(isinstance(given, Pair), "translator", use, f"`{name}` of its view", given, "a Pair")
    return view


def _check_critics(setup: Setup, use: LossUse, loss: AdversarialLoss[Any]) -> None:
    for name, expected in (("learning_rate", "a number above 0"), ("betas", "Adam's two"), ("steps", "at least 1")):
        given: Any = getattr(loss, name, None)
        fits = bool(given) and (name != "betas" or len(given) == 2)
        setup.catalogue.require(fits, "loss", use, f"`{name}`", given, expected)
