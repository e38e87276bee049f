"""Files are written wholly or not at all."""

import errno
import os

import pytest

from crosscade.framework import InputError, RunError
from crosscade.framework.support import atomic


def test_a_failed_write_leaves_the_old_file_and_no_litter(tmp_path):
    target = tmp_path / "kept.txt"
    target.write_text("old")

    def fail(part):
        part.write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        atomic.write(target, fail)
    assert target.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["kept.txt"]


def test_two_writers_of_a_file_do_not_meet_and_what_a_kill_left_is_cleared(tmp_path):
    target, parts = tmp_path / f"{'long' * 60}.txt", []

    def write_twice(part):
        parts.append(part)
        part.write_text("outer")
        if len(parts) == 1:
            atomic.write(target, write_twice)

    atomic.write(target, write_twice)
    assert len(set(parts)) == 2
    assert {part.parent for part in parts} == {tmp_path}
    assert target.read_text() == "outer"
    for left in (parts[0], tmp_path / "a-train" / ".level5.part.npy"):
        left.parent.mkdir(exist_ok=True)
        left.write_text("half")
    atomic.clear_parts(tmp_path)
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == [target]


def test_only_what_writes_of_these_files_left_is_cleared(tmp_path):
    long, left = tmp_path / f"{'long' * 60}.txt", []
    for name in ("a.png", long.name, "b.png"):
        with pytest.raises(KeyboardInterrupt):
            atomic.write(tmp_path / name, lambda part: left.append(part) or stop())
    for part in left:
        part.write_text("half")  # a kill, unlike Ctrl-C, leaves it
    others = [tmp_path / ".a.png.part", tmp_path / ".a.png", tmp_path / ".notes.0123abcd.part"]
    for path in others:
        path.write_text("mine")
    atomic.clear_parts_of([tmp_path / "a.png", long, tmp_path / "absent" / "c.png"])
    assert sorted(tmp_path.iterdir()) == sorted([left[2], *others])


def stop():
    raise KeyboardInterrupt


def test_a_file_may_be_read_by_whom_the_users_mask_lets(tmp_path):
    plain = tmp_path / "plain"
    plain.touch()
    atomic.write_json(tmp_path / "made.json", {})
    assert (tmp_path / "made.json").stat().st_mode == plain.stat().st_mode


def test_a_full_disk_is_named(tmp_path):
    def full(part):
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(RunError, match=r"disk full .*--resume") as caught:
        atomic.write(tmp_path / "x", full)
    assert caught.value.exit_code == 1


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("[" * 100_000, "brackets without end"),
        ('{"a": ' + "[" * 60 + "]" * 60 + "}", "more than 50 brackets"),
        ('{"a": ' + "1" * 5_000 + "}", "not JSON"),
        ("[1]", r"\[1\]"),
        ("{", "not JSON"),
    ],
)
def test_json_that_is_none_of_ours(tmp_path, text, found):
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(InputError, match=found):
        atomic.read_json(tmp_path / "x.json", "a state")


def test_only_regular_files_of_a_bounded_size_are_read(tmp_path):
    with (tmp_path / "sparse.json").open("wb") as file:
        file.truncate(8 << 30)
    (tmp_path / "folder.json").mkdir()
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.json")
    for name, found in (
        ("sparse.json", "8589934592 bytes; expected a state, of at most 67108864"),
        ("folder.json", "no regular file"),
        ("pipe.json", "no regular file" if hasattr(os, "mkfifo") else "no such file"),
        ("gone.json", "no such file"),
        ("/dev/zero", "no regular file" if os.name != "nt" else "no such file"),
    ):
        with pytest.raises(InputError, match=found):
            atomic.read_json(tmp_path / name, "a state")


def test_a_sealed_file_that_was_changed_is_refused(tmp_path):
    file = tmp_path / "x.json"
    atomic.write_json(file, {"step": 7, "of": {5: [1.5, None]}}, sealed=True)
    assert atomic.read_json(file, "a state") == {"step": 7, "of": {"5": [1.5, None]}}
    file.write_text(file.read_text().replace("7", "8", 1))
    with pytest.raises(InputError, match=r"x\.json: found changed since it was written; expected a state"):
        atomic.read_json(file, "a state")
