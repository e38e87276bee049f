"""A plugin whose encoder has the name of a built-in one."""

from crosscade.framework import Encoder, EncoderOffer, LevelSpec, PyramidSpec, hookimpl


class Pixels(Encoder):
    pyramid = PyramidSpec((LevelSpec(0, "pixels", 3, 1),))

    def forward(self, images, levels):
        return {level: images for level in levels}


@hookimpl
def encoders():
    yield EncoderOffer(name="vgg19", build=lambda options: Pixels(), summary="not the VGG that you think of")
