"""The check for a machine with a GPU, on one without: its parts run, and what it finds is kept whatever happens."""

import json
import subprocess
import sys

import pytest
import torch

from crosscade.framework.support.device import Compute
from crosscade.framework.testing import FakeGpu
from tests.gpu import check, parts
from tests.gpu.asked import At
from tests.gpu.check import PARTS, ROOT, found


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Files of the parts, some of which need those of others."""
    return tmp_path_factory.mktemp("check")


@pytest.mark.parametrize("name", PARTS)
def test_each_part_runs_on_a_cpu(name, folder):
    said = found(name, At("cpu", folder, quick=True))
    if name in ("graphs", "photographs"):
        assert said == {"state": "not here", "why": {"graphs": "for a CUDA GPU"}.get(name, "no --photographs")}
    else:
        assert (said["state"], said.get("why")) == ("right", None)
        assert said["found"]


def test_the_losses_of_both_devices_are_drawn_alike_and_a_difference_is_found(folder, monkeypatch):
    terms = parts._terms

    def off(recipe, compute, place):
        numbers = terms(recipe, compute, place)
        wrong = compute.device.type == "cuda" and compute.precision == "float32"
        return {
            key: value * (1.001 if wrong and "gradient of networks" in key else 1) for key, value in numbers.items()
        }

    with FakeGpu() as gpu:
        monkeypatch.setattr(Compute, "chosen", lambda _, precision, *__, **___: Compute(gpu.device, 1, precision))
        at = At("cuda", folder, quick=True)
        said = parts.losses(at)
        assert said["recipes"]["cyclegan"]["float32"]["largest"] == 0
        assert 0 < said["recipes"]["cyclegan"]["bfloat16"]["largest"] < 0.05
        assert not said["wrong"]
        monkeypatch.setattr(parts, "_terms", off)
        (wrong,) = parts.losses(at)["wrong"]
    assert wrong == "cyclegan, float32: 1-translate-level0 gradient of networks is 0.001 off, allowed 1e-05"


def test_what_is_found_is_in_the_file_after_each_part(tmp_path):
    report, seen = tmp_path / "found.json", []
    write = check._write
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(check, "_write", lambda path, all_: write(path, all_) or seen.append(list(all_["parts"])))
        code = check.main(["--device", "cpu", "--quick", "--parts", "versions,processes", "--json", str(report)])
    assert code == 0
    assert seen == [["versions"], ["versions", "processes"]]
    read = json.loads(report.read_text())
    assert [part["state"] for part in read["parts"].values()] == ["right", "right"]
    assert read["parts"]["versions"]["found"]["torch"] == torch.__version__


def test_a_part_over_its_time_is_ended_and_the_next_still_has_its_turn(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(check, "QUICK_SECONDS", 1.1)
    report = tmp_path / "found.json"
    code = check.main(["--device", "cpu", "--quick", "--parts", "resume,losses", "--json", str(report)])
    assert code == 1
    ended = json.loads(report.read_text())["parts"]
    assert [part["state"] for part in ended.values()] == ["no time", "no time"]
    assert "wrong: resume, losses" in capsys.readouterr().out


def test_what_a_part_had_found_when_its_time_was_up_is_kept(tmp_path):
    at = At("cpu", tmp_path, answer=tmp_path / "answer.json")
    at.keep({"demo": 1})
    assert json.loads(at.answer.read_text()) == {"state": "no time", "found": {"demo": 1}}


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_it_says_so(tmp_path):
    said = found("versions", At("cuda", tmp_path))
    assert said["state"] == "wrong"
    assert f"no CUDA GPU for PyTorch {torch.__version__} here" in said["why"]
    for name in ("losses", "resume", "speed", "graphs", "processes"):
        said = found(name, At("cuda", tmp_path))
        assert said["state"] == "not here"
        assert "cuda" in said["why"].lower()


def test_with_python_alone_it_says_what_is_missing(tmp_path):
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "bare")], check=True)
    command = [str(tmp_path / "bare/bin/python"), "-m", "tests.gpu.check", "--device", "cpu", "--parts", "versions"]
    done = subprocess.run([*command, "--json", str(tmp_path / "found.json")], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    part = json.loads((tmp_path / "found.json").read_text())["parts"]["versions"]
    assert (part["state"], part["why"]) == ("not here", "no module torch: pip install -e '.[train]'")


def test_a_checkout_that_is_not_installed_is_found(tmp_path, monkeypatch):
    monkeypatch.setattr(check.importlib.util, "find_spec", lambda name: None)
    place = check._path(tmp_path).split(":")[0]
    code = "import crosscade.framework as f; print(f.__file__)"
    done = subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": place}, capture_output=True, text=True)
    assert done.stdout.strip() == f"{place}/crosscade/framework/__init__.py"
