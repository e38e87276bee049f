import pytest
import torch

from crosscade.framework import ImageSpec, InputError, LevelSpec
from crosscade.framework.testing.checks import check_encoder, check_inverter
from crosscade.plugins.encoders import pixels

(ENCODER,) = pixels.encoders()
(NONE,) = pixels.inverters()


def test_encoder_contract():
    check_encoder(ENCODER, image_size=16)


def test_level_0_is_the_image_and_needs_no_statistics():
    encoder, x = ENCODER.build(ENCODER.options()), torch.rand(1, 3, 8, 8)
    assert encoder(x, [0])[0] is x
    assert encoder.normalised
    with pytest.raises(InputError, match="level 1"):
        encoder(x, [1])


def test_inverter_contract():
    check_inverter(NONE, level=LevelSpec(0, "pixels", 3, 1), image=ImageSpec(16))


def test_none_inverts_level_0_only():
    with pytest.raises(InputError, match=r"inverter none: found level 3 \(conv3_1, 256 channels\).*level 0"):
        NONE.build(NONE.options(), level=LevelSpec(3, "conv3_1", 256, 4), image=ImageSpec(64))
