"""`describe` says what a part is made of, not only what can be set; nothing is fetched for it."""

import json

import pytest

from crosscade.framework import Catalogue, EncoderOffer, hookimpl
from crosscade.plugins.commands.describe import about


@pytest.fixture(scope="module")
def catalogue():
    return Catalogue.discover()


@pytest.fixture(autouse=True)
def _nothing_at_hand(monkeypatch, tmp_path):
    monkeypatch.setenv("CROSSCADE_CACHE", str(tmp_path))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("HF_HOME", str(tmp_path))


def described(catalogue, kind, name, *settings):
    return about(catalogue.entry(kind, name), catalogue, settings)


@pytest.mark.parametrize(
    ("name", "levels", "at_hand"),
    [
        ("efficientnet-lite0", [(2, 16, 2), (3, 24, 4), (4, 40, 8), (5, 112, 16), (6, 320, 32)], True),
        ("efficientnet-lite2", [(2, 16, 2), (3, 24, 4), (4, 48, 8), (5, 120, 16), (6, 352, 32)], True),
        ("vgg19", [(1, 64, 1), (2, 128, 2), (3, 256, 4), (4, 512, 8), (5, 512, 16)], False),
        ("vgg16-hed", [(1, 64, 1), (2, 128, 2), (3, 256, 4), (4, 512, 8), (5, 512, 16)], False),
        ("timm", [(1, 64, 2), (2, 64, 4), (3, 128, 8), (4, 256, 16), (5, 512, 32)], False),
        ("pixels", [(0, 3, 1)], True),
    ],
)
def test_encoders_have_numbers_channels_and_strides_with_or_without_weights(catalogue, name, levels, at_hand):
    facts = described(catalogue, "encoder", name)
    assert [(row["number"], row["channels"], row["stride"]) for row in facts["levels"]] == levels
    assert ("weights" in facts) is not at_hand
    assert at_hand or facts["weights"].startswith("not at hand: ")


def test_levels_are_those_of_the_options(catalogue):
    facts = described(catalogue, "encoder", "timm", "model=mobilenetv3_small_050", "pretrained=false")
    assert "weights" not in facts
    assert facts["levels"][0]["channels"] == 16 != 64


def test_losses_say_what_they_read_and_where_that_is_given(catalogue):
    assert described(catalogue, "loss", "cycle")["stages"] == ["translation", "refinement"]
    assert described(catalogue, "loss", "image-reconstruction")["stages"] == ["inversion", "refinement"]
    critics = described(catalogue, "loss", "wgan-gp")
    assert critics["reads"] == ["fake", "real"]
    assert critics["critics"] == {"learning_rate": 0.0005, "betas": [0.5, 0.9], "steps": 2}
    styles = described(catalogue, "loss", "content-reconstruction")
    assert styles["stages"] == ["translation by munit"]


def test_datasets_say_their_domains_or_why_not(catalogue):
    drawn = described(catalogue, "dataset", "safari", "b=elephant", "train=7")
    assert drawn["domains"] == [{"name": d, "train": 7, "test": 300} for d in ("zebra", "elephant")]
    assert described(catalogue, "dataset", "folder")["not known"].startswith("folder: found no folder for a")


def test_recipes_say_their_stages(catalogue):
    facts = described(catalogue, "recipe", "demo", "refine=none")
    assert [(row["stage"], row["level"]) for row in facts["stages"]] == [
        *(("invert", i) for i in (3, 4, 5)),
        *(("translate", i) for i in (5, 4, 3)),
    ]
    assert facts["stages"][3]["losses"] == {"wgan-gp": 1.0, "cycle": 30.0, "identity": 30.0}


def test_json_is_what_there_is(crosscade):
    (known,) = json.loads(crosscade("describe", "safari", "--json").output)
    assert known["options"][0] | {"help": ""} == {"name": "a", "type": "text", "default": "zebra", "help": ""}
    assert known["kind"] == "dataset"
    answer = crosscade("describe", "safari", "--set", "colour=red")
    assert answer.code == 2
    assert "unknown key 'colour' @ dataset" in answer.error


def test_a_table_for_people(crosscade, monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")
    text = crosscade("describe", "vgg19").output
    assert "weights: not at hand: encoder vgg19: found no file at " in text
    assert [line.split() for line in text.splitlines() if "conv5_1 " in line and "512" in line] == [
        ["5", "conv5_1", "512", "16"]
    ]


def test_a_strangers_encoder_that_fails_says_so_in_its_line():
    class Plugin:
        @hookimpl
        def encoders(self):
            yield EncoderOffer(name="mine", build=lambda options: 1 / 0, summary="a stranger's")

    catalogue = Catalogue.of(Plugin(), provider="strange-parts")
    assert described(catalogue, "encoder", "mine")["not known"].startswith("encoder 'mine' of strange-parts 0: `build`")
