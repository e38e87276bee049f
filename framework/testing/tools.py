"""What the contract suite is made of: claims with a sentence, example views, a moved copy, exported parity."""

# B batch, C channels, H W space; i level

from __future__ import annotations

import copy
import inspect
import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import torch
from torch import Tensor, nn

from ..catalogue.catalogue import Catalogue
from ..contracts import freeze
from ..encoder import Encoder
from ..errors import CrosscadeError, raised_at, said
from ..hookspecs import Offer
from ..spec import LevelSpec, PyramidSpec

M = TypeVar("M", bound=nn.Module)
P = ParamSpec("P")
RELATIVE = 1e-3
"""How far, in parts of the largest value, two ways to compute the same may differ in float32."""

Inputs = Callable[[int], tuple[Tensor, ...]]
"""From a batch size to a network's inputs of that batch size."""


def require(condition: bool, sentence: str) -> None:
    """Raises `AssertionError(sentence)` unless `condition`; unlike `assert`, under `python -O` too."""
    if not condition:
        raise AssertionError(sentence)


def require_close(one: Tensor, other: Tensor, what: str) -> None:
    """The same shape and, within `RELATIVE` of the largest value, the same values."""
    shapes = tuple(one.shape), tuple(other.shape)
    require(shapes[0] == shapes[1], f"{what}: shape {shapes[1]} instead of {shapes[0]}")
    one, other = one.detach().float(), other.detach().float()
    difference = float((one - other).abs().max()) / max(float(one.abs().max()), 1e-6)
    require(difference <= RELATIVE, f"{what}: differs by {difference:.2g} of the largest value, allowed {RELATIVE:g}")


def require_rows_alone(net: Callable[..., Tensor], inputs: tuple[Tensor, ...], what: str) -> None:
    """Row i of a batch equals the run of row i alone."""
    with torch.no_grad():
        together = net(*inputs)
        for i in range(len(together)):
            alone = net(*(x[i : i + 1] for x in inputs))
            require_close(together[i : i + 1], alone, f"{what}: row {i} of a batch of {len(together)} against it alone")


def require_no_deeper(encoder: Encoder, images: Tensor, what: str) -> None:
    """The shallowest level alone runs fewer layers than the deepest."""
    counts: list[int] = []
    layers = [m for m in encoder.modules() if not list(m.children()) and list(m.parameters())]
    hooks = [layer.register_forward_hook(lambda *_: counts.append(1)) for layer in layers]
    ran = []
    for level in (encoder.pyramid.numbers[0], encoder.pyramid.numbers[-1]):
        counts.clear()
        encoder(images, [level])
        ran.append(len(counts))
    for hook in hooks:
        hook.remove()
    few, all_ = ran
    require(few < all_ or not all_, f"{what}: runs {few} layers for its shallowest level and {all_} for its deepest")


def require_network(net: nn.Module, inputs: Inputs, shape: tuple[int, ...], what: str, export: bool) -> None:
    """Rows of `shape` in [-1, 1] that repeat, stand alone and depend on the inputs; gradients; export parity."""
    net.eval()
    leaves = tuple(x.requires_grad_(True) for x in inputs(3))
    output = net(*leaves)
    require(tuple(output.shape) == (3, *shape), f"{what}: gives {tuple(output.shape)}, expected {(3, *shape)}")
    require(bool(output.isfinite().all()), f"{what}: gives values that are not finite")
    largest = float(output.detach().abs().max())
    require(largest <= 1 + 1e-5, f"{what}: leaves [-1, 1], largest value {largest:.3g}")
    torch.autograd.backward(output.float().square().mean())
    for k, x in enumerate(leaves):
        require(alive(x.grad), f"{what}: no finite gradient reaches input {k}")
    learning = [p for p in net.parameters() if p.requires_grad]
    require(not learning or any(alive(p.grad) for p in learning), f"{what}: no gradient reaches its parameters")
    with torch.no_grad():
        require(torch.equal(output, net(*leaves)), f"{what}: differs from run to run in eval mode")
    require_rows_alone(net, inputs(3), what)
    if export:
        require_exports(net, inputs, what)


def require_exports(net: nn.Module, inputs: Inputs, what: str) -> None:
    """The ONNX graph with a dynamic batch, run by onnxruntime at batch 1 and 3, gives what the module gives."""
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # it is read at the import
    import onnxruntime

    net = net.eval()
    example, batch = inputs(2), torch.export.Dim("batch")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the exporter's own deprecations are not the component's
            program: Any = torch.onnx.export(
                net,
                example,
                dynamo=True,
                external_data=False,
                verbose=False,
                dynamic_shapes=({0: batch},) * len(example),
            )
    except Exception as error:
        reason = str(error).strip().splitlines()[:1]
        raise AssertionError(f"{what}: cannot be exported ({type(error).__name__}: {' '.join(reason)})") from error
    session = onnxruntime.InferenceSession(program.model_proto.SerializeToString(), providers=["CPUExecutionProvider"])
    names = [node.name for node in session.get_inputs()]
    require(len(names) == len(example), f"{what}: the exported graph kept {len(names)} of {len(example)} inputs")
    for size in (1, 3):
        values = inputs(size)
        with torch.no_grad():
            output = net(*values)
        expected = [output] if isinstance(output, Tensor) else list(output)
        exported = session.run(None, {name: value.numpy() for name, value in zip(names, values)})
        for k, (one, other) in enumerate(zip(expected, exported, strict=True)):
            require_close(one, torch.from_numpy(other), f"{what}: output {k} of the exported graph at batch {size}")


def require_teaches(terms: Any, modules: Iterable[nn.Module], what: str) -> None:
    """Finite scalars by name; afterwards each of `modules` that can learn has a finite gradient."""
    require(bool(terms) and all(isinstance(k, str) for k in terms), f"{what}: gives no named terms")
    for name, value in terms.items():
        require(isinstance(value, Tensor) and value.ndim == 0, f"{what}: term '{name}' is not a scalar tensor")
        require(bool(value.isfinite()), f"{what}: term '{name}' is {value.item()}")
    total = torch.stack([value.float() for value in terms.values()]).sum()
    if total.requires_grad:
        torch.autograd.backward(total)
    for k, module in enumerate(modules):
        gradients = [p.grad for p in module.parameters() if p.grad is not None]
        require(any(alive(g) for g in gradients), f"{what}: terms {sorted(terms)} move no parameter of network {k}")
        require(
            all(bool(g.isfinite().all()) for g in gradients), f"{what}: network {k} has a gradient that is not finite"
        )


def alive(gradient: Tensor | None) -> bool:
    """There, finite and not all zero."""
    return gradient is not None and bool(gradient.isfinite().all()) and bool(gradient.any())


def uniform(*shape: int, seed: int = 0) -> Tensor:
    """Values in [-1, 1] that depend on the seed only."""
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def moved(module: M) -> M:
    """A copy a little away from its start: layers that start at zero would hide a dead branch or a wrong graph."""
    module, generator = copy.deepcopy(module), torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.02)
    return module


def built(subject: Any, options: Any, **facts: Any) -> tuple[Any, str]:
    """An offer's component, with its default options unless some are given, or the component itself; and its name."""
    what = called(subject)
    if not isinstance(subject, Offer):
        return subject, what
    with asking(what, "`build`"):
        return subject.make(options, **facts), what


def called(subject: Any) -> str:
    """What sentences call an offer's part, or a component that was made already."""
    return name_of(subject) if isinstance(subject, Offer) else type(subject).__name__


def name_of(offer: Offer) -> str:
    """What sentences call a part: its kind and name, and the installed package that offers it unless that is us."""
    for entry in Catalogue.discover().of_kind(offer.kind):
        same = entry.offer.name == offer.name and _module(entry.offer) == _module(offer)
        if same and entry.provider != "crosscade":
            return f"{offer.kind} '{offer.name}' of {entry.provider} {entry.version}"
    return f"{offer.kind} '{offer.name}'"


def _module(offer: Offer) -> str:
    return str(getattr(offer.build, "__module__", ""))


@contextmanager
def asking(what: str, asked: str = "") -> Iterator[None]:
    """Whatever a part raises meanwhile is a sentence that says what it was asked for, and the line that raised."""
    where = f"{what}: {asked}" if asked else what
    try:
        yield
    except CrosscadeError as error:
        raise AssertionError(f"{where}: {error}") from error
    except Exception as error:
        if isinstance(error, AssertionError) and str(error).startswith(what):  # a sentence of ours
            raise
        place = raised_at(error)
        raise AssertionError(f"{where}: {said(error)}" + (f" ({place})" if place else "")) from error


def in_sentences(check: Callable[P, None]) -> Callable[P, None]:
    """A check in which whatever the part raises, wherever, is a sentence that names it."""
    first = next(iter(inspect.signature(check).parameters))

    @wraps(check)
    def checked(*args: P.args, **kwargs: P.kwargs) -> None:
        with asking(called(args[0] if args else kwargs[first])):
            check(*args, **kwargs)

    return checked


class Recorded:
    """A view that remembers which of its attributes were read."""

    def __init__(self, view: Any):
        self._view, self.read = view, set[str]()

    def __getattr__(self, name: str) -> Any:
        self.read.add(name)
        return getattr(self._view, name)


class Levels(nn.Module):
    """An encoder with its levels fixed: images -> a tuple of features, for the exporter."""

    def __init__(self, encoder: Encoder, numbers: Sequence[int]):
        super().__init__()
        self.encoder, self.numbers = encoder, tuple(numbers)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Images (B, 3, H, W) -> features, shallow to deep."""
        features = self.encoder(images, self.numbers)
        return tuple(features[i] for i in self.numbers)


class Deepest(nn.Module):
    """A translator at the deepest stage, where there is no condition."""

    def __init__(self, net: nn.Module):
        super().__init__()
        self.net = net

    def forward(self, features: Tensor, style: Tensor | None = None) -> Tensor:
        """Features (B, C, H, W) and the styles (B, S), if there are any -> the same shape as the features."""
        return self.net(features, None) if style is None else self.net(features, None, style)


class TinyEncoder(Encoder):
    """Three levels (8, 12, 16 channels at strides 2, 4, 8) of fixed random convolutions."""

    def __init__(self) -> None:
        super().__init__()
        widths = (3, 8, 12, 16)
        self.pyramid = PyramidSpec(tuple(LevelSpec(i, f"conv{i}", widths[i], 2**i) for i in (1, 2, 3)))
        self.convolutions = nn.ModuleList(nn.Conv2d(widths[i - 1], widths[i], 3, 2, 1) for i in (1, 2, 3))
        for seed, parameter in enumerate(self.parameters()):
            parameter.data = uniform(*parameter.shape, seed=seed) * 0.3
        freeze(self)

    def forward(self, images: Tensor, levels: Sequence[int]) -> dict[int, Tensor]:
        """Images (B, 3, H, W) -> {i: (B, C_i, H / 2^i, W / 2^i)}."""
        return self.continued(images, 0, levels)

    def continued(self, features: Tensor, level: int, levels: Sequence[int]) -> dict[int, Tensor]:
        """From the next convolution on."""
        maps = {level: features}
        for i in range(level + 1, max(levels, default=0) + 1):
            maps[i] = torch.tanh(self.convolutions[i - 1](maps[i - 1]))
        return {i: maps[i] for i in levels}
