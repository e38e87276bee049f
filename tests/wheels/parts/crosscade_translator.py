"""A translator that sees the deeper level's translation beside its own level's features."""

import torch
from attrs import frozen
from crosscade.framework import TranslatorOffer, Twins, hookimpl, option
from torch import nn


@frozen
class BesideOptions:
    width: int = option(64, "channels between the two convolutions")


class Beside(nn.Module):
    def __init__(self, options, here, deeper):
        super().__init__()
        self.enlarge = nn.Upsample(scale_factor=deeper.stride // here.stride if deeper else 1)
        inputs = here.channels + (deeper.channels if deeper else 0)
        self.first = nn.Conv2d(inputs, options.width, 3, padding=1)
        self.last = nn.Conv2d(options.width, here.channels, 3, padding=1)

    def forward(self, features, deeper=None):
        both = features if deeper is None else torch.cat([features, self.enlarge(deeper)], 1)
        return self.last(self.first(both).relu()).float().tanh()


def build(options, *, here, deeper):
    return Twins(Beside(options, here, deeper), Beside(options, here, deeper))


@hookimpl
def translators():
    yield TranslatorOffer(name="beside", options=BesideOptions, build=build, summary="two convolutions")
