"""What the doctor says of disk, time and memory is what a training takes."""

import shutil

import pytest
import torch

from crosscade.framework import Catalogue, Reporter
from crosscade.framework.features import arrays as array_files
from crosscade.framework.features import prepare
from crosscade.framework.setup import Setup
from crosscade.framework.support.device import Compute
from crosscade.plugins.commands.doctor import measure as doctor_measure
from crosscade.plugins.commands.doctor.measure import Rehearsal, disk, expected_time, idle, measure, memory
from tests.framework.tiny import tiny_recipe

CPU = Compute(torch.device("cpu"), 1, "float32")
CATALOGUE = Catalogue.discover()


def parts(*settings: str):
    """A recipe, its dataset and its encoder."""
    recipe = tiny_recipe(*settings)
    return recipe, CATALOGUE.build("dataset", recipe.data), Setup.of(recipe, CATALOGUE, CPU).encoder


def arrays(folder) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*.npy*"))


def test_room_is_what_the_stores_of_a_run_take(whole):
    recipe, dataset, encoder = parts()
    assert prepare.room(recipe, encoder, dataset)[0] == arrays(whole / "store")


def test_room_on_the_way_is_the_most_that_lay_there(tmp_path, monkeypatch):
    recipe, dataset, encoder = parts("data.test=1")
    held = [0]
    original = array_files.new_array

    def watched(path, *rest):
        made = original(path, *rest)
        held.append(arrays(tmp_path))
        return made

    monkeypatch.setattr(array_files, "new_array", watched)
    prepare.training_data(Setup(recipe, CATALOGUE, encoder, CPU), dataset, tmp_path, lambda _: None)
    whole, peak = prepare.room(recipe, encoder, dataset)
    assert peak == max(held) > whole


def test_disk_is_compared_with_what_is_free(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(2000, 1000, 1000))
    there = tmp_path / "not" / "made"
    assert disk(500, 800, there).mark == "ok"
    assert disk(500, 900, there).mark == "warning"
    full = disk(900, 1001, there)
    assert full.mark == "problem"
    assert full.found == f"stores of 900 bytes, 1.0 kB while they are made; 1.0 kB free in {tmp_path}"


def test_a_rehearsal_measures_every_stage_and_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    recipe, dataset, _ = parts()
    sized, lines = measure(recipe, CATALOGUE, dataset, tmp_path, Reporter(quiet=True))
    assert sized.image.size == 64
    found = {line.what: line for line in lines}
    assert list(found) == ["recipe", "disk", "time", "memory"]
    assert {line.mark for line in lines} == {"ok"}
    assert found["recipe"].found == "efficientnet-lite0, levels 4, 5, every stage took its steps"
    assert all(f"{part} " in found["time"].found for part in ("encode", "invert", "translate", "refine"))
    assert "(1 thread, float32)" in found["time"].found
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("device", "gpus", "said"), [("auto", 4, True), ("cuda:0", 4, False), ("cuda", 1, False)])
def test_gpus_that_one_process_leaves_idle_are_told_of(monkeypatch, device, gpus, said):
    monkeypatch.setattr(doctor_measure, "available", lambda: ["cpu", *(f"cuda:{n}" for n in range(gpus))])
    command = "torchrun --standalone --nproc-per-node 4 --no-python crosscade train …"
    expected = [f"one of 4; this uses all: {command}"] if said else []
    assert [line.text for line in idle(device)] == expected


def test_time_grows_with_the_images(tmp_path):
    recipe, dataset, encoder = parts()
    longer = tiny_recipe("data.train=600", "translate[0].schedule.images=8000")
    many = CATALOGUE.get("dataset", "safari").build(longer.data.options)
    reporter = Reporter(quiet=True)
    short, long = (
        doctor_measure.rehearsed(Setup(r, CATALOGUE, encoder, CPU), d, tmp_path, reporter).seconds
        for r, d in ((recipe, dataset), (longer, many))
    )
    assert long["encode"] > 5 * short["encode"]
    assert long["translate"] > 20 * short["translate"]
    assert long["invert"] < 10 * short["invert"]


@pytest.mark.parametrize(
    ("setting", "found", "cure"),
    [
        ("image.size=72", "a size that level 5", "Use 64, which all"),
        ("image.load=40", "40", "Leave it out"),
        ("encoder.weights=/nowhere/weights.pth", "no file at", "weights = PATH"),
        ("invert[0].losses=[]", "nothing to start from", "Give it losses"),
    ],
)
def test_a_recipe_that_cannot_be_built_is_a_line(tmp_path, setting, found, cure):
    recipe = tiny_recipe(setting)
    dataset = CATALOGUE.get("dataset", "safari").build(recipe.data.options)
    _, lines = measure(recipe, CATALOGUE, dataset, tmp_path, Reporter(quiet=True))
    assert (lines[0].mark, lines[0].what) == ("problem", "recipe")
    assert found in lines[0].found
    assert cure in lines[0].cure


def test_a_stage_that_fails_in_its_steps_is_a_line(tmp_path, monkeypatch):
    def broken(*_):
        raise RuntimeError("cannot allocate memory\nat some place")

    monkeypatch.setattr(doctor_measure.TimeBudget, "measured", broken)
    recipe, dataset, _ = parts()
    _, lines = measure(recipe, CATALOGUE, dataset, tmp_path, Reporter(quiet=True))
    assert (lines[0].mark, lines[0].found) == ("problem", "RuntimeError: cannot allocate memory")
    assert lines[1].what == "disk"


def test_a_day_is_long_and_memory_must_be_there():
    short = Rehearsal({"encode": 50.0, "invert": 600.0}, 2_000_000_000, "1 thread, float32")
    assert expected_time(short).text == "about 10.8 min: encode 50 s, invert 10.0 min (1 thread, float32)"
    long = expected_time(Rehearsal({"translate": 3e5}, None, ""))
    assert long.mark == "warning"
    assert long.found.startswith("about 3.5 days")
    assert "--minutes" in long.cure
    assert [line.mark for line in memory(short, 3_000_000_000, CPU.device)] == ["ok"]
    scarce = memory(short, 1_000_000_000, CPU.device)[0]
    assert (scarce.mark, scarce.found) == ("problem", "2.0 GB at most in the rehearsal, 1.0 GB available")
    assert "not measured" in memory(Rehearsal({}, None, ""), None, CPU.device)[0].found


def test_this_machine_tells_its_memory():
    assert doctor_measure.peak_memory() > 50_000_000
    free = doctor_measure.available_memory()
    assert free is None or free > 50_000_000
