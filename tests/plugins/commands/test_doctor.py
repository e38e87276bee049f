"""Each thing that can be wrong with images has its line, which says what to do."""

from pathlib import Path

import pytest
from PIL import Image

from crosscade.framework import Reporter
from crosscade.plugins.commands.doctor.images import examine
from crosscade.plugins.datasets.folder import FolderDataset, FolderOptions
from tests.framework.tiny import tiny_recipe
from tests.plugins.commands.test_doctor_look import scene


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CROSSCADE_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two sound domains: 12 images each to train with, 10 to test with."""
    for k, (name, count) in enumerate({"trainA": 12, "trainB": 12, "testA": 10, "testB": 10}.items()):
        (tmp_path / name).mkdir()
        for n in range(count):
            scene(1000 * k + n).save(tmp_path / name / f"{n:02d}.png")
    return tmp_path


def lines(root: Path, *settings: str) -> dict:
    """The lines of the images in `root`, by what was looked at."""
    found = examine(FolderDataset(FolderOptions(root=str(root))), tiny_recipe(*settings), Reporter(quiet=True))
    return {f"sizes {line.found[0]}" if line.what == "sizes" else line.what: line for line in found}


def marks(found: dict) -> dict[str, str]:
    return {what: line.mark for what, line in found.items() if line.mark != "ok"}


def test_sound_images_are_only_few(root):
    found = lines(root)
    assert marks(found) == {"images": "warning"}
    assert found["images"].text == (
        "A 12 train, 10 test | B 12 train, 10 test; expected at least 100 of each to train with. "
        "Add images; the paper had about 1,500 of each."
    )
    assert found["sizes A"].text == (
        "A: short side 90 / 90 / 90 px, aspect 1.33 / 1.33 / 1.33 (min/median/max); RGB 22"
    )
    assert found["train | test"].text == "no test image has a copy in training"


def test_fewer_than_a_batch_cannot_train(root):
    found = lines(root, "translate[1].schedule.batch=13")["images"]
    assert found.mark == "problem"
    assert found.expected == "at least 13 to train with, the recipe's largest batch"


def test_too_few_to_judge(root):
    (root / "testB" / "00.png").unlink()
    found = lines(root)["images"]
    assert (found.mark, found.expected) == ("warning", "at least 10 in each set")


def test_unequal_domains(root):
    for n in range(40):
        scene(9000 + n).save(root / "trainB" / f"more{n}.png")
    found = lines(root)["balance"]
    assert (found.mark, found.found) == ("warning", "B has 4.3 times as many training images as A")
    assert found.cure.startswith("Add images of A")


def test_files_that_cannot_be_read(root):
    (root / "trainA" / "broken.png").write_bytes((root / "trainA" / "00.png").read_bytes()[:900])
    (root / "trainB" / "none.jpg").write_text("no picture")
    found = lines(root)["set aside"]
    assert found.mark == "warning"
    assert found.found.startswith("2: broken.png: a damaged file")
    assert "none.jpg: no picture" in found.found


def test_images_that_must_be_enlarged_and_such_as_no_square_shows(root):
    scene(5000, 50, 40).save(root / "trainA" / "tiny.png")
    for n in range(4):
        scene(6000 + n, 400, 100).save(root / "testB" / f"long{n}.png")
    found = lines(root)
    assert found["sizes A"].mark == "warning"
    assert "short side 40 / 90 / 90 px" in found["sizes A"].text
    assert "; 1 smaller than they are trained at; expected at least image.size = 64" in found["sizes A"].text
    assert found["sizes B"].mark == "warning"
    assert "15% very long; expected an aspect of at most 2" in found["sizes B"].text


def test_copies_in_the_tests_are_named(root):
    Image.open(root / "trainA" / "03.png").save(root / "testA" / "saved.jpg")
    (root / "testB" / "same.png").write_bytes((root / "trainB" / "07.png").read_bytes())
    found = lines(root)["train | test"]
    assert found.mark == "warning"
    assert found.found == (
        "1 exact and 1 near copies of training images in the tests: saved.jpg = 03.png, same.png = 07.png"
    )


def test_copies_in_training_are_counted(root):
    (root / "trainA" / "again.png").write_bytes((root / "trainA" / "03.png").read_bytes())
    found = lines(root)["copies"]
    assert (found.mark, found.found) == ("warning", "A 2 of 13 | B 0 of 12 have a copy in training")


def test_one_domain_given_twice(root):
    for file in (root / "trainA").iterdir():
        (root / "trainB" / file.name).write_bytes(file.read_bytes())
    found = lines(root)["domains"]
    assert (found.mark, found.expected) == ("problem", "two domains; this is A twice")
    assert found.found.startswith("12 pictures in both: 00.png = 00.png")
    scene(1).save(root / "trainB" / "00.png")
    for n in range(3, 12):
        scene(7000 + n).save(root / "trainB" / f"{n:02d}.png")
    assert lines(root)["domains"].mark == "warning", "two of twelve"


def test_near_constant_images(root):
    grey = Image.new("RGB", (100, 80), (120, 120, 121))
    grey.save(root / "trainA" / "grey.png")
    found = lines(root)["near-constant"]
    assert found.mark == "warning"
    assert found.found == "1 (grey levels at 17 x 17 deviate by less than 3): grey.png"
    for n in range(12):
        grey.save(root / "trainA" / f"more{n}.png")
    found = lines(root)["near-constant"]
    assert (found.mark, found.expected) == ("problem", "pictures; most of A show nothing")
