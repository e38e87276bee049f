"""Per-domain channel statistics and the clamp (Sec. 3, Pre-processing; gaps rows 2 and 3).

B batch, C channels, H W space; i level.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ..support import ranks


class Statistics:
    """Streaming mean and biased standard deviation per channel, in float64 (Chan's update)."""

    def __init__(self) -> None:
        self.count = 0
        self.mean = torch.zeros(0, dtype=torch.float64)
        self.sum_of_squares = torch.zeros(0, dtype=torch.float64)

    def add(self, features: Tensor) -> None:
        """Takes (B, C, H, W) features into account, on their device where it has float64."""
        values = (
            (features.cpu() if features.device.type == "mps" else features).double().transpose(0, 1).flatten(1)
        )  # (C, B H W)
        mean = values.mean(1)
        self._merge(values.shape[1], mean, (values - mean[:, None]).square().sum(1))

    def _merge(self, n: int, mean: Tensor, squares: Tensor) -> None:
        if n == 0:
            return
        if self.count == 0:
            self.mean, self.sum_of_squares, self.count = mean, squares, n
            return
        delta, total = mean - self.mean, self.count + n
        self.mean = self.mean + delta * n / total
        self.sum_of_squares = self.sum_of_squares + squares + delta.square() * self.count * n / total
        self.count = total

    def over_all(self) -> Statistics:
        """What all processes have added to theirs, in the order of their numbers."""
        if ranks.world() == 1:
            return self
        parts = ranks.each((self.count, self.mean.cpu(), self.sum_of_squares.cpu()))
        whole = Statistics()
        for part in parts:
            whole._merge(*part)
        return whole

    @property
    def deviation(self) -> Tensor:
        """(C,), with a floor of 1e-6 of the level's median so that dead channels do not divide by zero."""
        deviation = (self.sum_of_squares / max(1, self.count)).sqrt()
        return deviation.clamp_min(max(float(deviation.median()) * 1e-6, 1e-12))


class Normalise(nn.Module):
    """Raw features of one domain -> [-1, 1]: clamp((f - mean) / (clip_sigma * deviation), -1, 1).

    A level without statistics (the image itself) passes through clamped.
    """

    def __init__(self, means: Mapping[int, Tensor], deviations: Mapping[int, Tensor], clip_sigma: float) -> None:
        super().__init__()
        self.clip_sigma = clip_sigma
        for i in means:
            self.register_buffer(f"mean{i}", means[i].float())
            self.register_buffer(f"scale{i}", 1.0 / (clip_sigma * deviations[i].double()).float())

    def one(self, level: int, raw: Tensor) -> Tensor:
        """Level `level`'s raw features (B, C_i, H_i, W_i), normalised and clamped, in float32."""
        mean, scale = getattr(self, f"mean{level}", None), getattr(self, f"scale{level}", None)
        if mean is not None and scale is not None:
            raw = (raw.float() - mean[:, None, None]) * scale[:, None, None]
        return raw.float().clamp(-1.0, 1.0)

    def raw(self, level: int, features: Tensor) -> Tensor:
        """What `one` makes `features` (B, C_i, H_i, W_i) of, but for what it clamped, in float32."""
        mean, scale = getattr(self, f"mean{level}", None), getattr(self, f"scale{level}", None)
        if mean is None or scale is None:
            return features.float()
        return features.float() / scale[:, None, None] + mean[:, None, None]

    def forward(self, raw: Mapping[int, Tensor]) -> dict[int, Tensor]:
        """Every level of `raw`, normalised."""
        return {i: self.one(i, f) for i, f in raw.items()}


def from_tensors(tensors: Mapping[str, Tensor], clip_sigma: float) -> Normalise:
    """A normaliser from its stored buffers `mean<i>` and `scale<i>`."""
    levels = [int(k.removeprefix("mean")) for k in tensors if k.startswith("mean")]
    means = {i: tensors[f"mean{i}"] for i in levels}
    normaliser = Normalise(means, means, clip_sigma)
    for i in levels:
        normaliser.get_buffer(f"scale{i}").copy_(tensors[f"scale{i}"])
    return normaliser


def participation_ratio(features: Tensor) -> float:
    """(sum of eigenvalues)^2 / sum of squared eigenvalues of the channel covariance of (B, C, H, W) features.

    How many directions the features really use; below 5 a deepest translator without skip collapses.
    """
    values = features.double().transpose(0, 1).flatten(1)
    values = values - values.mean(1, keepdim=True)
    covariance = values @ values.T
    return float(covariance.trace() ** 2 / covariance.square().sum().clamp_min(1e-30))
