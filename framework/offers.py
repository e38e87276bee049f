"""What plugins offer: one frozen record per component. Torch-free."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from attrs import field, frozen, validators


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

    The facts that `build` gets as keyword arguments depend on the kind and are listed in each kind's docstring.
    """

    kind: ClassVar[str] = ""
    name: str = field(validator=validators.matches_re(r"[a-z0-9][a-z0-9-]*"))
    build: Callable[..., Any]
    summary: str = field(validator=validators.min_len(1))
    options: type = NoOptions
    source: str = ""


@frozen(kw_only=True)
class EncoderOffer(Offer):
    """`build(options) -> framework.contracts.Encoder`."""

    kind = "encoder"


@frozen(kw_only=True)
class TranslatorOffer(Offer):
    """`build(options, *, here: LevelSpec, deeper: LevelSpec | None, image: ImageSpec) -> TranslatorPair`."""

    kind = "translator"


@frozen(kw_only=True)
class InverterOffer(Offer):
    """`build(options, *, level: LevelSpec, image: ImageSpec) -> nn.Module` (features -> images in [-1, 1])."""

    kind = "inverter"


@frozen(kw_only=True)
class LossOffer(Offer):
    """`build(options, *, here: LevelSpec, image: ImageSpec, encoder: Encoder) -> Loss`."""

    kind = "loss"


@frozen(kw_only=True)
class DatasetOffer(Offer):
    """`build(options) -> framework.data.Dataset`; `options` has at least `a` and `b`, the domains' names."""

    kind = "dataset"


@frozen(kw_only=True)
class MetricOffer(Offer):
    """`build(options) -> framework.scores.Metric`."""

    kind = "metric"


@frozen(kw_only=True)
class ExporterOffer(Offer):
    """`build(options) -> framework.contracts.Exporter`."""

    kind = "exporter"


@frozen(kw_only=True)
class RecipeOffer(Offer):
    """`build() -> str`, the recipe's TOML text."""

    kind = "recipe"


@frozen(kw_only=True)
class CommandOffer(Offer):
    """A subcommand: `arguments(parser)` declares its arguments, `build(arguments, catalogue) -> int` runs it."""

    kind = "command"
    arguments: Callable[[Any], None]


KINDS: dict[str, type[Offer]] = {
    cls.kind: cls
    for cls in (
        EncoderOffer,
        TranslatorOffer,
        InverterOffer,
        LossOffer,
        DatasetOffer,
        MetricOffer,
        ExporterOffer,
        RecipeOffer,
        CommandOffer,
    )
}
