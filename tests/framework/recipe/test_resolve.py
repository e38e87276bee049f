"""Recipes are checked before any work, and errors quote the path and the cure."""

import copy
import json

import pytest

from crosscade.framework import Catalogue, InputError, read, resolve
from crosscade.framework.recipe.read import data_settings, override


@pytest.fixture(scope="module")
def catalogue():
    return Catalogue.discover()


@pytest.fixture
def table(catalogue):
    return copy.deepcopy(read("demo", catalogue))


@pytest.mark.parametrize("name", ["demo", "paper"])
def test_packaged_recipes_resolve_and_their_json_reads_back_to_the_same(catalogue, name):
    recipe = resolve(read(name, catalogue), catalogue)
    assert recipe.name == name
    assert resolve(json.loads(json.dumps(recipe.plain())), catalogue) == recipe


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("stages[1].translator.widht=3", r"unknown key 'widht' @ \$\.stages\[1\]\.translator\. did you mean 'width'\?"),
        (
            'stages[1].translator.width="wide"',
            r"wrong type @ \$\.stages\[1\]\.translator\.width.*'wide'.*a whole number",
        ),
        ("stages[0].schedule.images=-1", r"'images' must be > 0: -1 @ \$\.stages\[0\]\.schedule"),
        ("stages[0].schedule.batch=2.5", r"wrong type @ \$\.stages\[0\]\.schedule\.batch"),
        ('encoder.use="vgg91"', r"unknown encoder 'vgg91' @ \$\.encoder.*did you mean 'vgg19'"),
        ('stages[0].losses[0].use="wgan"', r"unknown loss 'wgan' @ \$\.stages\[0\]\.losses\[0\]"),
        ("stages[0].losses[0].weight=-2", r"'weight' @ \$\.stages\[0\]\.losses\[0\].*-2.*a number from 0"),
        ("image.size.deeper=1", r"wrong type @ \$\.image\.size.*'deeper': 1.*a whole number"),
        ("trainning.seed=1", r"unknown key 'trainning' @ \$.*did you mean 'training'"),
        ('training.precision="half"', r"@ \$\.training"),
        ("stages[0].level=3", r"\$\.stages.*each level once, deep to shallow"),
        ("inversions[0].level=6", r"\$\.inversions.*an inverter for level"),
    ],
)
def test_mistakes_are_named_with_path_and_cure(catalogue, table, setting, message):
    with pytest.raises(InputError, match=message) as caught:
        resolve(override(table, [setting]), catalogue)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2


def test_set_changes_any_key(catalogue, table):
    settings = ["image.size=128", "stages[0].schedule.images=50", "training.precision=float32", "refine=none"]
    recipe = resolve(override(table, settings), catalogue)
    assert (recipe.image.size, recipe.stages[0].schedule.images) == (128, 50)
    assert recipe.training.precision == "float32"
    assert recipe.refine is None


def test_setting_another_component_drops_the_old_ones_options(table):
    table["encoder"] = {"use": "efficientnet-lite0", "weights": "somewhere"}
    assert override(table, ["encoder.use=pixels"])["encoder"] == {"use": "pixels"}
    loss = override(table, ["stages[0].losses[0].use=lsgan"])["stages"][0]["losses"][0]
    assert loss == {"use": "lsgan"}


def test_an_entry_of_a_list_goes_by_its_number_or_by_its_components_name():
    table = {"stages": [{"losses": ["lsgan", {"use": "hinge", "weight": 2}, {"use": "hinge"}]}]}
    for which in ("lsgan", "0"):
        losses = override(table, [f"stages[0].losses[{which}].weight=3"])["stages"][0]["losses"]
        assert losses == [{"use": "lsgan", "weight": 3}, {"use": "hinge", "weight": 2}, {"use": "hinge"}]
    with pytest.raises(InputError, match=r"'hinge' in .*lsgan, hinge, hinge.*a number from 0 to 2, or the name of one"):
        override(table, ["stages[0].losses[hinge].weight=0"])
    with pytest.raises(InputError, match=r"'cycle' in .*lsgan, hinge, hinge"):
        override(table, ["stages[0].losses[cycle].weight=0"])


@pytest.mark.parametrize("setting", ["image.size", "=3", "stages[9].level=1", "image.views.deeper=1"])
def test_settings_that_cannot_be_applied(table, setting):
    with pytest.raises(InputError, match="--set"):
        override(table, [setting])


def test_data_names_a_dataset_and_its_domains(table):
    assert override(table, data_settings("animals:cat,dog"))["data"] == {"use": "animals", "a": "cat", "b": "dog"}
    with pytest.raises(InputError, match="two different names"):
        data_settings("safari:zebra")


@pytest.mark.parametrize(
    ("name", "text", "message"), [("bad.toml", "x = = 1", "valid TOML"), ("bad.json", "{", "valid JSON")]
)
def test_files_that_are_no_recipes(catalogue, tmp_path, name, text, message):
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=message):
        read(str(tmp_path / name), catalogue)
    with pytest.raises(InputError, match="no such file"):
        read(str(tmp_path / "nowhere.toml"), catalogue)


def test_the_images_of_what_learns_are_scaled(catalogue, table):
    recipe = resolve(override(table, ["stages[1].losses=[]", "refine.schedule.images=10"]), catalogue)
    assert [stage.schedule.images for stage in recipe.trained] == [2400, 2500, 2500, 9000, 4000, 3000, 10]
    halved = recipe.scaled(0.5)
    assert [stage.schedule.images for stage in halved.trained] == [1200, 1250, 1250, 4500, 4000, 1500, 8]
    assert recipe.stages[1] not in recipe.learning
    assert resolve(override(table, ["refine=none"]), catalogue).scaled(1).refine is None
