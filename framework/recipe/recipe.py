"""Recipes: which components make a run, with which options. TOML for people, resolved JSON beside every result.

A table with a `use` key names a component of the catalogue; its other keys are that component's options. Everything
is checked before any work starts, and every error quotes the path (`@ $.translate[1].translator`) and the cure.
"""

from __future__ import annotations

from typing import Any, ClassVar

import attrs
from attrs import evolve, field, frozen, validators

from ..hookspecs import betas_option, option
from ..support.limits import MOST_SIDE
from .schema import plain


@frozen
class Component:
    """A named component and its checked options."""

    use: str
    options: Any
    place: str = field(default="", eq=False, kw_only=True)
    """Where the recipe asks for it, like `$.translate[1].losses[0]`."""

    def plain(self) -> dict[str, Any]:
        """As it would stand in a recipe, with every option spelled out."""
        own = {a.name: getattr(self, a.name) for a in attrs.fields(type(self)) if a.name not in ("options", "place")}
        return {**own, **plain(self.options)}


@frozen
class LossUse(Component):
    """A loss in a stage: its weight in the sum and when it begins."""

    weight: float = 1.0
    start: float = 0.0


@frozen
class Schedule:
    """How long and how fast a stage learns: Adam, counted in images of each domain seen by the trained networks."""

    images: int = option(40_000, "images of each domain, batch by batch", validators.gt(0))
    batch: int = option(10, "images of each domain in a step (paper: 10, inversion 25)", validators.gt(0))
    learning_rate: float = option(1e-4, "Adam's rate (paper: 1e-4)", validators.gt(0))
    betas: tuple[float, ...] = betas_option((0.5, 0.999), "Adam's betas (paper: 0.5, 0.999)")
    decay_from: float = option(
        1.0,
        "fraction of the stage after which the rate falls to 5 % (1: constant, the paper)",
        validators.ge(0),
        validators.le(1),
    )
    ema: float = option(
        0.0,
        "decay of the weights' moving average, which is what is kept (0: none, the paper)",
        validators.ge(0),
        validators.lt(1),
    )
    ramp_steps: int = option(0, "steps in which the rate rises to its value (0: none, the paper)", validators.ge(0))
    warm_up: float = option(
        0.0,
        "fraction of the stage with `warm_up_rate`, before losses that `start` later begin",
        validators.ge(0),
        validators.le(1),
    )
    warm_up_rate: float = option(2e-3, "Adam's rate during the warm-up", validators.gt(0))

    @property
    def steps(self) -> int:
        """Updates of the stage's networks."""
        return max(1, self.images // self.batch)


@frozen
class ImageOptions:
    """How images are cut from what the dataset gives."""

    size: int = option(
        0, "pixels, square (0: what the dataset prefers; paper: 224)", validators.ge(0), validators.le(MOST_SIDE)
    )
    load: int = option(0, "short side before the random crop (0: 9/8 of size; paper-like: 256)", validators.ge(0))
    crops: int = option(2, "of each training image, encoded once and kept", validators.gt(0))
    mirror: bool = option(True, "every second crop is mirrored (paper: yes)")

    @property
    def short_side(self) -> int:
        """Pixels of an image's shorter side before it is cropped."""
        return self.load or round(self.size * 9 / 8)


@frozen
class Training:
    """What holds for the whole run."""

    seed: int = option(0, "of every random choice", validators.ge(0))
    precision: str = option(
        "auto", "auto (measured at the start) | float32 | bfloat16", validators.in_(("auto", "float32", "bfloat16"))
    )
    threads: int = option(0, "CPU threads (0: as many as are really free, measured at the start)", validators.ge(0))
    clip_sigma: float = option(
        1.5, "features are clamped at this many standard deviations (paper: 1; gaps row 2)", validators.gt(0)
    )
    checkpoint_seconds: float = option(60.0, "at most this long between checkpoints", validators.gt(0))
    compile: str = option(
        "off",
        "torch.compile of the networks that learn: off | default | graphs (by CUDA graphs); the same but for rounding",
        validators.in_(("off", "default", "graphs")),
    )
    deterministic: bool = option(
        False,
        "the same bits every time on a GPU of one kind too, which is slower (on a CPU they always are); all built-in "
        "parts can, and PyTorch refuses a part that cannot",
    )
    ship_collapsed: bool = option(False, "make a bundle even of translations that have collapsed")
    samples_seconds: float = option(60.0, "at most this long between sample strips", validators.gt(0))


@frozen
class TranslateStage:
    """One level's pair of translators (Sec. 3)."""

    kind: ClassVar[str] = "translate"
    level: int
    translator: Component
    losses: tuple[LossUse, ...] = ()
    schedule: Schedule = Schedule()


@frozen
class InvertStage:
    """One level's inverters, one a domain (Sec. 3, Feature inversion). The shallowest makes the final image."""

    kind: ClassVar[str] = "invert"
    level: int
    inverter: Component
    losses: tuple[LossUse, ...] = ()
    schedule: Schedule = Schedule()
    shared: bool = option(False, "one inverter for both domains (the paper: one for each)")


@frozen
class RefineStage:
    """The shallowest translators and inverters together in pixel space (ours)."""

    kind: ClassVar[str] = "refine"
    losses: tuple[LossUse, ...] = ()
    schedule: Schedule = Schedule()
    levels: int = option(1, "how many of the shallowest stages' translators learn", validators.ge(1))
    deeper_rate: float = option(1.0, "rate of all but the shallowest of them, as a share", validators.ge(0))
    reconstruct: float = option(
        1.0, "share of each batch that is also reconstructed", validators.gt(0), validators.le(1)
    )


AnyStage = InvertStage | TranslateStage | RefineStage


@frozen(kw_only=True)
class Recipe:
    """Everything that determines a run but the data's content."""

    name: str = "unnamed"
    summary: str = ""
    start: str = option("", "a starter's name: the networks that a run begins with, unless --start names others")
    data: Component
    image: ImageOptions = ImageOptions()
    encoder: Component
    training: Training = Training()
    invert: tuple[InvertStage, ...]
    translate: tuple[TranslateStage, ...]
    refine: RefineStage | None = None

    @property
    def places(self) -> dict[str, AnyStage]:
        """Every stage by its place, like `$.translate[1]`, in the order in which they are trained."""
        inverting = {f"$.invert[{k}]": stage for k, stage in enumerate(self.invert)}
        translating = {f"$.translate[{k}]": stage for k, stage in enumerate(self.translate)}
        return {**inverting, **translating, **({"$.refine": self.refine} if self.refine else {})}

    @property
    def trained(self) -> tuple[AnyStage, ...]:
        """Every stage, in the order in which they are trained."""
        return tuple(self.places.values())

    @property
    def learning(self) -> tuple[AnyStage, ...]:
        """The stages with losses: one without has nothing to learn."""
        return tuple(stage for stage in self.trained if stage.losses)

    def deeper(self, level: int) -> int | None:
        """The level whose translation a translated level is conditioned on; None for the deepest."""
        return min((stage.level for stage in self.translate if stage.level > level), default=None)

    def scaled(self, factor: float, only: AnyStage | None = None) -> Recipe:
        """With `factor` times the images in every stage that learns, or in one, but no fewer than a batch."""

        def scaled(stage: Any) -> Any:
            if not stage.losses or only not in (None, stage):
                return stage
            images = max(stage.schedule.batch, round(stage.schedule.images * factor))
            return evolve(stage, schedule=evolve(stage.schedule, images=images))

        return evolve(
            self,
            invert=tuple(map(scaled, self.invert)),
            translate=tuple(map(scaled, self.translate)),
            refine=self.refine and scaled(self.refine),
        )

    def longer(self, steps: int) -> Recipe:
        """With so many more steps in the last stage that learns."""
        if not steps:
            return self
        last = self.learning[-1]
        return self.scaled(1 + steps * last.schedule.batch / last.schedule.images, last)

    def plain(self) -> dict[str, Any]:
        """As plain values that `resolve` reads back to an equal recipe."""
        values = {a.name: getattr(self, a.name) for a in attrs.fields(Recipe)}
        return {name: plain(value) for name, value in values.items() if value is not None}
