"""Whether a loss of a batch is the mean of the losses of its shares, as where several processes train together."""

# B batch

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
from attrs import define, field
from torch import Tensor, nn

from ..contracts import AdversarialLoss, Loss, parameters_of
from ..spec import Pair
from ..support import ranks
from ..views import View
from .tools import require

WORLD = 2
TOLERANCE = 1e-4
"""In parts of the largest value: rounding in float32, and nothing else."""

Example = Callable[[slice], tuple[View, Pair[nn.Module]]]
"""From rows of the batch to their view and the networks behind it, always with the same weights."""


class _UnknownError(Exception):
    """The other process has not come here yet."""


@define(eq=False)
class _Replayed(ranks.Group):
    """One of two processes that are run one after the other, again and again, each time one sum further."""

    sums: list[Tensor] = field(factory=list)
    _done: int = field(default=0, init=False)
    mine: Tensor | None = field(default=None, init=False)

    def sum(self, x: Tensor) -> Tensor:
        """A sum that is known; else keeps this process's part of it."""
        if self._done == len(self.sums):
            self.mine = x.clone()
            raise _UnknownError
        self._done += 1
        return x.copy_(self.sums[self._done - 1])


def require_shareable(loss: Loss[Any], example: Example, batch: int, what: str) -> None:
    """The terms of a batch of B rows, and their gradients, are the means of those of two processes' halves."""
    expected = _learnt(loss, example, slice(None))
    sums: list[Tensor] = []
    while True:
        parts, found = [], []
        for rank in range(WORLD):
            group = _Replayed(rank, WORLD, batch, sums)
            try:
                with ranks.acting(group):
                    found.append(_learnt(loss, example, slice(rank, None, WORLD)))
            except _UnknownError:
                assert group.mine is not None
                parts.append(group.mine)
        if len(found) == WORLD:
            break
        require(len(parts) == WORLD, f"{what}: only some processes come to `over_all`, the others would wait for ever")
        sums.append(torch.stack(parts).sum(0))
    for name, value in expected.items():
        mean = torch.stack([one[name] for one in found]).mean(0)
        difference = float((mean - value).abs().max()) / max(float(value.abs().max()), 1e-6)
        require(
            difference <= TOLERANCE,
            f"{what}: the {name} of a batch and the mean of those of two halves differ by {difference:.2g} of the "
            "largest value. What it takes from the whole batch must be taken with `over_all`, and what it draws for "
            "each row with `of_batch`, or two processes train something else than one; `alone=True` lets that be",
        )


def _learnt(loss: Loss[Any], example: Example, rows: slice) -> dict[str, Tensor]:
    """All terms, and their gradients into what learns from them, in a line each."""
    loss = copy.deepcopy(loss)
    view, networks = example(rows)
    torch.manual_seed(1)
    learnt: dict[str, Tensor] = {}
    if isinstance(loss, AdversarialLoss):
        terms = loss.critic_terms(view.detached(), 0)
        learnt |= _line(terms, parameters_of(*loss.critics), "critic terms")
    return learnt | _line(loss.terms(view), parameters_of(*networks), "terms")


def _line(terms: Any, parameters: list[nn.Parameter], name: str) -> dict[str, Tensor]:
    values = torch.stack([v.float() for v in terms.values()])
    gradients = torch.autograd.grad(values.sum(), parameters, allow_unused=True)
    taught = [g.detach().flatten() for g in gradients if g is not None]
    return {name: values.detach(), f"gradient of the {name}": torch.cat([*taught, values.new_zeros(1)])}
