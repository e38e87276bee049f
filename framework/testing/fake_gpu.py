"""A CUDA GPU for machines without one: finds what would fail there, and what would wait for it.

    from crosscade.framework.testing import FakeGpu

    with FakeGpu() as gpu:
        net = MyTranslator().to(gpu.device)
        net(torch.zeros(2, 16, 8, 8, device=gpu.device), None).mean().backward()
    assert not gpu.waits, gpu.waits

Tensors say that they are on the device, and their numbers lie in memory: training gives the bits that it gives on the
CPU. What a GPU would refuse raises `FakeGpuError`: an operation on tensors of both, or one that has no deterministic
kernel where `torch.use_deterministic_algorithms` asks for it. A program that looks at a number of a GPU's waits until
the GPU has done all that it was asked for; each such place is one of `waits`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode, return_and_correct_aliasing

from ..support.device import CPU
from .backward import run_backward
from .findings import UNREPEATABLE, FakeGpuError, Wait, place

CUDA = torch.device("cuda", 0)
MEMORY = 16 << 30
aten: Any = torch.ops.aten
COPIES = (aten._to_copy.default, aten.copy_.default)
INDEXED = (aten.index.Tensor, aten.index_put.default, aten.index_put_.default, aten._index_put_impl_.default)


class FakeGpu:
    """While it is entered, `device` is there; see the module. Hooks on gradients do not run."""

    device = CUDA

    def __init__(self) -> None:
        self.waits: list[Wait] = []
        self._entered = ExitStack()

    def __enter__(self) -> FakeGpu:
        if not torch.cuda.is_available():
            torch._C._ensureCUDADeviceGuardSet()
        for context in (
            _Dispatch(self),
            # what has no kernel on the CPU, where all is computed in truth
            sdpa_kernel(SDPBackend.MATH),
            _without_cudnn(),
            _from_the_cpu(),
            patch.object(torch.autograd, "_engine_run_backward", run_backward),
            patch.object(torch.cuda, "synchronize", lambda *_: self.wait("synchronize")),
            patch.object(torch.cuda, "mem_get_info", lambda *_: (MEMORY, MEMORY)),
            patch.object(torch.cuda, "get_device_name", lambda *_: "fake"),
            patch.object(torch.cuda, "is_bf16_supported", lambda *_, **__: True),
            patch.object(torch.cuda.amp.common, "amp_definitely_not_available", lambda: False),
        ):
            self._entered.enter_context(context)
        return self

    def __exit__(self, *error: object) -> None:
        self._entered.close()

    def wait(self, why: str) -> None:
        """Notes that the program waits, and where."""
        self.waits.append(Wait(why, *place()))


class FakeGpuTensor(Tensor):
    """A tensor on the device, whose numbers are those of `held`, on the CPU."""

    held: Tensor
    __torch_function__ = torch._C._disabled_torch_function_impl  # type: ignore[assignment]

    @staticmethod
    def __new__(cls, held: Tensor) -> FakeGpuTensor:  # noqa: D102
        form: Any = {"strides": held.stride(), "storage_offset": held.storage_offset(), "dtype": held.dtype}
        with torch.inference_mode(False):  # a view of what is not made in that mode cannot be
            new: FakeGpuTensor = Tensor._make_wrapper_subclass(cls, held.shape, device=CUDA, **form)
        new.held = held
        return new

    def __tensor_flatten__(self) -> tuple[list[str], None]:
        # with this, Module.to swaps its parameters' contents and they stay the same objects
        return ["held"], None

    @staticmethod
    def __tensor_unflatten__(inner: dict[str, Tensor], *_: Any) -> FakeGpuTensor:
        return FakeGpuTensor(inner["held"])

    @classmethod
    def __torch_dispatch__(cls, func: Any, *_: Any) -> Any:
        raise RuntimeError(f"{func}: a tensor of a FakeGpu that has been left")

    def tolist(self) -> Any:
        """As a GPU's tensor does it."""
        return self.cpu().tolist()

    def numpy(self, **_: Any) -> Any:
        """Refused, as a GPU's tensor does it."""
        raise FakeGpuError("numpy is given a tensor on the GPU")

    def __repr__(self, **_: Any) -> str:  # type: ignore[override]
        return f"FakeGpuTensor({tuple(self.shape)}, {self.dtype})"


class _Dispatch(TorchDispatchMode):
    """Every operation passes here, that of the backward pass too."""

    def __init__(self, gpu: FakeGpu) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.gpu = gpu
        # in this place of the modes PyTorch looks for no driver
        self._mode_key = torch._C._TorchDispatchModeKey.FAKE

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if torch.is_inference_mode_enabled():  # then what is made of other operations comes as it is
            with self:
                result = func.decompose(*args, **kwargs)
            if result is not NotImplemented:
                return result
        if func is aten.is_pinned.default:
            return False
        if func is aten._pin_memory.default:
            return args[0].clone()
        kwargs.pop("pin_memory", None)
        values = [x for given in (*args, *kwargs.values()) for x in (given if isinstance(given, list) else [given])]
        others = [x for x in values if isinstance(x, Tensor) and not isinstance(x, FakeGpuTensor)]
        asked = kwargs.get("device")
        moves = asked is not None and torch.device(asked).type == "cuda"
        if not moves and not any(isinstance(x, FakeGpuTensor) for x in values):
            return func(*args, **kwargs)
        self._look(func, args, kwargs, values, others)
        result = func(*map(_held, args), **{name: _held(x) for name, x in kwargs.items()})
        if (asked is not None and not moves) or result is None:
            return result
        if torch.Tag.inplace_view in func.tags:
            return return_and_correct_aliasing(func, args, kwargs, _placed(result))
        if func._schema.is_mutable:  # it returns what it has changed
            return kwargs.get("out", args[0])
        return _placed(result)

    def _look(self, func: Any, args: Any, kwargs: Any, values: list[Any], others: list[Tensor]) -> None:
        """Raises what a GPU would refuse, notes what it would be waited for."""
        name = str(func).removesuffix(".default")
        if func in COPIES:
            self._look_at_copy(args, kwargs, others)
            return
        if func in INDEXED:
            indices = [x for x in args[1] if x is not None]
            others = [x for x in others if not any(x is i for i in indices)]
            if any(i.dtype in (torch.bool, torch.uint8) for i in indices):
                self.gpu.wait(f"{name} by a mask has as many rows as it says")
            elif any(not isinstance(i, FakeGpuTensor) for i in indices):
                self.gpu.wait(f"{name} copies its index from the CPU")
        elif torch.Tag.data_dependent_output in func.tags:
            self.gpu.wait(f"{name} looks at a number")
        elif torch.Tag.dynamic_output_shape in func.tags:
            self.gpu.wait(f"{name} looks how much there is")
        if torch.are_deterministic_algorithms_enabled() and func._schema.name in UNREPEATABLE:
            raise FakeGpuError(f"{name} is not deterministic")
        misplaced = [f"a CPU tensor {tuple(x.shape)}" for x in others if x.dim() > 0]
        misplaced += ["a generator of the CPU" for x in values if isinstance(x, torch.Generator)]
        if misplaced:
            raise FakeGpuError(f"{name} on {CUDA} is given {misplaced[0]}")

    def _look_at_copy(self, args: Any, kwargs: Any, others: list[Tensor]) -> None:
        source = args[0] if len(args) == 1 else args[1]
        into = kwargs.get("device") or args[0].device
        if isinstance(source, FakeGpuTensor) and torch.device(into).type == "cpu":
            self.gpu.wait("a copy to the CPU")
        elif others and not (kwargs.get("non_blocking") or any(args[2:])):
            self.gpu.wait("a copy to the GPU without non_blocking=True")


def _held(x: Any) -> Any:
    """What an operation is given, on the CPU."""
    if isinstance(x, FakeGpuTensor):
        return x.held
    if isinstance(x, list):
        return [_held(y) for y in x]
    return CPU if isinstance(x, torch.device) else x


def _placed(x: Any) -> Any:
    """An operation's results, on the device."""
    if isinstance(x, (list, tuple)):
        return type(x)(_placed(y) for y in x)
    return FakeGpuTensor(x) if isinstance(x, Tensor) else x


@contextmanager
def _without_cudnn() -> Iterator[None]:
    before, torch.backends.cudnn.enabled = torch.backends.cudnn.enabled, False
    try:
        yield
    finally:
        torch.backends.cudnn.enabled = before


@contextmanager
def _from_the_cpu() -> Iterator[None]:
    """A tensor of given numbers is made on the CPU and then copied, which is seen."""
    before = torch._C._only_lift_cpu_tensors()
    torch._C._set_only_lift_cpu_tensors(True)
    try:
        yield
    finally:
        torch._C._set_only_lift_cpu_tensors(before)
