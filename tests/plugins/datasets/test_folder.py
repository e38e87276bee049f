"""Your own pictures: every file is looked at before training, and a bad one is named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from crosscade.framework import InputError, write_png
from crosscade.framework.testing import check_dataset
from crosscade.plugins.datasets import folder
from crosscade.plugins.datasets.folder import FileSet, FolderDataset, FolderOptions


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CROSSCADE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def fill(path: Path, count: int, seed: int = 0) -> Path:
    rng = np.random.default_rng(seed)
    for i in range(count):
        write_png(path / f"{i:03d}.png", rng.integers(0, 256, (20 + i % 3, 24, 3), dtype=np.uint8))
    return path


def names(images: object) -> set[str]:
    assert isinstance(images, FileSet)
    return {path.name for path in images.paths}


def test_two_folders(tmp_path: Path) -> None:
    a, b = fill(tmp_path / "cats", 40), fill(tmp_path / "dogs" / "deep", 30, 1).parent
    (a / "notes.txt").write_text("no picture")
    (a / ".hidden.png").write_bytes(b"")
    dataset = FolderDataset(FolderOptions(a=str(a), b=str(b)))
    check_dataset(dataset)
    assert [d.name for d in dataset.domains] == ["cats", "dogs"]
    assert [len(d.train) + len(d.test) for d in dataset.domains] == [40, 30]
    assert dataset.set_aside == ()
    assert not names(dataset.domains.a.train) & names(dataset.domains.a.test)
    assert dataset.domains.a.train.label(0).endswith(".png")
    assert dataset.domains.a.train.load(0, 16).shape[:2] in ((16, 19), (16, 18), (16, 17))


def test_a_root_with_four_folders_and_names(tmp_path: Path) -> None:
    for i, name in enumerate(("trainA", "trainB", "testA", "testB")):
        fill(tmp_path / name, 3 + i, i)
    dataset = FolderDataset(FolderOptions(root=str(tmp_path), a="horse"))
    check_dataset(dataset)
    assert [(d.name, len(d.train), len(d.test)) for d in dataset.domains] == [("horse", 3, 5), ("B", 4, 6)]


def test_folders_with_train_and_test_inside(tmp_path: Path) -> None:
    for name in ("x/cat/train", "x/cat/test", "x/dog"):
        fill(tmp_path / name, 5, len(name))
    dataset = FolderDataset(FolderOptions(a=str(tmp_path / "x/cat"), b=str(tmp_path / "x/dog")))
    assert [(d.name, len(d.train) + len(d.test)) for d in dataset.domains] == [("cat", 10), ("dog", 5)]
    assert len(dataset.domains.a.test) == 5


def test_the_hold_out_stays_when_files_come(tmp_path: Path) -> None:
    a, b = fill(tmp_path / "a", 60), fill(tmp_path / "b", 9, 1)
    options = FolderOptions(a=str(a), b=str(b), test_share=0.25)
    before = FolderDataset(options).domains.a
    assert 5 <= len(before.test) <= 25
    rng = np.random.default_rng(9)
    for i in range(100, 140):
        write_png(a / f"{i}.png", rng.integers(0, 256, (20, 20, 3), dtype=np.uint8))
    (a / "000.png").rename(a / "zzz.png")
    after = FolderDataset(options).domains.a
    assert names(before.train) - {"000.png"} <= names(after.train)
    assert names(before.test) - {"000.png"} <= names(after.test)
    (a / "copy.png").write_bytes((a / "030.png").read_bytes())
    again = FolderDataset(options).domains.a
    assert ("copy.png" in names(again.test)) == ("030.png" in names(again.test))


def test_bad_files_are_named_and_set_aside(tmp_path: Path) -> None:
    a, b = fill(tmp_path / "a", 5), fill(tmp_path / "b", 5, 1)
    (a / "cut.png").write_bytes((a / "000.png").read_bytes()[:300])
    (a / "page.jpg").write_text("<html>")
    (a / "photo.heic").write_bytes(b"\0\0\0\x18ftypheic")
    (a / "noext").write_bytes((b / "000.png").read_bytes())
    write_png(a / "thread.png", np.zeros((2, 400, 3), np.uint8))
    dataset = FolderDataset(FolderOptions(a=str(a), b=str(b)))
    aside = {Path(line.split(": ")[0]).name: line for line in dataset.set_aside}
    assert set(aside) == {"cut.png", "page.jpg", "photo.heic", "thread.png"}
    assert "damaged" in aside["cut.png"]
    assert "known format" in aside["page.jpg"]
    assert "too narrow" in aside["thread.png"]
    assert all("\n" not in line for line in dataset.set_aside)
    assert len(dataset.domains.a.train) + len(dataset.domains.a.test) == 6  # the one without a suffix too
    for images in (dataset.domains.a.train, dataset.domains.a.test):
        for i in range(len(images)):
            images.load(i, 8)


def test_what_was_examined_is_remembered_until_it_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = fill(tmp_path / "a", 5), fill(tmp_path / "b", 5, 1)
    options = FolderOptions(a=str(a), b=str(b))
    first = FolderDataset(options).domains.a
    looked: list[str] = []
    real = folder.verify
    monkeypatch.setattr(folder, "verify", lambda path: (looked.append(path.name), real(path))[1])
    assert names(FolderDataset(options).domains.a.test) == names(first.test)
    assert looked == []
    (a / "001.png").write_bytes(b"broken")
    dataset = FolderDataset(options)
    assert looked == ["001.png"]
    assert len(dataset.set_aside) == 1
    monkeypatch.setenv("CROSSCADE_CACHE", str(a / "002.png"))  # cannot be a folder
    assert len(FolderDataset(options).set_aside) == 1


def test_one_picture_is_enough_and_said(tmp_path: Path) -> None:
    a, b = fill(tmp_path / "a", 1), fill(tmp_path / "b", 2, 1)
    dataset = FolderDataset(FolderOptions(a=str(a), b=str(b)))
    check_dataset(dataset)
    assert names(dataset.domains.a.train) == names(dataset.domains.a.test) == {"000.png"}
    assert (len(dataset.domains.b.train), len(dataset.domains.b.test)) == (1, 1)
    assert len(dataset.set_aside) == 1
    assert "one picture only" in dataset.set_aside[0]


def test_equal_names_are_told_apart_by_the_parents(tmp_path: Path) -> None:
    a, b = fill(tmp_path / "cat" / "images", 2), fill(tmp_path / "dog" / "images", 2, 1)
    assert [d.name for d in FolderDataset(FolderOptions(a=str(a), b=str(b))).domains] == ["cat", "dog"]


def test_what_cannot_be_used_is_explained(tmp_path: Path) -> None:
    a, b = fill(tmp_path / "a", 2), fill(tmp_path / "b", 2, 1)
    (tmp_path / "empty").mkdir()
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "x.png").write_bytes(b"?")
    fill(a / "inner", 1)
    for wrong, text in (
        ({"a": str(a)}, "no folder for b"),
        ({"a": str(a), "b": str(tmp_path / "none")}, "nothing there"),
        ({"a": str(a), "b": str(a / "000.png")}, "a file"),
        ({"a": str(a), "b": str(a)}, "one within the other"),
        ({"a": str(a), "b": str(a / "inner")}, "one within the other"),
        ({"a": str(tmp_path / "empty"), "b": str(b)}, "an empty folder"),
        ({"a": str(tmp_path / "bad"), "b": str(b)}, "no usable picture .*x.png"),
        ({"root": str(tmp_path)}, "trainA"),
    ):
        with pytest.raises(InputError, match=text):
            FolderDataset(FolderOptions(**wrong))


@pytest.mark.parametrize(("top", "said"), [(4095, 3), (65535, 0)])
def test_twelve_bits_in_sixteen_are_said_at_the_start(tmp_path, top, said):
    for n in range(3):
        values = np.random.default_rng(n).integers(0, top + 1, (40, 40)).astype(np.uint16)
        (tmp_path / "deep").mkdir(exist_ok=True)
        Image.fromarray(values).save(tmp_path / "deep" / f"{n}.png")
    found, lines = folder.examine(tmp_path / "deep")
    assert len(found) == 3
    assert len([line for line in lines if "nearly black" in line]) == said
