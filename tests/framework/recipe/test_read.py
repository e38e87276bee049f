"""Names from the command line reach the recipe as they were typed."""

import pytest

from crosscade.framework import Catalogue, InputError, read
from crosscade.framework.recipe.dataset import dataset_from
from crosscade.framework.recipe.read import data_settings, override


@pytest.mark.parametrize("name", ['a "quoted" one', "back\\slash", "C:\\new\\table", "zèbre", "斑马", "1", "true"])
def test_names_are_text_whatever_they_look_like(name):
    data = override({"data": {"use": "x"}}, data_settings(f"folder:{name},other"))["data"]
    assert data == {"use": "folder", "a": name, "b": "other"}


def test_a_dataset_and_its_options_by_one_line():
    dataset = dataset_from(Catalogue.discover(), "safari:elephant,giraffe", ["train=3", "test=2"])
    assert [d.name for d in dataset.domains] == ["elephant", "giraffe"]
    assert [len(d.train) for d in dataset.domains] == [3, 3]
    with pytest.raises(InputError, match=r"unknown key 'trian' @ \$\.data\. did you mean 'train'"):
        dataset_from(Catalogue.discover(), "safari", ["trian=3"])


def test_the_recipe_given_is_left_as_it_was():
    table = {"image": {"size": 64}, "translate": [{"level": 5}]}
    made = override(table, ["image.size=128", "translate[0].level=4"])
    assert table == {"image": {"size": 64}, "translate": [{"level": 5}]}
    assert made == {"image": {"size": 128}, "translate": [{"level": 4}]}


def test_a_recipe_is_read_on_other_data_with_settings():
    catalogue = Catalogue.discover()
    assert read("demo", catalogue, data="animals:cat,dog")["data"] == {"use": "animals", "a": "cat", "b": "dog"}
    table = read("demo", catalogue, a="C:\\x", b="y", settings=["data.b=z", "image.size=32"])
    assert (table["data"], table["image"]["size"]) == ({"use": "folder", "a": "C:\\x", "b": "z"}, 32)


@pytest.mark.parametrize("data", [{"a": "x"}, {"b": "y"}, {"a": "x", "b": "y", "data": "safari"}])
def test_two_folders_or_a_dataset_but_not_both(data):
    with pytest.raises(InputError, match=r"--a and --b.*expected both folders, or --data alone"):
        read("demo", Catalogue.discover(), **data)


def test_ones_own_pictures_are_not_named_after_the_recipes_animals():
    catalogue = Catalogue.discover()
    assert read("demo", catalogue, data="folder", settings=["data.root=x"])["data"] == {"use": "folder", "root": "x"}


def test_another_dataset_has_its_own_domains_unless_some_are_named(tmp_path):
    catalogue = Catalogue.discover()
    (tmp_path / "mine.toml").write_text('data = { use = "safari", a = "elephant", b = "giraffe", train = 3 }')
    mine = str(tmp_path / "mine.toml")
    assert read(mine, catalogue, data="animals")["data"] == {"use": "animals"}
    assert read(mine, catalogue, settings=["data.use=animals"])["data"] == {"use": "animals"}
    assert read(mine, catalogue, data="animals:cat,dog")["data"] == {"use": "animals", "a": "cat", "b": "dog"}
    assert read(mine, catalogue, data="safari")["data"]["a"] == "elephant", "its own dataset keeps the recipe's"
