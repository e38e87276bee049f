"""What a plugin imported from 0.1.0 is still there, with a warning that says where it is now."""

import importlib
import subprocess
import sys
import warnings

import pytest

import crosscade.framework
from crosscade.framework.former import GONE, RENAMED
from tests.test_floors import without_torch

PACKAGES = {
    "bundle": {"Bundle", "load"},
    "catalogue": {"Catalogue"},
    "data": {"Dataset", "Domain", "Image", "ImageSet"},
    "recipe": {"Recipe"},
}
STILL = {
    "contracts": {"AdversarialLoss", "Encoder", "Exporter", "Loss", "TranslatorPair", "freeze", "l1", "parameters_of"},
    "errors": {"CrosscadeError", "InputError", "RunError", "did_you_mean"},
    "spec": {"DIRECTIONS", "ImageSpec", "LevelSpec", "Pair", "PyramidSpec"},
    "testing": {"check_dataset", "check_encoder", "check_inverter", "check_loss", "check_translator"},
    "views": {"InversionView", "RefineView", "TranslationView"},
}


@pytest.mark.parametrize(("module", "name"), [(m, n) for m, names in (GONE | PACKAGES).items() for n in sorted(names)])
def test_an_old_path_gives_what_the_door_gives_and_says_so(module, name):
    old = importlib.import_module(f"crosscade.framework.{module}")
    today = RENAMED.get(name, name)
    says = rf"framework\.{module} is .*: from crosscade\.framework import {today}$"
    with pytest.warns(DeprecationWarning, match=says):
        assert getattr(old, name) is getattr(crosscade.framework, today)


@pytest.mark.parametrize("module", STILL)
def test_what_did_not_move_warns_of_nothing(module):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert STILL[module] <= vars(importlib.import_module(f"crosscade.framework.{module}")).keys()


@pytest.mark.parametrize("module", GONE | PACKAGES)
def test_a_name_that_an_old_path_never_had_is_an_ordinary_error(module):
    path = f"crosscade.framework.{module}"
    with pytest.raises(AttributeError, match=f"module '{path}' has no attribute 'nothing'"):
        _ = importlib.import_module(path).nothing
    with pytest.raises(ImportError, match="cannot import name 'nothing'"):
        exec(f"from {path} import nothing")


def test_every_form_of_import_works_and_the_warning_names_the_importers_line():
    code = (
        "import crosscade.framework.offers\nimport crosscade.framework.scores as scores\n"
        "from crosscade.framework import hooks\ncrosscade.framework.offers.option, scores.Score, hooks.hookimpl\n"
        "from crosscade.framework.data import Dataset\nfrom crosscade.framework.data import dataset\n"
    )
    done = subprocess.run([sys.executable, "-W", "default", "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stderr.splitlines() if "DeprecationWarning" in line]
    assert [line.partition(" ")[0] for line in lines] == [*["<string>:4:"] * 3, "<string>:5:"]


def test_old_paths_need_no_torch():
    done = without_torch("from crosscade.framework.offers import EncoderOffer\nimport crosscade.framework.store")
    assert done.returncode == 0, done.stderr
