"""Recipes are checked before any work, and errors quote the path and the cure."""

import copy
import json

import pytest

from crosscade.framework import Catalogue, InputError, read, resolve
from crosscade.framework.recipe.read import data_settings, override
from tests.framework.tiny import former


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
        (
            "translate[1].translator.widht=3",
            r"unknown key 'widht' @ \$\.translate\[1\]\.translator\. did you mean 'width'\?",
        ),
        (
            'translate[1].translator.width="wide"',
            r"wrong type @ \$\.translate\[1\]\.translator\.width.*'wide'.*a whole number",
        ),
        ("translate[0].schedule.images=-1", r"'images' must be > 0: -1 @ \$\.translate\[0\]\.schedule"),
        ("translate[0].schedule.batch=2.5", r"wrong type @ \$\.translate\[0\]\.schedule\.batch"),
        ('encoder.use="vgg91"', r"unknown encoder 'vgg91' @ \$\.encoder.*did you mean 'vgg19'"),
        ('translate[0].losses[0].use="wgan"', r"unknown loss 'wgan' @ \$\.translate\[0\]\.losses\[0\]"),
        ("translate[0].losses[0].weight=-2", r"'weight' @ \$\.translate\[0\]\.losses\[0\].*-2.*a number from 0"),
        ("image.size.deeper=1", r"wrong type @ \$\.image\.size.*'deeper': 1.*a whole number"),
        ("trainning.seed=1", r"unknown key 'trainning' @ \$.*did you mean 'training'"),
        ('training.precision="half"', r"@ \$\.training"),
        ("translate[0].level=3", r"\$\.translate.*each level once, deep to shallow"),
        ("invert[0].level=6", r"\$\.invert.*an inverter for level"),
    ],
)
def test_mistakes_are_named_with_path_and_cure(catalogue, table, setting, message):
    with pytest.raises(InputError, match=message) as caught:
        resolve(override(table, [setting]), catalogue)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2


def test_set_changes_any_key(catalogue, table):
    settings = ["image.size=128", "translate[0].schedule.images=50", "training.precision=float32", "refine=none"]
    recipe = resolve(override(table, settings), catalogue)
    assert (recipe.image.size, recipe.translate[0].schedule.images) == (128, 50)
    assert recipe.training.precision == "float32"
    assert recipe.refine is None


def test_setting_another_component_drops_the_old_ones_options(table):
    table["encoder"] = {"use": "efficientnet-lite0", "weights": "somewhere"}
    assert override(table, ["encoder.use=pixels"])["encoder"] == {"use": "pixels"}
    loss = override(table, ["translate[0].losses[0].use=lsgan"])["translate"][0]["losses"][0]
    assert loss == {"use": "lsgan"}


def test_an_entry_of_a_list_goes_by_its_number_or_by_its_components_name():
    table = {"translate": [{"losses": ["lsgan", {"use": "hinge", "weight": 2}, {"use": "hinge"}]}]}
    for which in ("lsgan", "0"):
        losses = override(table, [f"translate[0].losses[{which}].weight=3"])["translate"][0]["losses"]
        assert losses == [{"use": "lsgan", "weight": 3}, {"use": "hinge", "weight": 2}, {"use": "hinge"}]
    with pytest.raises(InputError, match=r"'hinge' in .*lsgan, hinge, hinge.*a number from 0 to 2, or the name of one"):
        override(table, ["translate[0].losses[hinge].weight=0"])
    with pytest.raises(InputError, match=r"'cycle' in .*lsgan, hinge, hinge"):
        override(table, ["translate[0].losses[cycle].weight=0"])


@pytest.mark.parametrize("setting", ["image.size", "=3", "translate[9].level=1", "image.crops.deeper=1"])
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
    recipe = resolve(override(table, ["translate[1].losses=[]", "refine.schedule.images=10"]), catalogue)
    assert [stage.schedule.images for stage in recipe.trained] == [2400, 2500, 2500, 9000, 4000, 3000, 10]
    halved = recipe.scaled(0.5)
    assert [stage.schedule.images for stage in halved.trained] == [1200, 1250, 1250, 4500, 4000, 1500, 8]
    assert recipe.translate[1] not in recipe.learning
    assert resolve(override(table, ["refine=none"]), catalogue).scaled(1).refine is None


def test_former_names_of_keys_are_still_read(catalogue, table, tmp_path):
    recipe = resolve(table, catalogue)
    assert resolve(former(table), catalogue) == resolve(former(recipe.plain()), catalogue) == recipe
    (tmp_path / "mine.json").write_text(json.dumps(former(table)))
    assert read(str(tmp_path / "mine.json"), catalogue) == table
    settings = ["stages[0].losses[cycle].weight=3", "inversions[1].level=6", "image.views=7", "image.size=32"]
    now = ["translate[0].losses[cycle].weight=3", "invert[1].level=6", "image.crops=7", "image.size=32"]
    assert override(former(table), settings) == override(table, settings) == override(former(table), now)
    assert override(table, settings) == override(table, now)
    assert resolve(override(table, ["image={views=3}"]), catalogue).image.crops == 3


def test_a_key_under_both_its_names_is_refused(catalogue, table):
    for both in (table | {"stages": table["translate"]}, {"stages": table["translate"]} | table):
        with pytest.raises(InputError, match=r"\$: found both 'stages' and 'translate'; expected 'translate' alone"):
            resolve(both, catalogue)
    with pytest.raises(InputError, match=r"\$\.image: found both 'views' and 'crops'"):
        resolve(table | {"image": {"crops": 2, "views": 2}}, catalogue)
