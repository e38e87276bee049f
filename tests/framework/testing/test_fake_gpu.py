"""The GPU that is not there: it computes what the CPU computes, and names the line that would fail on one or wait."""

import copy
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from crosscade.framework.testing import FakeGpu, FakeGpuError

HERE = Path(__file__).name


@pytest.fixture
def gpu():
    with FakeGpu() as there:
        yield there


def on(gpu, *shape):
    return torch.ones(*shape, device=gpu.device)


def index():
    return torch.tensor([0, 2])


# --- what waits ---------------------------------------------------------------------------------------------------

WAITS = {
    "item": (lambda x: x.sum().item(), "looks at a number"),
    "int": (lambda x: int(x.sum()), "looks at a number"),
    "float": (lambda x: float(x.sum()), "looks at a number"),
    "bool": (lambda x: bool(x.any()), "looks at a number"),
    "if": (lambda x: 1 if x.sum() > 0 else 2, "looks at a number"),
    "equal": (lambda x: torch.equal(x, x + 1), "looks at a number"),
    "tolist": (lambda x: x.tolist(), "a copy to the CPU"),
    "cpu": (lambda x: x.cpu(), "a copy to the CPU"),
    "numpy": (lambda x: x.cpu().numpy(), "a copy to the CPU"),
    "into a CPU tensor": (lambda x: torch.zeros(3, 3).copy_(x), "a copy to the CPU"),
    "nonzero": (lambda x: x.nonzero(), "looks how much there is"),
    "unique": (lambda x: x.unique(), "looks how much there is"),
    "mask": (lambda x: x[x > 0], "by a mask"),
    "into a mask": (lambda x: x.__setitem__(x > 0, 1.0), "by a mask"),
    "index": (lambda x: x[index()], "copies its index from the CPU"),
    "tensor": (lambda x: torch.tensor([1.0, 2.0], device=x.device), "a copy to the GPU without non_blocking=True"),
    "new_tensor": (lambda x: x.new_tensor([1.0]), "a copy to the GPU without non_blocking=True"),
    "to": (lambda x: torch.ones(3).to(x), "a copy to the GPU without non_blocking=True"),
    "from a CPU tensor": (lambda x: x.copy_(torch.ones(3, 3)), "a copy to the GPU without non_blocking=True"),
    "synchronize": (lambda x: torch.cuda.synchronize(), "synchronize"),
}


@pytest.mark.parametrize("name", WAITS)
def test_a_wait_is_noted_with_its_line(name, gpu):
    wait, why = WAITS[name]
    wait(on(gpu, 3, 3))
    assert len(gpu.waits) == 1
    assert why in gpu.waits[0].why
    assert re.search(rf"{HERE}:\d+: `.*{re.escape(name)}.*` waits for the GPU", str(gpu.waits[0]))


@pytest.mark.parametrize("inference", [False, True])
def test_what_stays_on_the_gpu_does_not_wait(inference, gpu):
    with torch.inference_mode(inference):
        x = on(gpu, 3, 3)
        x += torch.ones(3, 3).pin_memory().to(gpu.device, non_blocking=True)
        x[1] = 5
        x = torch.where(x > 2, x, 0.0) * torch.tensor(2.0) + torch.randn(3, device=gpu.device)
        x = torch.cat([x, torch.zeros_like(x), x.new_ones(3, 3)])[torch.arange(2, device=gpu.device)]
        nn.functional.scaled_dot_product_attention(x[None], x[None], x[None])
        assert x.device == gpu.device
        assert x.is_cuda
        assert len(x) == 2
    assert not gpu.waits


def test_the_numbers_are_true(gpu):
    x = torch.arange(6.0).view(2, 3).to(gpu.device)
    assert (x @ x.T).tolist() == [[5, 14], [14, 50]]
    assert x.t_().shape == (3, 2)
    assert x.sum().item() == 15


# --- what a GPU refuses -------------------------------------------------------------------------------------------

REFUSED = {
    "add": (lambda x: x + torch.ones(3, 3), r"aten.add.Tensor on cuda:0 is given a CPU tensor \(3, 3\)"),
    "in place": (lambda x: torch.ones(3, 3).mul_(x), r"is given a CPU tensor \(3, 3\)"),
    "cat": (lambda x: torch.cat([x, torch.ones(3, 3)]), r"aten.cat on cuda:0 is given a CPU tensor"),
    "numpy": (lambda x: x.numpy(), "numpy is given a tensor on the GPU"),
    "array": (lambda x: np.asarray(x), "numpy is given a tensor on the GPU"),
    "generator": (
        lambda x: torch.rand(3, device=x.device, generator=torch.Generator()),
        "is given a generator of the CPU",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_tensors_of_both_devices_are_refused_with_the_line(name, gpu):
    refused, why = REFUSED[name]
    with pytest.raises(FakeGpuError, match=rf"{HERE}:\d+: `.*`: .*{why}"):
        refused(on(gpu, 3, 3))


def test_what_is_not_deterministic_is_refused_where_a_run_is_to_be(gpu, monkeypatch):
    def learn(mode, **options):
        x = on(gpu, 1, 1, 4, 4).requires_grad_(True)
        torch.nn.functional.interpolate(x, scale_factor=2, mode=mode, **options).sum().backward()

    learn("bicubic")
    monkeypatch.setattr(torch, "are_deterministic_algorithms_enabled", lambda: True)
    learn("bilinear")  # PyTorch has another way for it
    with pytest.raises(FakeGpuError, match=r"aten\.upsample_bicubic2d_backward is not deterministic"):
        learn("bicubic")


def test_a_tensor_that_is_left_says_so():
    with FakeGpu() as gpu:
        x = on(gpu, 3)
    with pytest.raises(RuntimeError, match="a FakeGpu that has been left"):
        x + 1


# --- training ------------------------------------------------------------------------------------------------------


class Scaled(torch.autograd.Function):
    """A gradient in Python, of a function that is given more than tensors."""

    @staticmethod
    def forward(ctx, factor, x):
        ctx.factor = factor
        return factor * x, x.new_ones(2)

    @staticmethod
    def backward(ctx, upstream, unused):
        assert unused.device == upstream.device
        return None, ctx.factor * upstream


def steps(device):
    """A few steps with what an engine of gradients has to know."""
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1, padding_mode="reflect"), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 4, 3)
    )
    net = net.append(nn.Flatten()).append(nn.Linear(4 * 6 * 6, 2))
    x = torch.randn(2, 3, 8, 8).to(device)
    parameters = list(net.parameters())
    net.to(device=device, memory_format=torch.channels_last)
    assert all(p is q for p, q in zip(parameters, net.parameters())), "an optimiser that was made before knows them"
    average, optimiser = copy.deepcopy(net), torch.optim.Adam(parameters, 1e-2, fused=True)
    for _ in range(3):
        optimiser.zero_grad()
        leaf = x.detach().requires_grad_(True)
        y, _ = Scaled.apply(2.0, net(leaf))
        (gradient,) = torch.autograd.grad(y.sum(), leaf, create_graph=True)
        with torch.autocast(device, torch.bfloat16):
            more = net(leaf + y.mean())
        (y.square().mean() + gradient.square().sum() + more.float().std()).backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        with torch.no_grad():
            torch._foreach_lerp_(list(average.parameters()), parameters, 0.1)
    tensors = {**net.state_dict(), **{f"average.{k}": v for k, v in average.state_dict().items()}}
    return {name: value.cpu() for name, value in tensors.items()}


def test_training_gives_the_bits_that_it_gives_on_the_cpu():
    wanted = steps("cpu")
    with FakeGpu():
        got = steps("cuda")
    assert len(wanted) == len(got) > 10
    assert [name for name in wanted if not torch.equal(wanted[name], got[name])] == []
