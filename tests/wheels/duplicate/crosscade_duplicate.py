"""A plugin whose encoder has the name of a built-in one."""

from crosscade.framework import EncoderOffer, hookimpl
from crosscade.plugins.encoders.pixels import Pixels


@hookimpl
def encoders():
    yield EncoderOffer(name="vgg19", build=lambda options: Pixels(), summary="not the VGG that you think of")
