"""A recipe's networks, and the cascades that they form."""

# i level

from __future__ import annotations

from collections.abc import Mapping

from attrs import evolve, field, frozen
from torch import nn

from ..catalogue.catalogue import Catalogue
from ..contracts import TranslatorPair
from ..encoder import Encoder
from ..features.normalise import Normalise
from ..recipe.recipe import Recipe
from ..spec import Direction, ImageSpec, Pair
from .cascade import Cascade


@frozen(eq=False)
class Networks:
    """Translators and inverters by level, translators deep to shallow: all of a recipe's, or those of some stages.

    `refined` are the shallowest level's inverters after refinement; its own still show what it had decided before.
    """

    translators: Mapping[int, TranslatorPair] = field(factory=dict)
    inverters: Mapping[int, Pair[nn.Module]] = field(factory=dict)
    refined: Pair[nn.Module] | None = None

    @classmethod
    def build(cls, recipe: Recipe, catalogue: Catalogue, encoder: Encoder) -> Networks:
        """All of a recipe's, with fresh weights."""
        parts = (recipe, catalogue, encoder)
        return cls(
            {stage.level: translators(*parts, stage.level) for stage in recipe.translate},
            {stage.level: inverters(*parts, stage.level) for stage in recipe.invert},
            inverters(*parts, recipe.translate[-1].level),
        )

    @property
    def final(self) -> Pair[nn.Module]:
        """The inverters that make the image."""
        return self.refined or self.inverters[min(self.translators)]

    @property
    def modules(self) -> nn.ModuleDict:
        """What a stage trains, by its checkpoint's names: `translators<i>`, `inverter<i>_a`, `inverter<i>_b`.

        An inverter that both domains share is `inverter<i>`.
        """
        named: dict[str, nn.Module] = {f"translators{i}": pair for i, pair in self.translators.items()}
        for i, pair in self.inverters.items():
            one = pair.a is pair.b
            named |= {f"inverter{i}": pair.a} if one else {f"inverter{i}_{side}": net for side, net in zip("ab", pair)}
        return nn.ModuleDict(named)

    def parts(self, direction: Direction) -> dict[str, nn.Module]:
        """Each level's networks of a direction: `a2b/level<i>`, `a2b/inverter<i>`."""
        named = {f"level{i}": direction.target(pair.into) for i, pair in self.translators.items()}
        named |= {f"inverter{i}": direction.target(pair) for i, pair in self.inverters.items()}
        return {f"{direction}/{name}": net for name, net in named.items()}

    def files(self, direction: Direction) -> dict[str, nn.Module]:
        """What a bundle holds of a direction, by its files: its parts and `a2b/inverter`."""
        return {**self.parts(direction), f"{direction}/inverter": direction.target(self.final)}

    def cascade(self, direction: Direction, encoder: Encoder, normalise: Pair[Normalise]) -> Cascade:
        """A direction's cascade, in eval mode."""
        source, target = direction.turn(normalise)
        into = {i: direction.target(pair.into) for i, pair in self.translators.items()}
        previews = {i: direction.target(pair) for i, pair in self.inverters.items()}
        return Cascade(encoder, source, target, into, direction.target(self.final), previews).eval()

    def with_stage(self, trained: Networks, *, refined: bool = False) -> Networks:
        """With what one more stage has trained."""
        known = evolve(self, translators={**self.translators, **trained.translators})
        if refined:
            return evolve(known, refined=trained.final)
        return evolve(known, inverters={**self.inverters, **trained.inverters})


def translators(recipe: Recipe, catalogue: Catalogue, encoder: Encoder, level: int) -> TranslatorPair:
    """A level's translators with fresh weights."""
    use = next(stage.translator for stage in recipe.translate if stage.level == level)
    number = recipe.deeper(level)
    deeper = None if number is None else encoder.pyramid[number]
    facts = {"here": encoder.pyramid[level], "deeper": deeper, "image": ImageSpec(recipe.image.size)}
    pair: TranslatorPair = catalogue.build("translator", use, **facts)
    return pair


def inverters(recipe: Recipe, catalogue: Catalogue, encoder: Encoder, level: int) -> Pair[nn.Module]:
    """A level's inverters, one a domain or one for both, with fresh weights."""
    stage = next(stage for stage in recipe.invert if stage.level == level)
    facts = {"level": encoder.pyramid[level], "image": ImageSpec(recipe.image.size)}
    first: nn.Module = catalogue.build("inverter", stage.inverter, **facts)
    return Pair(first, first if stage.shared else catalogue.build("inverter", stage.inverter, **facts))
