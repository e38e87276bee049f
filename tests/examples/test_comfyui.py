"""The node keeps ComfyUI's contract: what it shows, takes and gives. ComfyUI itself is not started."""

import importlib
import sys
import tomllib

import numpy as np
import pytest
import torch

from tests.docs_tools import ROOT
from tests.exporters import tiny_export

FOLDER = ROOT / "examples" / "comfyui-crosscade"


@pytest.fixture(scope="module")
def node():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(FOLDER)
        module = importlib.import_module("comfyui_crosscade")
        (name,) = module.NODE_CLASS_MAPPINGS
        assert set(module.NODE_DISPLAY_NAME_MAPPINGS) == {name}
        yield module.NODE_CLASS_MAPPINGS[name]
    del sys.modules["comfyui_crosscade"]


def images(count, height=16, width=16):
    return torch.from_numpy(
        np.random.default_rng(0).integers(0, 256, (count, height, width, 3)).astype(np.float32) / 255
    )


def asked(node, values, model, **how):
    """As ComfyUI calls it: the inputs that it shows, by name, to the method that it names."""
    inputs = {"images": values, "model": str(model), "direction": "a2b", "whole": False, "seed": 0, **how}
    assert inputs.keys() == node.INPUT_TYPES()["required"].keys()
    return getattr(node(), node.FUNCTION)(**inputs)


def test_every_input_has_a_type_that_comfyui_knows_and_a_default(node):
    for name, (kind, *options) in node.INPUT_TYPES()["required"].items():
        assert kind in ("IMAGE", "STRING", "BOOLEAN", "INT") or options[0]["default"] in kind
        assert name == "images" or "default" in options[0]
    assert node.RETURN_TYPES == ("IMAGE", "MASK")
    assert len(node.RETURN_NAMES) == len(node.RETURN_TYPES)


@pytest.mark.parametrize("mask", [True, False])
def test_images_become_translations_and_masks(node, tmp_path, mask):
    export, given = tiny_export.write(tmp_path / "export", mask=mask), images(3)
    translated, masks = asked(node, given, export)
    assert (translated.dtype, translated.shape) == (torch.float32, (3, 16, 16, 3))
    assert (masks.dtype, masks.shape) == (torch.float32, (3, 16, 16))
    torch.testing.assert_close(translated, 1 - given)
    torch.testing.assert_close(masks, given[..., 0] if mask else torch.ones(3, 16, 16))


def test_whole_images_keep_their_size(node, tmp_path):
    export = tiny_export.write(tmp_path / "export", mask=True)
    translated, masks = asked(node, images(2, 40, 60), export, whole=True, direction="b2a")
    assert (translated.shape, masks.shape) == ((2, 40, 60, 3), (2, 40, 60))
    assert translated.min() >= 0
    assert translated.max() <= 1


def test_a_model_is_read_once(node, tmp_path):
    opened = sys.modules["comfyui_crosscade"].opened
    export, before = tiny_export.write(tmp_path / "export"), opened.cache_info().misses
    for _ in range(2):
        asked(node, images(1), export)
    assert opened.cache_info().misses == before + 1


def test_the_wheel_is_its_own_and_needs_crosscade():
    project = tomllib.loads((FOLDER / "pyproject.toml").read_text())
    assert project["project"]["name"] == "comfyui-crosscade"
    assert project["project"]["dependencies"] == ["crosscade>=0.1"]
    assert project["tool"]["setuptools"]["packages"] == ["comfyui_crosscade"]
