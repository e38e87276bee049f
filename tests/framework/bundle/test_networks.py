"""A recipe's networks: which of them make an image, before and after refinement, and what a bundle calls them."""

import pytest
import torch

from crosscade.framework import Catalogue, Direction
from crosscade.framework.bundle.networks import Networks
from tests.framework.tiny import tiny_recipe


@pytest.fixture(scope="module")
def networks():
    recipe, catalogue = tiny_recipe(), Catalogue.discover()
    return Networks.build(recipe, catalogue, catalogue.build("encoder", recipe.encoder))


def test_a_direction_has_its_targets_networks(networks):
    files = networks.files(Direction.B2A)
    assert list(files) == ["b2a/level5", "b2a/level4", "b2a/inverter4", "b2a/inverter"]
    assert files["b2a/level5"] is networks.translators[5].into.a
    assert files["b2a/inverter4"] is networks.inverters[4].a
    assert files["b2a/inverter"] is networks.refined.a


def test_modules_are_called_as_in_checkpoints(networks):
    assert list(networks.modules) == ["translators5", "translators4", "inverter4_a", "inverter4_b"]


def test_refinement_replaces_translators_and_the_final_inverters_alone(networks):
    stages = [
        Networks({}, networks.inverters),
        Networks({5: networks.translators[5]}),
        Networks({4: networks.translators[4]}),
    ]
    before = Networks()
    for trained in stages:
        before = before.with_stage(trained)
    assert before.final is networks.inverters[4]
    recipe, catalogue = tiny_recipe(), Catalogue.discover()
    other = Networks.build(recipe, catalogue, catalogue.build("encoder", recipe.encoder))
    after = before.with_stage(Networks({4: other.translators[4]}, other.inverters), refined=True)
    assert (after.final, after.inverters) == (other.inverters[4], before.inverters)
    assert after.translators == {5: networks.translators[5], 4: other.translators[4]}
    assert before.translators[4] is networks.translators[4], "the networks before it are still there"


def test_weights_are_of_each_domains_own(networks):
    a, b = (next(net.parameters()) for net in networks.translators[5].into)
    assert not torch.equal(a, b)


def test_networks_that_both_domains_share_are_one():
    recipe, catalogue = (
        tiny_recipe("invert[0].shared=true", "translate[1].translator.shared=true"),
        Catalogue.discover(),
    )
    networks = Networks.build(recipe, catalogue, catalogue.build("encoder", recipe.encoder))
    assert list(networks.modules) == ["translators5", "translators4", "inverter4"]
    ways = [networks.files(way) for way in Direction]
    assert ways[0]["a2b/level4"] is ways[1]["b2a/level4"]
    assert ways[0]["a2b/inverter"] is ways[1]["b2a/inverter"]
    assert ways[0]["a2b/level5"] is not ways[1]["b2a/level5"]
