"""What a folder of pictures holds: one answer for every command."""

import os

import pytest

from crosscade.framework.data.contents import Contents, summary


@pytest.fixture
def folder(tmp_path):
    out = tmp_path / "pictures"
    for name in ("b.png", "a", "deep/c.HEIC", ".thumbs/x.png", "._b.png", "notes.txt"):
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).touch()
    return out


def names(contents, folder):
    return [path.relative_to(folder).as_posix() for path in contents.files]


def test_regular_files_that_are_neither_hidden_nor_beside_pictures(folder):
    contents = Contents.of(folder)
    assert names(contents, folder) == ["a", "b.png", "deep/c.HEIC"]
    assert contents.left_out == []


def test_links_are_followed_and_loops_noticed(folder, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "d.png").touch()
    (folder / "0-rest").symlink_to(tmp_path / "elsewhere")
    (folder / "deep" / "round").symlink_to(folder)
    (folder / "0-twice").symlink_to(folder / "deep")
    (folder / "gone.png").symlink_to(tmp_path / "nowhere")
    (folder / "linked.png").symlink_to(folder / "b.png")
    contents = Contents.of(folder)
    assert names(contents, folder) == ["0-rest/d.png", "a", "b.png", "deep/c.HEIC", "linked.png"]
    assert {path.name: reason for path, reason in contents.left_out} == {
        "round": "a link to a folder that is here already",
        "0-twice": "a link to a folder that is here already",
        "gone.png": "No such file or directory",
    }
    assert {path.name for path in contents.folders} == {"pictures", "elsewhere", "deep"}


def test_what_is_no_file_or_may_not_be_read_is_said(folder, monkeypatch):
    os.mkfifo(folder / "pipe.png")
    listdir = os.listdir

    def locked(path):
        if path.name == "deep":
            raise PermissionError(13, "Permission denied")
        return listdir(path)

    monkeypatch.setattr(os, "listdir", locked)
    contents = Contents.of(folder)
    assert names(contents, folder) == ["a", "b.png"]
    assert {path.name: reason for path, reason in contents.left_out} == {
        "pipe.png": "no regular file",
        "deep": "Permission denied",
    }


def test_many_files_of_one_reason_are_one_line_and_their_names_in_a_file(tmp_path, monkeypatch):
    monkeypatch.setenv("CROSSCADE_CACHE", str(tmp_path / "cache"))
    said = [f"in/{n}.HEIC: no picture" for n in range(300)] + ["in/x.jpg: damaged", "one: one picture only"]
    many, *others = summary(said)
    assert many.startswith("300 .heic files: no picture (0.HEIC, …; all are in ")
    assert others == said[-2:]
    assert len((tmp_path / "cache" / "left-out").glob("*.txt").__next__().read_text().splitlines()) == 300
