"""A command's folder is held by one process, and cleared only where nothing of others is lost."""

import json
import os
import subprocess
import sys
from functools import partial

import pytest

from crosscade.framework import InputError
from crosscade.framework.support import folders
from crosscade.framework.support.folders import Held, Kind, check, is_new, paths_in, refuse_overlap

KIND = Kind("a thing", "thing.json", ("thing/1",), lambda table: ["parts/*.bin", *table["files"]])


def thing(folder, **files):
    """A folder of the kind, with more files in it."""
    (folder / "parts").mkdir(parents=True)
    (folder / "parts" / "1.bin").touch()
    (folder / "thing.json").write_text(json.dumps({"format": "thing/1", "files": ["own.txt"]}))
    for name, text in {"own.txt": "", **files}.items():
        (folder / name).write_text(text)
    return folder


def held(folder, **how):
    return Held(folder, partial(check, folder, KIND, hint="Use --force.", **how))


def fill(folder):
    assert is_new(folder)
    (folder / "thing.json").write_text('{"format": "thing/1", "files": []}')


def names(folder):
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*"))


def test_a_new_folder_is_filled_where_it_is_and_leaves_nothing_when_nothing_was(tmp_path):
    out = tmp_path / "deep" / "out"
    with held(out):
        assert is_new(out)
    assert not list(tmp_path.iterdir())
    with held(out) as it:
        it.begin(fill)
    assert names(tmp_path / "deep") == ["out", "out/thing.json"]


def test_what_is_replaced_goes_last(tmp_path):
    out = thing(tmp_path / "out")
    with held(out, force=True) as it:
        with pytest.raises(ZeroDivisionError):
            it.begin(lambda folder: 1 / 0)
        assert (out / "parts" / "1.bin").exists()
        it.begin(lambda folder: (fill(folder), (out / "parts" / "1.bin").read_bytes()))
        with pytest.raises(InputError, match="another process at work"), held(out, force=True):
            pass
    assert names(tmp_path) == ["out", "out/thing.json"]


@pytest.mark.parametrize("how", [{}, {"force": True}, {"resume": True}])
@pytest.mark.parametrize(
    "mark", [None, "", "[1]", '{"format": "npm"}', '{"format": "thing/1", "files": 3}', "[" * 9999]
)
def test_a_folder_without_the_mark_is_somebody_elses(tmp_path, how, mark):
    (tmp_path / "letter.txt").write_text("dear")
    (tmp_path / "lock").write_text("smith")
    if mark is not None and not how.get("resume"):
        (tmp_path / "thing.json").write_text(mark)
    before = names(tmp_path)
    with pytest.raises(InputError, match="not empty, and not a thing"), held(tmp_path, **how):
        pass
    assert names(tmp_path) == before


def test_one_with_something_of_others_is_gone_on_with_but_not_cleared(tmp_path):
    out = thing(tmp_path / "out", **{"thesis.txt": "mine"})
    (tmp_path / "elsewhere").mkdir()
    (out / "linked").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError, match=r"what is not of a thing: linked, thesis\.txt"), held(out, force=True):
        pass
    with pytest.raises(InputError, match=r"not empty.*--force"), held(out):
        pass
    with held(out, resume=True):
        pass
    assert (out / "thesis.txt").read_text() == "mine"


def test_what_is_read_is_never_cleared(tmp_path, monkeypatch):
    out = thing(tmp_path / "out")
    for read in (out / "own.txt", out, tmp_path):
        with held(out, force=True) as it, pytest.raises(InputError, match="overlaps"):
            it.begin(fill, [read])
    monkeypatch.chdir(out / "parts")
    with held(out, force=True) as it, pytest.raises(InputError, match="holds"):
        it.begin(fill)
    with pytest.raises(InputError, match="overlaps"):
        refuse_overlap(tmp_path / "new", [tmp_path])
    assert (out / "parts" / "1.bin").exists()


def test_a_link_to_the_folder_stays_one(tmp_path):
    out = thing(tmp_path / "real")
    (tmp_path / "out").symlink_to(out)
    with held(tmp_path / "out", force=True) as it:
        it.begin(fill)
    assert (tmp_path / "out").is_symlink()
    assert names(tmp_path) == ["out", "real", "real/thing.json"]


KILLED = """
import os, sys, pathlib
from functools import partial
from crosscade.framework.support.folders import Held
def fill(folder):
    (folder / "half").touch()
    print("now", flush=True)
    sys.stdin.read() if sys.argv[2] == "wait" else os.kill(os.getpid(), 9)
with Held(pathlib.Path(sys.argv[1]), lambda: None) as held:
    held.replace(fill)
"""


def test_a_killed_process_blocks_nobody_and_a_living_one_is_left_alone(tmp_path):
    out = tmp_path / "out"
    subprocess.run([sys.executable, "-c", KILLED, str(out), "die"], check=False, stdout=subprocess.DEVNULL)
    assert len(list(tmp_path.glob(".out.*.part"))) == 1
    command = [sys.executable, "-c", KILLED, str(out), "wait"]
    living = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    living.stdout.readline()
    assert len(list(tmp_path.glob(".out.*.part"))) == 1, "the killed one's is cleared"
    with pytest.raises(InputError, match="another process"), held(out):
        pass
    folders._clear_killed(out)
    assert len(list(tmp_path.glob(".out.*.part/made/half"))) == 1
    living.communicate(b"")
    assert names(tmp_path) == ["out", "out/half"]


BETWEEN = """
import os, pathlib, sys
from crosscade.framework.support.folders import Held
def fill(folder):
    (folder / "new").touch()
rename = pathlib.Path.rename
def renamed(self, target):
    if sys.argv[2] == "first" or self.name == "made":
        rename(self, target)
        os.kill(os.getpid(), 9)
    rename(self, target)
pathlib.Path.rename = renamed
with Held(pathlib.Path(sys.argv[1]), lambda: None) as held:
    held.replace(fill)
"""


@pytest.mark.parametrize(("killed", "there"), [("first", "old"), ("second", "new")])
def test_a_kill_between_two_renames_loses_nothing_and_leaves_nothing(tmp_path, killed, there):
    """Before the second the old folder is the only one: the next command takes it back. After it, it is removed."""
    out = tmp_path / "out"
    out.mkdir()
    (out / "old").touch()
    subprocess.run([sys.executable, "-c", BETWEEN, str(out), killed], check=False)
    assert out.exists() == (killed == "second")
    assert len(list(tmp_path.glob(".out.*.old"))) == 1
    with folders.Held(out, lambda: None) as held:
        assert (out / there).exists()
        held.replace(fill)
    assert names(tmp_path) == ["out", "out/thing.json"]


def test_what_somebody_elses_folder_took_the_place_of_is_kept(tmp_path):
    """A folder that was made meanwhile is not what the killed process would have put there."""
    out = tmp_path / "out"
    out.mkdir()
    (out / "old").touch()
    subprocess.run([sys.executable, "-c", BETWEEN, str(out), "first"], check=False)
    out.mkdir()
    with folders.Held(out, lambda: None) as held:
        held.replace(fill)
    assert [path.name for path in tmp_path.glob(".out.*.old/old")] == ["old"]


def test_paths_in_a_recipe_are_found(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.mkdir("zebra")
    (tmp_path / "file").touch()
    found = paths_in({"a": "zebra", "b": ["./zebra", {"c": "file"}], "d": 3, "e": "no/such"})
    assert [str(p) for p in found] == ["zebra", "file"]
