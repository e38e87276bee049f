"""Whether a component runs on a GPU, and leaves it at work."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import attrs
import torch
from torch import Tensor, nn

from ..contracts import AdversarialLoss, Loss
from .fake_gpu import FakeGpu
from .findings import FakeGpuError
from .shares import Example
from .tools import require

Work = Callable[[torch.device], Callable[[], Any]]
"""From a device to what a component does there with what lies there already."""


def require_on_gpu(work: Work, what: str) -> None:
    """All of it is on the GPU, also in the backward pass, and it does not wait for the GPU more than once.

    A first time it may: to lay something onto the GPU that it keeps.
    """
    with FakeGpu() as gpu:
        for _ in range(2):
            at_work = work(gpu.device)
            gpu.waits.clear()
            try:
                _learn(at_work())
            except FakeGpuError as error:
                raise AssertionError(f"{what} fails on a GPU: {error}") from None
            del at_work
    require(not gpu.waits, f"{what} slows a GPU down: {''.join(map(str, gpu.waits[:1]))}")


def require_network_on_gpu(net: nn.Module, inputs: tuple[Tensor, ...], what: str) -> None:
    """A network of tensors (B, …), which is moved there."""

    def work(device: torch.device) -> Callable[[], Any]:
        leaves = [x.detach().to(device).requires_grad_(True) for x in inputs]
        return partial(net.to(device), *leaves)

    require_on_gpu(work, what)


def require_loss_on_gpu(loss: Loss[Any], example: Example, what: str) -> None:
    """A loss, which is moved there, and its critics at each of a few steps."""

    def work(device: torch.device) -> Callable[[], Any]:
        view = placed(example(slice(None))[0], device)
        loss.to(device)

        def terms() -> Any:
            if not isinstance(loss, AdversarialLoss):
                return loss.terms(view)
            return [*(loss.critic_terms(view.detached(), step) for step in range(4)), loss.terms(view)]

        return terms

    require_on_gpu(work, what)


def placed(x: Any, device: torch.device) -> Any:
    """A tensor, or what holds some (a module, a view, a pair, …), on a device; modules are moved."""
    if isinstance(x, Tensor | nn.Module):
        return x.to(device)
    if isinstance(x, list):
        return [placed(y, device) for y in x]
    if isinstance(x, Mapping):
        return {key: placed(value, device) for key, value in x.items()}
    if attrs.has(type(x)):
        fields = [f for f in attrs.fields(type(x)) if f.init]
        return attrs.evolve(x, **{str(f.alias): placed(getattr(x, f.name), device) for f in fields})
    return x


def _learn(made: Any) -> None:
    total = [x.float().mean() for x in _tensors(made) if x.requires_grad]
    if total:
        torch.autograd.backward(torch.stack(total).sum())


def _tensors(x: Any) -> Iterator[Tensor]:
    if isinstance(x, Tensor):
        yield x
    elif isinstance(x, Mapping):
        yield from _tensors(list(x.values()))
    elif isinstance(x, list | tuple) or attrs.has(type(x)):
        for part in x if isinstance(x, list | tuple) else attrs.astuple(x, recurse=False):
            yield from _tensors(part)
