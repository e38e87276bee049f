"""What a page says about a recipe's difference from the packaged one of its name."""

import copy
import json

import pytest

from crosscade.evaluation.reports.recipe_diff import Change, changes, lineage
from crosscade.framework import Catalogue, read, resolve
from crosscade.framework.recipe.read import override


@pytest.fixture(scope="module")
def catalogue():
    return Catalogue.discover()


def plain(catalogue, *settings):
    return resolve(override(read("demo", catalogue), settings), catalogue).plain()


def found(parent, here):
    return [(c.key, c.parent, c.here) for c in changes(parent, here)]


def test_what_was_asked_for_comes_before_what_minutes_and_data_made_of_it(catalogue):
    asked = plain(catalogue, "image.crops=1", "translate[1].losses[0].weight=3")
    here = copy.deepcopy(asked)
    here["image"]["size"] = 96
    here["refine"]["schedule"]["images"] += 1
    images = asked["refine"]["schedule"]["images"]
    own = lineage("mine", asked, here, catalogue)
    assert (own.name, own.parent) == ("mine", "demo")
    assert own.changes == (
        Change("image.crops", "4", "1"),
        Change("translate[level 4].losses[identity].weight", "1.0", "3.0"),
        Change("image.size", "0", "96", planned=True),
        Change("refine.schedule.images", str(images), str(images + 1), planned=True),
    )
    assert json.loads(own.text) == here
    assert lineage("demo", plain(catalogue), plain(catalogue), catalogue).changes == ()


def test_a_recipe_without_a_package_has_no_parent(catalogue):
    recipe = {**plain(catalogue), "name": "my own"}
    assert lineage("x", recipe, recipe, catalogue).parent == ""
    stray = {**recipe, "name": "recipe.toml"}
    assert lineage("x", stray, stray, catalogue).parent == "", "a name is no path"


def test_one_stage_or_loss_more_or_less_moves_no_other(catalogue):
    parent = plain(catalogue)
    here = copy.deepcopy(parent)
    gone = here["translate"].pop(0)
    here["translate"][0]["losses"].insert(0, {"use": "cycle", "weight": 2.0})
    assert found(parent, here) == [
        ("translate[level 4].losses[cycle]", "–", "cycle"),
        (f"translate[level {gone['level']}]", "deepest, wgan-gp, cycle, identity", "–"),
    ]
    assert found({"refine": {"losses": []}}, {}) == [("refine", '{"losses": []}', "–")]


def test_of_another_component_the_name_is_all(catalogue):
    parent = plain(catalogue)
    assert found(parent, plain(catalogue, "translate[1].translator.use=deepest")) == [
        ("translate[level 4].translator", "adain", "deepest")
    ]


def test_two_of_a_kind_are_told_apart():
    hinges = [{"use": "hinge", "width": 1}, {"use": "hinge", "width": 2}]
    here = [hinges[0], {"use": "hinge", "width": 3}]
    assert found({"losses": hinges}, {"losses": here}) == [("losses[hinge #2].width", "2", "3")]


def test_prose_is_no_change_and_empty_words_are_seen():
    assert found({"summary": "a", "w": ""}, {"summary": "b", "w": "x"}) == [("w", '""', "x")]
