"""The backward pass in Python: PyTorch's own asks the driver of the device that a tensor says it is on."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from itertools import count
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import BackwardCFunction
from torch.autograd.graph import get_gradient_edge

Edge = tuple[Any, int]
Gradients = dict[int, Tensor]
"""Of a node's outputs in the forward pass, by their numbers."""


def run_backward(
    roots: Sequence[Any],
    gradients: Sequence[Tensor | None],
    keep: bool,
    create_graph: bool,
    inputs: Sequence[Any] = (),
    *_rest: Any,
    **_more: Any,
) -> tuple[Tensor | None, ...]:
    """In place of `torch.autograd._engine_run_backward`: gradients into `.grad`, or those of `inputs` returned.

    The nodes run in its order, so that sums have its bits. What is registered on gradients does not run.
    """
    sought: dict[Edge, Tensor | None] = {_edge(x): None for x in inputs}
    arrived: dict[Any, Gradients] = {}
    for root, gradient in zip(roots, gradients):
        node, number = _edge(root)
        _arrive(arrived, node, number, torch.ones_like(root) if gradient is None else gradient)
    missing = _uses(arrived)
    order = count()
    ready = [(-node._sequence_nr(), next(order), node) for node in arrived if node not in missing]
    heapq.heapify(ready)
    with torch.set_grad_enabled(create_graph):
        while ready:
            _, _, node = heapq.heappop(ready)
            own = arrived.pop(node, {})
            sought.update({edge: own.get(edge[1]) for edge in sought if edge[0] is node})
            given = _applied(node, own, leaves=not inputs)
            for (after, number), gradient in zip(node.next_functions, given):
                if after is None:
                    continue
                if gradient is not None:
                    _arrive(arrived, after, number, gradient)
                missing[after] -= 1
                if not missing[after]:
                    heapq.heappush(ready, (-after._sequence_nr(), next(order), after))
    return tuple(sought[_edge(x)] for x in inputs)


def _edge(x: Any) -> Edge:
    edge = get_gradient_edge(x) if isinstance(x, Tensor) else x
    return edge.node, edge.output_nr


def _arrive(arrived: dict[Any, Gradients], node: Any, number: int, gradient: Tensor) -> None:
    own, form = arrived.setdefault(node, {}), node._input_metadata[number]
    if gradient.shape != form.shape:
        gradient = gradient.sum_to_size(form.shape)  # of what was enlarged
    if gradient.dtype != form.dtype:
        gradient = gradient.to(form.dtype)
    own[number] = own[number] + gradient if number in own else gradient


def _uses(roots: Iterable[Any]) -> dict[Any, int]:
    """How many gradients each node behind the roots waits for."""
    uses: dict[Any, int] = {}
    seen, stack = set(roots), list(roots)
    while stack:
        for after, _ in stack.pop().next_functions:
            if after is not None:
                uses[after] = uses.get(after, 0) + 1
                if after not in seen:
                    seen.add(after)
                    stack.append(after)
    return uses


def _applied(node: Any, own: Gradients, *, leaves: bool) -> Sequence[Tensor | None]:
    """A node's gradients, one for each of its `next_functions`."""
    if not own or not node.next_functions:  # the last is a leaf, which takes its gradient
        if own and leaves:
            node(own[0])
        return [None] * len(node.next_functions)
    forms = node._input_metadata
    if not isinstance(node, BackwardCFunction):
        gradients = node(*(own.get(k) for k in range(len(forms))))
        return gradients if isinstance(gradients, tuple) else (gradients,)
    gradients = node.apply(
        *(own[k] if k in own else torch.zeros(f.shape, dtype=f.dtype, device=f.device) for k, f in enumerate(forms))
    )
    given = gradients if isinstance(gradients, tuple) else (gradients,)
    needed = iter([g for g, needs in zip(given, node.needs_input_grad) if needs])  # not of numbers and the like
    return [None if after is None else next(needed) for after, _ in node.next_functions]
