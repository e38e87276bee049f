"""Which pictures a command reads, and what its results are called."""

import numpy as np
import pytest

from crosscade.framework import InputError, Reporter
from crosscade.framework.data.files import free_name, image_files, results_folder, translate_files


def test_folders_give_the_images_in_them_and_files_are_taken_as_they_are(tmp_path):
    for name in ("in/b.PNG", "in/deeper/a.jpg", "in/notes.txt", "data.bin"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = image_files([str(tmp_path / "data.bin"), str(tmp_path / "in")])
    assert [path.name for path in found] == ["data.bin", "b.PNG", "a.jpg"]


def test_a_name_without_images_is_refused(tmp_path):
    for name, reason in ((str(tmp_path), "no images"), (str(tmp_path / "x"), "no such file")):
        with pytest.raises(InputError, match=reason):
            image_files([name])


def test_a_taken_name_is_numbered_whatever_its_case():
    taken: set[str] = set()
    assert [free_name(stem, taken) for stem in ("a", "A", "a", "b", "a-2")] == ["a", "A-2", "a-3", "b", "a-2-2"]


def test_results_go_into_an_empty_folder_or_are_forced(tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x.png").touch()
    for name in ("full", "full/x.png"):
        with pytest.raises(InputError, match="found a"):
            results_folder(str(tmp_path / name), force=False)
    assert results_folder(str(tmp_path / "full"), force=True) == tmp_path / "full"
    assert not results_folder(str(tmp_path / "new"), force=False).exists()


def test_what_can_be_read_is_translated_in_batches_by_its_place_among_all(tmp_path):
    def read(path):
        if path.stem == "bad":
            raise InputError(str(path), found="noise")
        return path.stem

    def translated(places, pictures):
        asked.append((places, pictures))
        return [{"": np.zeros((8, 8, 3), np.uint8), "-x": np.ones((8, 8, 3), np.uint8)} for _ in pictures]

    asked: list[object] = []
    files = [tmp_path / name for name in ("a.jpg", "bad.jpg", "deeper/a.jpg", "b.jpg")]
    report = Reporter(quiet=True)
    assert translate_files(files, tmp_path, report, read, translated, stage="test", batch=3) == 1
    assert asked == [([0, 2], ["a", "a"]), ([3], ["b"])]
    assert len(report.warnings) == 1
    made = {path.name for path in tmp_path.glob("*.png")}
    assert made == {"a.png", "a-x.png", "a-2.png", "a-x-2.png", "b.png", "b-x.png"}
    assert translate_files(files[3:], tmp_path, report, read, translated, stage="test") == 0
    with pytest.raises(InputError, match="none that can be read"):
        translate_files(files[1:2], tmp_path, report, read, translated, stage="test")
