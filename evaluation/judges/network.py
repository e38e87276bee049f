"""Small convolutional judges: the network, its training and the cache on disk.

A judge is trained here, on the data at hand, deterministically by seed; its weights are kept as safetensors under a
hash of everything that determines them, so that the next evaluation of the same data starts at once.
"""

# B batch, N images, C channels, O outputs, H W space

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from attrs import evolve, frozen
from safetensors.torch import load, save
from torch import Tensor, nn

from ...framework import InputError
from ...framework.support import atomic
from ...framework.support.device import CPU, choose, full_float32
from ...framework.support.fetch import cache_dir
from .random_views import View

VERSION = 1
"""Part of every cache key: raise it when anything here that shapes a judge changes."""
JUDGE_SIZE = 96
"""Larger images are resized to this: a judge must cost a minute, not an hour."""
GOOD = 0.95
"""A judge whose own held-out score is lower learns longer; if that does not help, it says so."""
VIEWS = "views of images that the judge learns from; three times as many if these do not make it good"
LONGER = 3
"""Times the views that a judge which did not become good learns from, from the start: some pairs are harder."""


@frozen
class Training:
    """How long and how fast a judge learns."""

    images_seen: int = 14_000
    batch: int = 50
    rate: float = 4e-3
    weight_decay: float = 1e-2
    width: int = 24
    seed: int = 0


class JudgeNet(nn.Module):
    """Four halvings of 3x3 convolutions with batch norm, a narrow map, one hidden layer, O outputs."""

    def __init__(self, channels: int, outputs: int, size: int, width: int):
        super().__init__()
        layers: list[nn.Module] = []
        for wide in (width, 2 * width, 3 * width, 4 * width):
            # one convolution at the widest map, two below: half of the time would go there
            for stride in (2, 1) if layers else (2,):
                layers += [nn.Conv2d(channels, wide, 3, stride, 1, bias=False), nn.BatchNorm2d(wide), nn.ReLU()]
                channels = wide
            size = (size + 1) // 2
        # The map is flattened, not averaged: positions are among what is judged.
        layers += [nn.Conv2d(channels, 16, 1), nn.Flatten(), nn.Dropout(0.2), nn.Linear(16 * size * size, 128)]
        self.layers = nn.Sequential(*layers, nn.ReLU(), nn.Linear(128, outputs))

    @property
    def device(self) -> torch.device:
        """Where it lies."""
        return next(self.parameters()).device

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, O)."""
        y: Tensor = self.layers(x)
        return y.float()


@full_float32()
def fit(
    images: Tensor,
    net: JudgeNet,
    training: Training,
    dress: Callable[[Tensor, torch.Generator], Tensor],
    loss: Callable[[Tensor, Tensor, View], Tensor],
    progress: Callable[[str], None] | None = None,
) -> None:
    """Trains `net`, where it lies, on random views of `images` (N, C, H, W).

    `dress(views, random)` changes their appearance; `loss(outputs, indices, view)` knows the labels by index.
    """
    random, images = torch.Generator().manual_seed(training.seed), images.to(net.device)
    # a short training takes smaller steps, of which it then has enough for batch norm to settle
    batch = min(training.batch, len(images), max(8, training.images_seen // 100))
    steps = max(training.images_seen // batch, 2)
    optimiser = torch.optim.AdamW(net.parameters(), weight_decay=training.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, training.rate, total_steps=steps)
    net.train().to(memory_format=torch.channels_last)
    order = torch.randperm(len(images), generator=random)
    for step in range(steps):
        if len(order) < batch:
            order = torch.cat([order, torch.randperm(len(images), generator=random)])
        chosen, order = order[:batch], order[batch:]
        view = View.draw(batch, random, net.device)
        x = dress(view.of(images[chosen]), random).contiguous(memory_format=torch.channels_last)
        with half_precision(net.device):
            outputs = net(x)
        value = loss(outputs, chosen, view)
        optimiser.zero_grad()
        value.backward()
        optimiser.step()
        schedule.step()
        if progress and step % 20 == 0:
            progress(f"judge {100 * step // steps} %")
    net.eval()


@torch.inference_mode()
@full_float32()
def predict(net: JudgeNet, x: Tensor, batch: int = 100) -> Tensor:
    """Outputs (N, O) of images (N, C, H, W), in float32: cheap here, and the same on every machine."""
    return torch.cat([net(x[i : i + batch].to(net.device)).cpu() for i in range(0, len(x), batch)])


def half_precision(device: torch.device) -> torch.autocast:
    """bfloat16 autocast where the processor has it; elsewhere it would be emulated, and slow."""
    return torch.autocast(device.type, torch.bfloat16, enabled=fast_bfloat16(device))


def fast_bfloat16(device: torch.device) -> bool:
    """Whether this processor, or this GPU, multiplies bfloat16 natively."""
    if device.type != "cpu":
        return choose("auto", device) == "bfloat16"
    capabilities: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


def fingerprint(*parts: Any) -> str:
    """Hex SHA-256 of arrays (dtype, shape and bytes) and of anything that `str` tells apart."""
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, np.ndarray):
            digest.update(f"{part.dtype}{part.shape}".encode())
            digest.update(np.ascontiguousarray(part).data)
        else:
            digest.update(f"{type(part).__name__}:{part}".encode())
        digest.update(b";")
    return digest.hexdigest()


@frozen
class Judge:
    """A trained network, what is known of it (held-out scores), and the views that it learnt from."""

    net: JudgeNet
    facts: dict[str, float]
    views: int


def attempts(
    kind: str,
    training: Training,
    ends: tuple[int, int],
    size: int,
    data: Sequence[Any],
    train: Callable[[Training, JudgeNet], dict[str, float]],
    device: str = "cpu",
) -> Iterator[Judge]:
    """A judge on `device`; ask for the next, which learns longer, only if it is not good.

    `ends` are the network's channels and outputs, `data` is all that a judge is determined by beside its `training`.
    """
    place = torch.device(device)
    for learning in (training, evolve(training, images_seen=LONGER * training.images_seen)):
        key = fingerprint(VERSION, learning, fast_bfloat16(place), size, *data)
        make = partial(JudgeNet, *ends, size, learning.width)
        yield Judge(*cached(kind, key, make, partial(train, learning), place), learning.images_seen)


def cached(
    kind: str,
    key: str,
    make: Callable[[], JudgeNet],
    train: Callable[[JudgeNet], dict[str, float]],
    device: torch.device = CPU,
) -> tuple[JudgeNet, dict[str, float]]:
    """The judge of this key, from the cache or trained now, with the facts that `train` measured (held-out scores).

    A file that does not match its recorded hash is not used: the judge is trained again.
    """
    elsewhere = "" if device == CPU else f"-{device.type}"  # from the same start it learns the same but for rounding
    path = cache_dir() / "judges" / f"{kind}-{key[:32]}{elsewhere}.safetensors"
    with torch.random.fork_rng(
        [device] if device.type == "cuda" else []
    ):  # initial weights and dropout draw from the caller's global stream
        torch.manual_seed(int(key[:8], 16))
        net = make().to(device)
        facts = _restored(path, net)
        if facts is not None:
            return net, facts
        facts = train(net)
    data = save({name: tensor.cpu().contiguous() for name, tensor in net.state_dict().items()})
    atomic.write_bytes(path, data)
    atomic.write_json(path.with_suffix(".json"), {"sha256": hashlib.sha256(data).hexdigest(), "facts": facts})
    return net, facts


def _restored(path: Path, net: JudgeNet) -> dict[str, float] | None:
    try:
        record = atomic.read_json(path.with_suffix(".json"), "a judge's facts")
        data = path.read_bytes()
        if hashlib.sha256(data).hexdigest() != record["sha256"]:
            return None
        net.load_state_dict(load(data))
        facts = {str(k): float(v) for k, v in record["facts"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError, InputError):
        return None  # missing, damaged or of another shape: as good as not there
    net.eval()
    return facts
