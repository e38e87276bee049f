"""Which recipe `crosscade train` takes when none is named."""

import pytest


@pytest.fixture
def asked(crosscade, monkeypatch):
    """What `crosscade train` asks to be trained: the recipe, and with which words."""
    seen = []

    def train(recipe, out, **words):
        seen.append((recipe, words))
        return out

    monkeypatch.setattr("crosscade.framework.train", train)

    def run(*words):
        answer = crosscade("train", *words, "--out", "run")
        assert answer.code == 0, answer.error
        return seen[-1]

    return run


def test_two_folders_and_no_recipe_are_photographs(asked):
    recipe, _ = asked("--a", "cats", "--b", "dogs")
    assert (recipe.name, recipe.image.size) == ("photo", 128)
    assert (recipe.data.use, recipe.data.options.a) == ("folder", "cats")


def test_an_earlier_run_gives_its_recipe_for_other_data(asked, whole):
    for start in (whole, whole / "bundle"):
        recipe, words = asked("--start", start, "--a", "cats", "--b", "foxes", "--set", "image.size=96")
        assert (recipe.name, recipe.image.size, recipe.data.options.b) == ("tiny", 96, "foxes")
        assert words["start"] == str(start)


def test_where_there_is_no_bundle_no_recipe_is_made_up(crosscade, tmp_path):
    answer = crosscade("train", "--start", "nowhere", "--out", "run")
    assert answer.code == 2
    assert answer.error.startswith("--start nowhere: found no recipe.json; expected a bundle folder or a finished run")


def test_an_empty_start_is_refused(crosscade):
    answer = crosscade("train", "--start", "", "--a", "cats", "--b", "dogs", "--out", "run")
    assert answer.code == 2
    assert answer.error.startswith("--start: found ''; expected a bundle folder or a finished run. Leave it out")
