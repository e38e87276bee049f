"""No command that writes removes or overwrites a file that it did not make, with --force or without."""

import json
import os
import shutil
import subprocess
import sys
import tarfile

import pytest

from crosscade.framework.catalogue.catalogue import Catalogue
from crosscade.framework.runs.folder import FORMAT
from tests.cli_tools import picture
from tests.exporters import tiny_export
from tests.framework.tiny import TABLE

FAST = ("--minutes", "0.01")
COMMANDS = {
    "train": ("train", "--recipe", "tiny.json", "--out"),
    "demo": ("demo", "--recipe", "tiny.json", *FAST, "--out"),
    "compare": ("compare", "--methods", "tiny.json", "--images", "8", "--out"),
    "ablate": ("ablate", "--recipe", "tiny.json", "--vary", "training.clip_sigma=3", "--images", "8", "--out"),
    "export": ("export", "bundle", "--out"),
    "export --triton": ("export", "bundle", "--direction", "a2b", "--triton"),
    "translate": ("translate", "bundle", "one.png", "--out"),
    "run": ("run", "exported", "one.png", "--out"),
    "run of shards": ("run", "exported", "in.tar", "--out"),
    "bulk": ("bulk", "exported", "in.tar", "--out"),
    "export --web": ("export", "exported", "--web"),
    "pull": ("pull", "hf://somebody/something", "--out"),
    "data": ("data", "safari", "--set", "train=2", "--set", "test=2", "--size", "16", "--out"),
    "evaluate": ("evaluate", "bundle", "--out"),
    "report": ("report", "run", "--out"),
    "doctor": ("doctor", "--recipe", "tiny.json", "--out"),
}
CLEARED = ("train", "demo", "compare", "ablate", "export", "data")
AMONG_OTHERS = ("translate", "run", "run of shards", "bulk")
"""With --force they write beside what else is there."""
FORCED = (*CLEARED, *AMONG_OTHERS, "export --triton", "export --web")
WRITES_NOTHING = {"app", "completion", "describe", "forecast", "plugins", "push"}
MARKS = ("run.json", "run/run.json", "protocol.json", "manifest.json", "dataset.json", "results.json", "results.csv")
NAMES = (
    *MARKS, "index.html", "scores.json", "scores.md", "table.md", "one.png", "trainA/one.png", "runs/tiny-0/run.json",
    "strips/a2b.png", "zebra-to-giraffe/config.pbtxt", "zebra-to-giraffe/1/model.onnx", "lock", "recipe.json",
    "in.tar", "page.json", "model/manifest.json", "app.json",
)  # fmt: skip


@pytest.fixture
def place(crosscade, bundle, whole, tmp_path_factory, tmp_path):
    """An empty folder but for what commands read."""
    (tmp_path / "tiny.json").write_text(json.dumps(TABLE))
    picture(tmp_path / "one.png", 0)
    with tarfile.open(tmp_path / "in.tar", "w") as shard:
        shard.add(tmp_path / "one.png", "one.png")
    (tmp_path / "run").symlink_to(whole)
    (tmp_path / "exported").symlink_to(tiny_export.write(tmp_path_factory.mktemp("export") / "tiny.onnx"))
    return tmp_path


def files(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_every_command_is_walked():
    offered = {e.offer.name for e in Catalogue.discover().of_kind("command") if e.provider == "crosscade"}
    assert offered == {words[0] for words in COMMANDS.values()} | WRITES_NOTHING


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("command", COMMANDS)
def test_somebody_elses_folder_keeps_every_file(crosscade, place, command, force):
    theirs = place / "theirs"
    for name in NAMES:
        (theirs / name).parent.mkdir(parents=True, exist_ok=True)
        (theirs / name).write_text(f"my own {name}")
    before = files(theirs)
    target = "theirs/index.html" if command == "report" else "theirs"
    answer = crosscade(*COMMANDS[command], target, *(["--force"] if force and command in FORCED else []))
    assert {name: data for name, data in files(theirs).items() if name in before} == before
    assert answer.code or command == "doctor"
    if command not in AMONG_OTHERS:
        assert files(theirs) == before, "nor is anything put beside them"


@pytest.mark.parametrize("command", CLEARED)
def test_ones_own_folder_with_something_of_others_is_not_cleared(crosscade, place, whole, command):
    out = place / "out"
    made = {
        "train": {"run.json": {"format": FORMAT}},
        "demo": {"run/run.json": {"format": FORMAT}},
        "compare": {"protocol.json": {"format": "crosscade.compare/1"}},
        "ablate": {"protocol.json": {"format": "crosscade.ablate/1"}},
        "export": {"manifest.json": {"format": "crosscade.onnx/2", "files": {}}},
        "data": {"dataset.json": {"format": "crosscade.data/1", "files": {"trainA": ["x.png"]}}},
    }[command]
    for name, table in made.items():
        (out / name).parent.mkdir(parents=True)
        (out / name).write_text(json.dumps(table))
    (out / "samples").mkdir()
    (out / "samples" / "notes.txt").write_text("mine")
    before = files(out)
    answer = crosscade(*COMMANDS[command], "out", "--force")
    assert answer.code == 2
    assert "samples/notes.txt" in answer.error
    assert files(out) == before


def test_a_bundle_is_not_exported_over_itself_or_the_runs_beside_it(crosscade, place, whole):
    shutil.copytree(whole, place / "runs" / "one")
    before = files(place / "runs")
    for out in ("runs", "runs/one", "runs/one/bundle"):
        assert crosscade("export", "runs/one", "--out", out, "--force").code == 2
    assert crosscade("report", "runs/one", "--out", "runs/one/bundle/bundle.json").code == 2
    assert files(place / "runs") == before


def test_a_folder_in_use_is_neither_read_nor_cleared(crosscade, place, whole):
    """The other's run would die: its last checkpoint's half would be removed, or all of it."""
    shutil.copytree(whole, place / "busy")
    (place / "busy" / ".checkpoint.0badcafe.part").write_text("being written")
    code = "import sys; from crosscade.framework.support.folders import *; held = alone(Path('busy')); held.__enter__()"
    holding = [sys.executable, "-c", f"{code}; print(flush=True); sys.stdin.read()"]
    other = subprocess.Popen(holding, cwd=place, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    other.stdout.readline()
    before = files(place / "busy")
    for how in ("--force", "--resume"):
        answer = crosscade("train", "--recipe", "tiny.json", "--out", "busy", how)
        assert (answer.code, "another process at work" in answer.error) == (2, True), answer
    assert "another process at work" in crosscade("evaluate", "bundle", "--out", "busy").error
    assert files(place / "busy") == before
    other.communicate(b"")


def test_what_a_killed_export_left_in_a_run_blocks_nothing(crosscade, place, whole):
    run = place / "again"
    shutil.copytree(whole, run)
    for left in (".x.onnx-1a2b3c4d.part/made", ".x.onnx.1a2b3c4d.part/made"):
        (run / left).mkdir(parents=True)
        (run / left / "a2b.onnx").touch()
    assert crosscade("train", "--out", "again", "--resume").code == 0
    assert crosscade("export", "again", "--out", "again/x.onnx", "--direction", "a2b").code == 0
    assert not (run / ".x.onnx.1a2b3c4d.part").exists()
    assert crosscade("export", "again", "--out", "again/x.onnx", "--direction", "a2b").code == 2
    assert crosscade("export", "again", "--out", "again/x.onnx", "--direction", "a2b", "--force").code == 0
    assert sorted(os.listdir(run / "x.onnx")) == ["a2b.onnx", "golden", "manifest.json"]


def test_results_beside_or_over_the_pictures_are_refused(crosscade, place):
    picture(place / "p" / "x.png", 0)
    before = files(place / "p")
    for command in (("translate", "bundle"), ("run", "exported")):
        for out in ("p", "p/made", "."):
            answer = crosscade(*command, "p", "--out", out, "--force")
            assert answer.code == 2
            assert "overlaps" in answer.error
    for command in ("train", "compare", "demo"):
        words = [w for w in COMMANDS[command] if w != "--out"]
        answer = crosscade(*words, "--a", "p", "--b", "run/samples", "--out", "p/made")
        assert (answer.code, "overlaps" in answer.error) == (2, True), answer
    assert files(place / "p") == before
