"""An inverter that gives each place of the map all the pixels that it stands for."""

from attrs import frozen
from crosscade.framework import InverterOffer, hookimpl, option
from torch import nn


@frozen
class ShuffleOptions:
    width: int = option(64, "channels between the two convolutions")


def build(options, *, level, image):
    return nn.Sequential(
        nn.Conv2d(level.channels, options.width, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(options.width, image.channels * level.stride**2, 3, padding=1),
        nn.PixelShuffle(level.stride),
        nn.Tanh(),
    )


@hookimpl
def inverters():
    yield InverterOffer(name="shuffle", options=ShuffleOptions, build=build, summary="channels unfolded into pixels")
