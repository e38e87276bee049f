"""An encoder of three convolutions with random weights; where a network was trained, its weights are loaded instead."""

import torch
from crosscade.framework import Encoder, EncoderOffer, LevelSpec, PyramidSpec, freeze, hookimpl


class Filters(Encoder):
    def __init__(self, options):
        super().__init__()
        self.pyramid = PyramidSpec(tuple(LevelSpec(i, f"conv{i}", 16 * i, 2**i) for i in (1, 2, 3)))
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.convolutions = torch.nn.ModuleList(torch.nn.Conv2d(c or 3, c + 16, 3, 2, 1) for c in (0, 16, 32))
        freeze(self)

    def forward(self, images, levels):
        maps = {0: images}
        for i in range(1, max(levels) + 1):
            maps[i] = self.convolutions[i - 1](maps[i - 1]).tanh()
        return {i: maps[i] for i in levels}


@hookimpl
def encoders():
    yield EncoderOffer(name="filters", build=Filters, summary="three random convolutions")
