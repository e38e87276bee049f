"""Several processes that train as one: the recipe's batch is the batch of all of them, and all state is everyone's.

Each takes every `world`-th row of a step's batch and the gradients are averaged before every update, so that any number
of processes is the same training but for rounding, and the first one's checkpoint is the checkpoint. What a loss takes
from the whole batch must be asked for here: a statistic with `over_all`, chance a row with `of_batch`. torchrun starts
the processes; without it there is one, and all of this does nothing.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import numpy as np
import torch
import torch.distributed as dist
import torch.distributed.nn.functional  # before there is a group: its functions' defaults would keep that one's threads
from attrs import define
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.distributed.distributed_c10d import PrefixStore
from torch.distributed.rendezvous import rendezvous

from ..errors import CrosscadeError, InputError, RunError

T = TypeVar("T")


@define(eq=False)
class Group:
    """The processes, of which this is the one with number `rank`."""

    rank: int = 0
    world: int = 1
    batch: int = 0
    """Rows of the step's batch, of all processes together."""

    def own(self, rows: int) -> int:
        """How many of so many rows are this process's."""
        return len(range(self.rank, rows, self.world))

    @property
    def weight(self) -> float:
        """The share of the batch that is this process's."""
        return self.own(self.batch) / self.batch if self.batch else 1 / self.world

    def sum(self, x: Tensor) -> Tensor:
        """The sum over all processes, in x's place. RunError when one of them is lost."""
        with lost(self.world):
            dist.all_reduce(x)
        return x


_group = Group()


def group() -> Group:
    """The processes that train here."""
    return _group


@contextmanager
def acting(as_one_of: Group) -> Iterator[None]:
    """Meanwhile this process is one of these."""
    global _group
    before, _group = _group, as_one_of
    try:
        yield
    finally:
        _group = before


def world() -> int:
    """How many they are."""
    return group().world


def first() -> bool:
    """Whether this is the one that writes and speaks."""
    return group().rank == 0


def local() -> int:
    """This process's number on its machine, which is its GPU's."""
    return int(os.environ.get("LOCAL_RANK", 0))


def neighbours() -> int:
    """How many of the processes are on its machine, itself included."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", 1)) if world() > 1 else 1


@contextmanager
def together(device: str = "auto") -> Iterator[None]:
    """Joins the processes that torchrun started, if it did."""
    if world() > 1 or int(os.environ.get("WORLD_SIZE", 1)) == 1:
        yield
        return
    cuda = device.startswith("cuda") or (device == "auto" and torch.cuda.is_available())
    store, rank, size = next(iter(rendezvous("env://")))
    # torchrun keeps the store when it starts killed processes again: the addresses of those must not be found in it
    store = PrefixStore(f"{size}/{os.environ.get('TORCHELASTIC_RESTART_COUNT', 0)}", store)
    dist.init_process_group("cpu:gloo,cuda:nccl" if cuda else "gloo", store=store, rank=rank, world_size=size)
    try:
        with acting(Group(rank, size)):
            yield
    finally:
        dist.destroy_process_group()


@contextmanager
def lost(processes: int) -> Iterator[None]:
    """A process that is gone, as a line that says how to go on."""
    try:
        yield
    except RuntimeError as error:
        raise RunError(
            f"training by {processes} processes",
            found=f"one that does not answer ({str(error).splitlines()[0]:.120})",
            cure="The last checkpoint is kept: the same command with --resume goes on from it.",
        ) from error


def part(rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """This process's share of the rows of a step's batch."""
    here = group()
    if here.world == 1:
        return rows
    here.batch = len(rows)
    return rows[here.rank :: here.world]


def average(parameters: Iterable[nn.Parameter]) -> None:
    """Gradients of the means over each process's rows -> gradients of the mean over the batch, everywhere the same."""
    here = group()
    if here.world == 1:
        return
    gradients = [p.grad for p in parameters if p.grad is not None]
    if not gradients:
        return
    flat = torch.cat([_line(g) for g in gradients]).mul_(here.weight)
    here.sum(flat)
    for gradient, new in zip(gradients, flat.split([g.numel() for g in gradients])):
        _line(gradient).copy_(new)


def _line(x: Tensor) -> Tensor:
    """All of x's numbers in a row, in the order in which they lie in memory; a gradient lies there without gaps."""
    return x.as_strided((x.numel(),), (1,))


def _channels_last(x: Tensor) -> bool:
    return x.dim() == 4 and x.is_contiguous(memory_format=torch.channels_last)


class _OverAll(torch.autograd.Function):
    """The weighted mean over all processes; so is its gradient, because what is minimised is that mean of losses."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, here: Group) -> Tensor:
        ctx.group = here  # the backward pass of a GPU runs in another thread
        return here.sum(x.detach() * here.weight)

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, None]:
        return _OverAll.apply(upstream, ctx.group), None


def over_all(x: Tensor) -> Tensor:
    """A mean over this process's rows -> the mean over the batch, with its gradient."""
    here = group()
    return x if here.world == 1 else _OverAll.apply(x, here)


def batch_deviation(x: Tensor) -> Tensor:
    """Each channel's standard deviation over batch and space, biased, in float32: (B, C, H, W) -> (1, C, 1, 1)."""
    x, over = x.float(), (0, 2, 3)
    if world() == 1:
        return x.std(over, keepdim=True, correction=0)
    mean = over_all(x.mean(over, keepdim=True))
    return over_all((x - mean).square().mean(over, keepdim=True)).sqrt()


def of_batch(draw: Callable[[int], Tensor], rows: int) -> Tensor:
    """This process's `rows` rows of what `draw(n)` draws for the n rows of the whole batch."""
    return mine(draw(whole(rows)))


def mine(batch: Tensor) -> Tensor:
    """This process's rows of the batch's."""
    here = group()
    return batch if here.world == 1 else batch[here.rank :: here.world]


def noise_like(x: Tensor) -> Tensor:
    """N(0, 1) in x's shape, each row's its own in the batch."""
    if world() == 1:
        return torch.randn_like(x)
    layout = torch.channels_last if _channels_last(x) else torch.contiguous_format
    shape = (whole(len(x)), *x.shape[1:])
    batch = torch.empty(shape, dtype=x.dtype, device=x.device, memory_format=layout)
    return mine(torch.randn_like(batch))


def whole(rows: int) -> int:
    """How many rows of the batch these of this process stand for."""
    here = group()
    return here.batch if here.world > 1 and rows == here.own(here.batch) else rows * here.world


def own(rows: int) -> int:
    """How many of the first so many rows of the batch are this process's."""
    return group().own(rows)


@torch.no_grad()
def gathered(x: Tensor) -> Tensor:
    """This process's rows of the batch -> all of the batch's, without gradient."""
    here = group()
    if here.world == 1:
        return x
    batch = x.new_zeros((whole(len(x)), *x.shape[1:]))
    batch[here.rank :: here.world] = x
    return here.sum(batch)


def block(count: int) -> range:
    """This process's share of so many things that are to be done once, in one piece."""
    here = group()
    return range(here.rank * count // here.world, (here.rank + 1) * count // here.world)


def each(value: T) -> list[T]:
    """What every process has, in the order of their numbers. It must be picklable."""
    values: list[Any] = [value] * world()
    if world() > 1:
        with lost(world()):
            dist.all_gather_object(values, value)
    return values


def wait() -> None:
    """Until all are here."""
    each(None)


def on_first(function: Callable[[], T]) -> T:
    """What `function` returns, or its error, in the first process, where alone it is called."""
    if world() == 1:
        return function()
    outcome: list[Any] = [None, None]
    if first():
        try:
            outcome[0] = function()
        except CrosscadeError as error:
            outcome[1] = error
    with lost(world()):
        dist.broadcast_object_list(outcome, src=0)
    if outcome[1] is not None:
        raise outcome[1]
    result: T = outcome[0]
    return result


def agree(what: str, value: T, cure: str) -> None:
    """Raises InputError, everywhere, when not all processes have the same `value`."""
    values = each(value)
    other = next((rank for rank, theirs in enumerate(values) if theirs != values[0]), 0)
    if other:
        raise InputError(
            f"{what} in process {other}", found=str(values[other]), expected=f"{values[0]} as in 0", cure=cure
        )
