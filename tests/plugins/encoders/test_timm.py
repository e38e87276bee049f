import sys

import pytest
import torch

from crosscade.framework import InputError
from crosscade.framework.support import fetch
from crosscade.framework.testing.checks import check_encoder
from crosscade.plugins.encoders import timm as timm_encoder
from crosscade.plugins.encoders.timm import TimmOptions

timm = pytest.importorskip("timm")
SMALL = "mobilenetv3_small_050"


def test_contract():
    (offer,) = timm_encoder.encoders()
    check_encoder(offer, image_size=64, options=TimmOptions(model=SMALL, pretrained=False))


@pytest.mark.parametrize(
    ("model", "strides"),
    [("resnet18", [2, 4, 8, 16, 32]), ("convnext_atto", [4, 8, 16, 32]), ("vgg11", [1, 2, 4, 8, 16, 32])],
)
def test_other_families_keep_the_contract(model, strides):
    encoder = timm_encoder.build(TimmOptions(model=model, pretrained=False))
    assert [level.stride for level in encoder.pyramid.levels] == strides
    check_encoder(encoder, image_size=32, export=False)


def test_a_vit_takes_images_of_other_sizes():
    encoder = timm_encoder.build(TimmOptions(model="vit_tiny_patch16_224", pretrained=False))
    assert {level.stride for level in encoder.pyramid.levels} == {16}
    check_encoder(encoder, image_size=64)
    assert encoder(torch.zeros(1, 3, 224, 224), [1])[1].shape[-2:] == (14, 14)


def test_for_somebodys_bundle_nothing_is_fetched(monkeypatch):
    from huggingface_hub import constants

    seen, create = [], timm.create_model

    def spy(name, pretrained, **rest):
        seen.append(constants.HF_HUB_OFFLINE)
        return create(name, pretrained=False, **rest)

    monkeypatch.setattr(timm, "create_model", spy)
    before = constants.HF_HUB_OFFLINE
    with fetch.nothing():
        timm_encoder.build(TimmOptions(model=SMALL))
    timm_encoder.build(TimmOptions(model=SMALL))
    assert set(seen) == {True, before}
    assert before == constants.HF_HUB_OFFLINE


def test_images_are_normalised_as_the_model_was_trained():
    encoder = timm_encoder.build(TimmOptions(model=SMALL, pretrained=False))
    mean, std = (torch.tensor(encoder.model.pretrained_cfg[k]).view(1, 3, 1, 1) for k in ("mean", "std"))
    x = torch.rand(1, 3, 64, 64) * 2 - 1
    expected = encoder.model.forward_intermediates(((x + 1) / 2 - mean) / std, intermediates_only=True)
    torch.testing.assert_close(encoder(x, [2])[2], expected[1])


def test_a_local_file_fills_the_model(tmp_path):
    whole = timm.create_model(SMALL, pretrained=False).eval()
    torch.save(whole.state_dict(), tmp_path / "whole.pth")
    encoder = timm_encoder.build(TimmOptions(model=SMALL, weights=str(tmp_path / "whole.pth")))
    for name, value in encoder.model.state_dict().items():
        assert torch.equal(value, whole.state_dict()[name])


def test_another_models_file_is_refused(tmp_path):
    torch.save({"some.weight": torch.zeros(2)}, tmp_path / "other.pth")
    with pytest.raises(InputError, match=r"\d+ tensors missing, first conv_stem\.weight"):
        timm_encoder.build(TimmOptions(model=SMALL, weights=str(tmp_path / "other.pth")))
    with pytest.raises(InputError, match="no file at"):
        timm_encoder.build(TimmOptions(model=SMALL, weights=str(tmp_path / "none.pth")))


def test_random_weights_are_never_a_fallback(monkeypatch):
    def offline(name, pretrained, **rest):
        assert pretrained
        raise OSError("no connection")

    monkeypatch.setattr(timm, "create_model", offline)
    with pytest.raises(InputError, match=r"no pre-trained weights \(OSError: no connection\).*pretrained = false"):
        timm_encoder.build(TimmOptions(model=SMALL))


def test_a_near_miss_is_suggested():
    with pytest.raises(InputError, match=r"Did you mean.*resnet18"):
        timm_encoder.build(TimmOptions(model="resnet_18"))


def test_without_timm_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(InputError, match=r"pip install 'crosscade\[timm\]'"):
        timm_encoder.build(TimmOptions())
