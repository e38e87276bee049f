"""Real wheels of strangers, built and installed: a good one, one that breaks at import, one that reuses a name."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

WHEELS = Path(__file__).parents[1] / "wheels"

ASK = """
import json
from crosscade.framework.catalogue.catalogue import Catalogue
from crosscade.framework.errors import InputError

def error(kind, name):
    try:
        catalogue.get(kind, name)
    except InputError as raised:
        return str(raised)

catalogue = Catalogue.discover()
print(json.dumps({
    "entries": [[e.offer.kind, e.qualified, e.version] for e in catalogue.entries],
    "failures": [[f.provider, f.version, f.reason] for f in catalogue.failures],
    "unknown": error("encoder", "dino"),
    "ambiguous": error("encoder", "vgg19"),
    "ours": catalogue.get("encoder", "crosscade:vgg19").build.__module__,
    "theirs": catalogue.get("encoder", "crosscade-duplicate:vgg19").build.__module__,
}))
"""

CHECK = """
from crosscade.framework.catalogue.catalogue import Catalogue
from crosscade.framework.testing import check_encoder, check_loss
catalogue = Catalogue.discover()
check_encoder(catalogue.get("encoder", "fold"), image_size=32)
check_loss(catalogue.get("loss", "means"))
"""

MAIN = "from crosscade.framework.cli import main; raise SystemExit(main())"

RECIPE = """
name = "strangers"
summary = "a third party's encoder and loss"
[data]
use = "safari"
train = 8
test = 4
[image]
size = 32
[encoder]
use = "fold"
depth = 2
[training]
precision = "float32"
threads = 1
[[invert]]
level = 2
inverter = { use = "dosovitskiy-brox", width = 16 }
losses = [ { use = "image-reconstruction" } ]
schedule = { images = 8, batch = 4 }
[[translate]]
level = 2
translator = { use = "deepest", width = 32 }
losses = [ { use = "means" }, { use = "identity" } ]
schedule = { images = 8, batch = 4 }
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A folder with the three wheels installed from copies, so that building leaves nothing in the checkout."""
    folder = tmp_path_factory.mktemp("third_party")
    sources = [shutil.copytree(WHEELS / name, folder / name) for name in ("good", "broken", "duplicate")]
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*command, "--target", str(folder / "site"), *map(str, sources)], check=True)
    return folder / "site"


def run(site, *arguments):
    environment = {**os.environ, "PYTHONPATH": str(site), "COLUMNS": "200"}
    return subprocess.run([sys.executable, *arguments], env=environment, capture_output=True, text=True)


@pytest.fixture(scope="module")
def answers(site):
    done = run(site, "-c", ASK)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_good_plugin_is_listed_with_provider_and_version(answers):
    assert ["encoder", "crosscade-good:fold", "1.2.3"] in answers["entries"]
    assert ["loss", "crosscade-good:means", "1.2.3"] in answers["entries"]


def test_the_good_plugin_is_short():
    lines = (WHEELS / "good" / "crosscade_good.py").read_text().splitlines()
    assert sum(bool(line.strip()) for line in lines) < 40


def test_a_good_plugin_passes_the_contract_suite(site):
    done = run(site, "-c", CHECK)
    assert done.returncode == 0, done.stderr


def test_a_broken_plugin_costs_only_itself(answers):
    assert ["crosscade-broken", "1.2.3", "RuntimeError: the licence server is asleep"] in answers["failures"]
    assert any(name == "crosscade:efficientnet-lite0" for _, name, _ in answers["entries"])


def test_a_failure_is_quoted_where_it_may_be_the_reason(answers):
    assert "unknown encoder 'dino'" in answers["unknown"]
    assert "crosscade-broken 1.2.3: RuntimeError: the licence server is asleep" in answers["unknown"]


def test_a_name_taken_twice_is_ambiguous_only_when_it_is_used(answers):
    assert "ambiguous encoder 'vgg19'" in answers["ambiguous"]
    assert "crosscade:vgg19" in answers["ambiguous"]
    assert "crosscade-duplicate:vgg19" in answers["ambiguous"]
    assert answers["ours"] == "crosscade.plugins.encoders.vgg"
    assert answers["theirs"] == "crosscade_duplicate"


def test_the_command_line_shows_the_failure_and_goes_on(site):
    done = run(site, "-c", MAIN, "plugins")
    assert done.returncode == 0, done.stderr
    assert "fold" in done.stdout
    assert "the licence server is asleep" in done.stdout + done.stderr


def test_a_recipe_trains_with_a_strangers_encoder_and_loss(site, tmp_path):
    recipe = tmp_path / "strangers.toml"
    recipe.write_text(RECIPE)
    done = run(site, "-c", MAIN, "train", "--recipe", str(recipe), "--out", str(tmp_path / "run"))
    assert done.returncode == 0, done.stderr
    bundle = tmp_path / "run" / "bundle" / "bundle.json"
    assert "1.2.3" in bundle.read_text(), "the bundle names the plugin's version"
    steps = [json.loads(line) for line in (tmp_path / "run" / "events.jsonl").read_text().splitlines()]
    assert any("means" in json.dumps(step) for step in steps)
