"""What plugins offer, one frozen record a component, and the hooks that yield them: one a kind. Torch-free."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from pkgutil import resolve_name
from types import ModuleType
from typing import Any, ClassVar, get_type_hints

import pluggy
from attrs import field, frozen, has, validators

from .spec import PyramidSpec

PROJECT = "crosscade"
hookimpl = pluggy.HookimplMarker(PROJECT)
"""Marks a function that yields offers; its name says of which kind, as `encoders`."""


def option(default: Any, help: str, *checks: Any) -> Any:
    """A field of an options class: its default, what people read about it, and its validators."""
    return field(default=default, metadata={"help": help}, validator=list(checks))


def betas_option(default: tuple[float, float], help: str) -> Any:
    """A field for Adam's two betas, each from 0 to below 1."""
    each = validators.deep_iterable(validators.and_(validators.ge(0.0), validators.lt(1.0)))
    return option(default, help, validators.min_len(2), validators.max_len(2), each)


@frozen
class NoOptions:
    """A component without options."""


@frozen(kw_only=True)
class Offer:
    """A named component. `options` is an attrs class; `build(options, **facts)` makes the component.

    The facts depend on the kind and are listed in each kind's docstring; `build` is given those that it names.
    """

    kind: ClassVar[str] = ""
    makes: ClassVar[str] = ""
    """What `build` returns: `module:Class`, beside this module."""
    name: str = field(validator=validators.matches_re(r"[a-z0-9][a-z0-9-]*"))
    build: Callable[..., Any] = field(validator=validators.is_callable())
    summary: str = field(validator=validators.min_len(1))
    options: type = field(default=NoOptions, validator=lambda offer, _, options: offer.check_options(options))
    source: str = ""

    def check_options(self, options: Any) -> None:
        """Raises TypeError for what is no attrs class of which plain values can be checked."""
        if not (isinstance(options, type) and has(options)):
            raise TypeError(f"{self.kind} '{self.name}': options is {options!r}, expected an attrs class")
        get_type_hints(options)  # NameError where one is not to be found

    @property
    def made(self) -> type:
        """The class of what `build` returns."""
        made: type = resolve_name(f"{__package__}.{self.makes}")
        return made

    def make(self, options: Any = None, **facts: Any) -> Any:
        """The component with `options` (None: the defaults), given those of the `facts` that its `build` asks for."""
        asked = inspect.signature(self.build).parameters
        if not any(p.kind is p.VAR_KEYWORD for p in asked.values()):
            facts = {name: fact for name, fact in facts.items() if name in asked}
        return self.build(self.options() if options is None else options, **facts)


@frozen(kw_only=True)
class EncoderOffer(Offer):
    """Pre-trained networks whose feature maps are translated.

    `build(options) -> Encoder`.
    """

    kind = "encoder"
    makes = "encoder:Encoder"
    pyramid: Callable[[Any], PyramidSpec] | None = None
    """From the options, the levels where there are no weights; without it the encoder is built to be described."""


@frozen(kw_only=True)
class TranslatorOffer(Offer):
    """Pairs of networks that translate one level's features between the domains.

    `build(options, *, here: LevelSpec, deeper: LevelSpec | None, image: ImageSpec) -> TranslatorPair`.
    """

    kind = "translator"
    makes = "contracts:TranslatorPair"
    begins_with_input: Callable[[Any], bool] | None = None
    """Whether one of such options gives back nearly its input until it is trained, and is safe on few directions."""


@frozen(kw_only=True)
class InverterOffer(Offer):
    """Networks that turn one level's features back into images.

    `build(options, *, level: LevelSpec, image: ImageSpec) -> nn.Module` (features -> images in [-1, 1]). One whose
    `masked` is true also has `with_mask(features) -> (images, map)`, the map (B, 1, H, W) in [0, 1]: where it is 0, the
    refined translation is the source.
    """

    kind = "inverter"
    makes = "encoder:nn.Module"


@frozen(kw_only=True)
class LossOffer(Offer):
    """Training objectives; an adversarial one owns its critics.

    `build(options, *, here: LevelSpec, image: ImageSpec, encoder: Encoder, catalogue: Catalogue) -> Loss`.
    """

    kind = "loss"
    makes = "contracts:Loss"


@frozen(kw_only=True)
class DatasetOffer(Offer):
    """Pairs of image domains.

    `build(options) -> Dataset`; `options` has at least `a` and `b`, the domains' names.
    """

    kind = "dataset"
    makes = "data.dataset:Dataset"


@frozen(kw_only=True)
class MetricOffer(Offer):
    """Scores of a set of translations.

    `build(options) -> Metric`.
    """

    kind = "metric"
    makes = "metrics.metric:Metric"
    order: int = 100
    """Where its scores stand in tables, ascending: those that tell most come first (built-in metrics: below 100)."""
    verifies_exports: bool = False
    """Whether an export in less precision is refused that makes its scores worse: it was a translation, is it still?"""


@frozen(kw_only=True)
class ExporterOffer(Offer):
    """Compilers of a trained bundle into something deployable.

    `build(options) -> Exporter`.
    """

    kind = "exporter"
    makes = "contracts:Exporter"


@frozen(kw_only=True)
class WatcherOffer(Offer):
    """What follows a training while it runs, where it is named.

    `build(options, *, run: Path) -> Watcher`, for `crosscade train --watch NAME`; `run` is the run's folder.
    """

    kind = "watcher"
    makes = "support.events:Watcher"


@frozen(kw_only=True)
class StarterOffer(Offer):
    """Trained networks that recipes begin with, by their key `start`.

    `build() -> Path`, a bundle's folder; it need hold no more than what others begin with.
    """

    kind = "starter"


@frozen(kw_only=True)
class ModelOffer(Offer):
    """Trained cascades that commands know by name: `crosscade run NAME`.

    `build() -> Path`, the folder of an export, or of a bundle.
    """

    kind = "model"


@frozen(kw_only=True)
class RecipeOffer(Offer):
    """Named recipes.

    `build() -> str`, the recipe's TOML text.
    """

    kind = "recipe"


@frozen(kw_only=True)
class CommandOffer(Offer):
    """Subcommands of `crosscade`.

    A subcommand: `arguments(parser)` declares its arguments, `build(arguments, catalogue) -> int` runs it.
    """

    kind = "command"
    arguments: Callable[[Any], None]
    group: str = ""
    """The heading of `crosscade --help` that it stands under; a stranger's stands under its provider's name."""
    example: str = ""
    """A line that does something useful, for its own `--help`."""
    together: bool = False
    """Whether the processes that torchrun starts work at it together; else several are refused."""


# attrs makes each slotted class anew, after the one that it replaces: the last of a kind is the one in use
KINDS: dict[str, type[Offer]] = {offer.kind: offer for offer in Offer.__subclasses__()}
HOOKS = {kind + ("es" if kind.endswith("s") else "s"): kind for kind in KINDS}


def hookspecs() -> ModuleType:
    """pluggy's specification: for each kind a hook without arguments, documented as the kind is."""
    specs = ModuleType("crosscade's hooks")
    for name, kind in HOOKS.items():

        def hook() -> Iterable[Offer]:
            return ()  # never called: pluggy reads the signature

        hook.__name__, hook.__doc__ = name, KINDS[kind].__doc__
        setattr(specs, name, pluggy.HookspecMarker(PROJECT)(hook))
    return specs
