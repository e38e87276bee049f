"""What is looked at between two stages."""

from types import SimpleNamespace

import numpy as np
import torch
from torch import nn

from crosscade.framework import Pair
from crosscade.framework.bundle.networks import Networks
from crosscade.framework.support.device import Compute
from crosscade.framework.training.after_stage import check_inverters


class Constant(nn.Module):
    def __init__(self, low: float, high: float) -> None:
        super().__init__()
        self.low, self.high = low, high

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return torch.linspace(self.low, self.high, 3 * 8 * 8).reshape(1, 3, 8, 8).expand(len(features), -1, -1, -1)


class Images:
    def features(self, name, rows, device):
        return torch.zeros(4, 1, 2, 2)

    def array(self, name):
        return np.random.default_rng(0).integers(0, 255, (4, 8, 8, 3)).astype(np.uint8)


def test_an_inverter_that_gives_black_is_named():
    networks = Networks({}, {5: Pair(Constant(-1, 1), Constant(-1, -1))})
    data, setup = (
        SimpleNamespace(test=Pair(Images(), Images()), device=torch.device("cpu")),
        SimpleNamespace(compute=Compute.as_it_is()),
    )
    (warning,) = check_inverters(SimpleNamespace(networks=networks, level=5), setup, data)
    assert warning.startswith("inverter of level 5, domain b: 100% black")
