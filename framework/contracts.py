"""What components must be: the abstract encoder, translator pair and loss, and the views that losses read.

Shapes: B batch, C channels, H W space; i level. Images are (B, 3, H, W) in [-1, 1].
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

from torch import Tensor, nn

from .data.dataset import Dataset
from .encoder import Encoder as Encoder  # a contract as well
from .errors import InputError, did_you_mean
from .spec import Pair
from .views import TranslationView, View

V = TypeVar("V", bound=View, contravariant=True)


class TranslatorPair(nn.Module, ABC):
    """The two translators of one stage. `into.a` translates b -> a and `into.b` translates a -> b.

    Each is called as `net(features, deeper)`: this level's normalised source features (B, C_i, H_i, W_i) and the
    next deeper level's features of the *target* domain (B, C_i+1, H_i+1, W_i+1), or None at the deepest stage
    (Sec. 3); it returns the target domain's features of this level, in [-1, 1].

    A multimodal translator has an attribute `style_size`, is called as `net(features, deeper, style)` with styles
    (B, style_size) whose prior is N(0, 1), and encodes the styles of target-domain features with `net.style_of`.
    """

    view: type[TranslationView] = TranslationView
    """The class of what losses read of a batch; its public attributes are what this pair gives them."""
    examples: int = 0
    """How many real features of each domain `calibrate` gets before the stage is trained (0: it is not called)."""

    @property
    @abstractmethod
    def into(self) -> Pair[nn.Module]:
        """The translator into each domain."""

    @property
    def gives(self) -> frozenset[str]:
        """What losses may read. InputError when the pair is written for the contract of before `view` was a class."""
        old = [name for name in ("offers", "remember") if hasattr(self, name)]
        if old or not isinstance(self.view, type):
            raise InputError(
                f"translator pair {type(self).__name__}",
                found=f"`{old[0]}`" if old else "a method `view`",
                expected="`calibrate`" if old == ["remember"] else "`view`, the class of its view",
                cure="These are the names since what a view gives follows from its class.",
            )
        return self.view.gives()

    def calibrate(self, features: Pair[Tensor]) -> None:
        """Puts into buffers what the pair must know of the data without learning it: (`examples`, C_i, H_i, W_i)."""


class Twins(TranslatorPair):
    """Two networks with weights of their own, one into each domain."""

    def __init__(self, into_a: nn.Module, into_b: nn.Module) -> None:
        super().__init__()
        self.into_a, self.into_b = into_a, into_b

    @property
    def into(self) -> Pair[nn.Module]:
        """The translator into each domain."""
        return Pair(self.into_a, self.into_b)


class Shared(TranslatorPair):
    """One network for both directions: what is translated, the deeper level has decided."""

    def __init__(self, both: nn.Module) -> None:
        super().__init__()
        self.both = both

    @property
    def into(self) -> Pair[nn.Module]:
        """The translator into each domain."""
        return Pair(self.both, self.both)


class Loss(nn.Module, ABC, Generic[V]):
    """A training objective. `terms` returns named, unweighted scalars; the stage weights and sums them.

    `Loss[RefineView]` says which view it is for, to a type checker; several are a union, and `View` is any.
    """

    needs: frozenset[str] = frozenset()
    """Attributes of the view that this loss reads; a recipe whose stage does not offer them is refused."""
    encodes: tuple[int, ...] = ()
    """Encoder levels that this loss reads from `encoded_*`; the view encodes once for all losses of a stage."""

    title: str = "the loss"
    """What messages call it; a recipe's losses are called by their names and providers."""

    @abstractmethod
    def terms(self, view: V) -> Mapping[str, Tensor]:
        """Scalars to minimise, by name, each summed over both domains."""


class AdversarialLoss(Loss[V]):
    """A loss that owns its opponents: one critic a domain (or one for both), trained on `critic_terms`.

    `critics` are the modules that `terms` and `critic_terms` call; they become submodules, so that checkpoints hold
    them. `learning_rate` and `betas` are the critics' own, `steps` is how many critic updates come before each
    translator update, and `clip` cuts their gradient to this norm.
    """

    critics: Pair[nn.Module]
    learning_rate: float
    betas: tuple[float, float]
    steps: int = 1
    clip: float | None = None

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "critics" and isinstance(value, Pair):
            for side, critic in zip("ab", value):  # torch looks for modules in what it knows, which a Pair is not
                if isinstance(critic, nn.Module) and critic not in set(self.modules()):
                    self.add_module(f"critics_{side}", critic)
        super().__setattr__(name, value)

    @abstractmethod
    def critic_terms(self, view: V, step: int) -> Mapping[str, Tensor]:
        """Scalars that the critics minimise; `view` carries no gradient to the translators.

        `step` counts critic updates (for a cadence). A loss may call backward itself for a part of its gradient
        (accumulating into the critics' .grad) and return that part detached.
        """


def refuse_lost_critics(loss: AdversarialLoss[Any], where: str) -> None:
    """InputError when critics are no pair of modules, or some of their weights would be in no checkpoint."""
    critics = getattr(loss, "critics", None)
    if not isinstance(critics, Pair) or not all(isinstance(critic, nn.Module) for critic in critics):
        raise InputError(where, found=f"critics = {critics!r:.60}", expected="a Pair of modules")
    lost = {p for critic in critics for p in critic.parameters()} - set(loss.parameters())
    if lost:
        raise InputError(
            where,
            found=f"{len(lost)} tensors of its critics that are in no submodule of it, so in no checkpoint",
            expected="submodules",
            cure="Set `self.critics` in `__init__`, or keep the critics as attributes of their own.",
        )


class Declared:
    """A view of which a loss may read what it `needs`; InputError, with the loss's title, for anything else."""

    def __init__(self, view: View, loss: Loss[Any]) -> None:
        self._view, self._loss, self._gives = view, loss, view.gives()

    def __getattr__(self, name: str) -> Any:
        if name in self._gives and name not in self._loss.needs:
            found, needs = f"it reads view.{name} and does not declare it", sorted(self._loss.needs)
            raise InputError(self._loss.title, found=found, expected=f"`needs` with '{name}' beside {needs}")
        if name not in self._gives and not name.startswith("_") and not hasattr(View, name):
            cure = did_you_mean(name, self._gives)
            raise InputError(self._loss.title, found=f"view.{name}, which is not there", cure=cure)
        return getattr(self._view, name)


def checked_terms(terms: Any, loss: Loss[Any]) -> Mapping[str, Tensor]:
    """What a loss returned; InputError, with its title, when that is no table of scalars."""
    wrong = [terms] if not isinstance(terms, Mapping) else []
    for name, value in [] if wrong else terms.items():
        if not isinstance(value, Tensor) or value.dim() or not isinstance(name, str):
            wrong.append(value)
    if wrong:
        shape = f" of shape {tuple(wrong[0].shape)}" if isinstance(wrong[0], Tensor) else ""
        found = f"{type(wrong[0]).__name__}{shape} among its terms" if isinstance(terms, Mapping) else f"{terms!r:.60}"
        raise InputError(loss.title, found=found, expected="a mapping of names to scalar tensors (a mean or a sum)")
    return cast(Mapping[str, Tensor], terms)


class Exporter(ABC):
    """Makes something deployable of a trained bundle, and proves that it is the same."""

    @abstractmethod
    def export(self, bundle: Any, out: Path, dataset: Dataset, say: Callable[[str], None]) -> None:
        """Writes a `framework.bundle.Bundle` into the empty folder `out`.

        `dataset` has pictures of the bundle's domains to verify and calibrate with; `say` tells people what is being
        done. Raises RunError, and what lies in `out` is not to be used, when the result is not faithful.
        """


def l1(x: Tensor, y: Tensor) -> Tensor:
    """Mean absolute difference in float32; the paper's L1 "norm" read as a mean (lambda 100 is only sensible so)."""
    return (x.float() - y.float()).abs().mean()


def freeze(module: nn.Module) -> nn.Module:
    """No gradients into the parameters and eval mode."""
    for parameter in module.parameters():
        parameter.requires_grad_(False)
    return module.eval()


def parameters_of(*modules: nn.Module) -> list[nn.Parameter]:
    """All trainable parameters, in a stable order, each once though modules may share it."""
    return list(dict.fromkeys(p for m in modules for p in m.parameters() if p.requires_grad))
