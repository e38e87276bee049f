"""Bad folders, bad pictures, edited runs and full disks get one line and nothing is lost."""

import copy
import errno
import json
import os
import shutil
import subprocess

import pytest
from safetensors import SafetensorError

from tests.cli_tools import MAIN, picture, read_answer
from tests.framework.tiny import TABLE

# data and folders


def test_folders_that_are_missing_or_empty(train, tmp_path):
    (tmp_path / "empty").mkdir()
    picture(tmp_path / "b" / "x.png", 0)
    answer = train("--a", "empty", "--b", "b")
    assert answer.code == 2
    assert answer.error.startswith("empty @ $.data: found an empty folder; expected at least one picture")
    answer = train("--a", "nowhere", "--b", "b")
    assert answer.code == 2, "the first mistake must not make the second try fail on a folder that is not empty"
    assert answer.error.startswith("folder a = 'nowhere' @ $.data: found nothing there; expected a folder of pictures")


def test_one_picture_is_a_domain_and_a_bad_one_is_named_and_set_aside(train, tmp_path):
    picture(tmp_path / "one" / "only.png", 0)
    for seed in range(3):
        picture(tmp_path / 'a "quoted" é' / f"{seed}.png", seed)
    (tmp_path / 'a "quoted" é' / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no more of it")
    fast = [f"--set={part}.schedule.images=2" for part in ("invert[0]", "translate[0]", "translate[1]", "refine")]
    answer = train("--a", "one", "--b", 'a "quoted" é', *fast)
    assert answer.code == 0, answer.error
    assert [v for v in answer.others if "broken.jpg" in v and v.startswith("warning: ")]
    assert [v for v in answer.others if "one: one picture only, used for training and for tests" in v]
    assert answer.output.strip() == "run/bundle"


def test_a_folder_that_is_not_empty_is_kept(train, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "precious.txt").write_text("mine")
    answer = train()
    assert answer.code == 2
    assert answer.error == (
        "run: found a folder that is not empty, and not a run; expected an empty or new one. Give another."
    )
    assert train("--resume").error == answer.error
    assert train("--force").error == answer.error
    assert [p.name for p in (tmp_path / "run").iterdir()] == ["precious.txt"]


@pytest.mark.parametrize("command", ["train", "demo"])
def test_force_never_clears_what_holds_the_pictures_or_where_one_is(train, crosscade, tmp_path, command):
    picture(tmp_path / "photos" / "a" / "x.png", 0)
    picture(tmp_path / "photos" / "b" / "x.png", 1)
    answer = crosscade(
        "train", "--recipe", "tiny.json", "--a", "photos/a", "--b", "photos/b", "--out", "photos", "--force"
    )
    assert answer.code == 2
    assert answer.error.startswith("photos: found a folder that is not empty, and not a run")
    assert crosscade(command, "--recipe", "tiny.json", "--out", ".", "--force").code == 2
    assert (tmp_path / "photos" / "a" / "x.png").exists()
    assert (tmp_path / "tiny.json").exists()


@pytest.mark.parametrize(("file", "text"), [("run.json", "{"), ("run.json", "[]"), ("recipe.json", "nonsense")])
def test_a_run_whose_state_was_edited(train, whole, tmp_path, file, text):
    run = tmp_path / "run"
    run.mkdir()
    for name in ("run.json", "recipe.json"):
        shutil.copy(whole / name, run / name)
    (run / file).write_text(text)
    answer = train("--resume")
    assert answer.code == 2
    assert answer.error.startswith(f"run/{file}: found ")


@pytest.mark.parametrize(("name", "data"), [("x.toml", b"\xff\xfe"), ("x.json", b"[1]"), ("x.toml", b"a = ")])
def test_a_file_that_is_no_recipe(crosscade, tmp_path, name, data):
    (tmp_path / name).write_bytes(data)
    answer = crosscade("train", "--recipe", name, "--out", "run")
    assert answer.code == 2
    assert answer.error.startswith(f"recipe '{name}': found ")


# a full disk


def full(*_, **__):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def full_in_rust(*_):
    raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")


@pytest.mark.parametrize(
    ("where", "raising"),
    [
        ("os.posix_fallocate", full),  # the store
        ("os.fsync", full),  # any file but a picture
        ("crosscade.framework.support.tensor_files.save_file", full_in_rust),
        ("pathlib.Path.write_bytes", full),  # pictures too
    ],
)
def test_a_full_disk_is_named_wherever_it_strikes(train, monkeypatch, where, raising):
    monkeypatch.setattr(where, raising)
    answer = train("--set", "training.checkpoint_seconds=1e-9")
    assert answer.code == 1
    assert "run" in answer.error
    assert ": found disk full (" in answer.error
    assert answer.error.endswith("Free some space, then go on (a run: with --resume).")


def test_a_disk_that_really_is_full(tmp_path, monkeypatch):
    """On a file system of 3 MB: the store does not fit. Then it does, and the run goes on."""
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "none", str(small)], capture_output=True)
    if mounted.returncode:
        pytest.skip(f"no small file system can be mounted here: {mounted.stderr.decode().strip()}")
    try:
        table = copy.deepcopy(TABLE) | {"image": {"size": 64, "crops": 20}}
        table["invert"] = [{**TABLE["invert"][0], "level": 5, "losses": [{"use": "image-reconstruction"}]}]
        table["translate"] = [{**TABLE["translate"][0], "losses": [{"use": "identity"}]}]
        table.pop("refine")
        recipe = tmp_path / "tiny.json"
        recipe.write_text(json.dumps(table))
        words = [*MAIN, "train", "--recipe", str(recipe), "--out", str(small / "run")]
        done = subprocess.run(words, capture_output=True, text=True, timeout=240)
        answer = read_answer(done.returncode, done.stdout, done.stderr)
        assert answer.code == 1, done.stderr
        assert "found disk full (" in answer.error
        subprocess.run(["mount", "-o", "remount,size=100m", str(small)], check=True)
        done = subprocess.run([*words, "--resume"], capture_output=True, text=True, timeout=240)
        assert done.returncode == 0, done.stderr
    finally:
        subprocess.run(["umount", str(small)], check=True)
