"""A collapse is named as one."""

import numpy as np
import torch

from crosscade.framework import Catalogue
from crosscade.framework.features import health, prepare
from crosscade.framework.features.health import check_features, check_images, check_participation
from crosscade.framework.setup import Setup
from crosscade.framework.support.device import Compute
from tests.framework.tiny import tiny_recipe


def test_varied_translations_are_healthy():
    torch.manual_seed(0)
    found = check_features(torch.randn(100, 4, 3, 3), torch.randn(100, 4, 3, 3), "level 5")
    assert found.warnings == ()
    assert 0.9 < found.diversity < 1.1


def test_equal_translations_are_a_collapse():
    torch.manual_seed(0)
    one = torch.randn(1, 4, 3, 3).expand(100, -1, -1, -1) + 1e-3 * torch.randn(100, 4, 3, 3)
    found = check_features(one, torch.randn(100, 4, 3, 3), "level 5 a2b")
    assert found.diversity < 0.05
    assert len(found.warnings) == 2
    assert all("level 5 a2b: collapse?" in w for w in found.warnings)


def test_few_directions_are_warned_of():
    assert check_participation({5: 20.0}, "zebra") == []
    assert "participation ratio 3.9" in check_participation({5: 3.9}, "zebra")[0]


def test_a_recipe_whose_deepest_translator_begins_with_its_input_is_not_warned(tmp_path, monkeypatch):
    monkeypatch.setattr(health, "PARTICIPATION", 1e9)
    catalogue = Catalogue.discover()
    for residual, warned in (("true", 0), ("false", 2)):
        recipe = tiny_recipe(f"translate[0].translator.residual={residual}", "data.train=2", "data.test=1")
        setup = Setup.of(recipe, catalogue, Compute.as_it_is("cpu"))
        dataset = catalogue.build("dataset", recipe.data)
        _, warnings = prepare.training_data(setup, dataset, tmp_path / residual, lambda _: None)
        assert len(warnings) == warned


def test_black_and_identical_images_are_named():
    random = np.random.default_rng(0).integers(0, 255, (20, 8, 8, 3)).astype(np.uint8)
    assert check_images(random, "a2b") == []
    assert "black" in check_images(np.zeros_like(random), "a2b")[0]
    assert "alike" in check_images(np.repeat(random[:1], 20, 0), "a2b")[0]
