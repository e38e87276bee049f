"""Files are written wholly or not at all."""

import errno

import pytest

from crosscade.framework import RunError
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
