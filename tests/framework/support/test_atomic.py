"""Files are written wholly or not at all."""

import errno

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


def test_a_full_disk_is_named(tmp_path):
    def full(part):
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(RunError, match=r"disk full .*--resume") as caught:
        atomic.write(tmp_path / "x", full)
    assert caught.value.exit_code == 1


def test_a_full_folder_is_refused_unless_forced(tmp_path):
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(InputError, match=r"not empty.*--force"):
        atomic.empty_folder(tmp_path, force=False)
    assert (tmp_path / "mine.txt").exists()
    atomic.empty_folder(tmp_path, force=True)
    assert not list(tmp_path.iterdir())


def test_a_folder_is_held_by_one_process_at_a_time(tmp_path):
    with atomic.alone(tmp_path), pytest.raises(InputError, match="another process at work"), atomic.alone(tmp_path):
        pass
    with atomic.alone(tmp_path):
        pass
