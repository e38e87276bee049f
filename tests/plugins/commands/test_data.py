"""`crosscade data` writes whole files into a folder that may be written to, and nothing else."""

from __future__ import annotations

import csv
import json
from argparse import ArgumentParser
from pathlib import Path

import numpy as np
import pytest

from crosscade.framework import Catalogue, InputError, read_rgb
from crosscade.plugins.commands import data as data_command
from crosscade.plugins.datasets import folder
from crosscade.plugins.datasets.safari import dataset as safari
from crosscade.plugins.datasets.safari.dataset import SafariSet

CATALOGUE = Catalogue.of(safari, folder, data_command)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CROSSCADE_CACHE", str(tmp_path / "cache"))


def crosscade_data(*words: str) -> int:
    offer = CATALOGUE.get("command", "data")
    parser = ArgumentParser()
    offer.arguments(parser)
    return int(offer.build(parser.parse_args(words), CATALOGUE))


SMALL = ("--set", "train=3", "--set", "test=2", "--size", "32")


def test_writes_folders_truth_and_a_summary(tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert crosscade_data("safari:elephant,zebra+giraffe-texture", "--out", str(out), *SMALL) == 0
    assert sorted(p.name for p in out.iterdir()) == ["dataset.json", "testA", "testB", "trainA", "trainB"]
    images = SafariSet("elephant", "train", 3, 0)
    rows = list(csv.DictReader((out / "trainA" / "truth.csv").open()))
    assert len(rows) == 3
    assert len(list((out / "trainA").glob("*.png"))) == 3
    for i, row in enumerate(rows):
        assert np.array_equal(read_rgb(out / "trainA" / row["file"]), images.load(i, 32))
        assert row["species"] == "elephant"
        assert float(row["torso_x"]) == pytest.approx(float(images.truth["torso_x"][i]), abs=1e-4)
    summary = json.loads((out / "dataset.json").read_text())
    assert summary["domains"] == ["elephant", "zebra+giraffe-texture"]
    assert summary["images"] == {"trainA": 3, "trainB": 3, "testA": 2, "testB": 2}


def test_what_it_writes_can_be_read_as_a_folder_dataset(tmp_path: Path) -> None:
    crosscade_data("safari", "--out", str(tmp_path / "one"), *SMALL)
    crosscade_data("folder", "--set", f"root={tmp_path / 'one'}", "--out", str(tmp_path / "two"), "--size", "16")
    assert sorted(p.name for p in (tmp_path / "two" / "trainB").iterdir()) == sorted(
        p.name for p in (tmp_path / "one" / "trainB").glob("*.png")
    )


def test_what_it_wrote_it_replaces_when_forced_and_nothing_else(tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert crosscade_data("safari", "--out", str(out), *SMALL) == 0
    with pytest.raises(InputError, match=r"not empty.*--force"):
        crosscade_data("safari", "--out", str(out), *SMALL)
    (out / "trainA" / "mine.png").write_text("keep")
    with pytest.raises(InputError, match=r"trainA/mine\.png"):
        crosscade_data("safari", "--out", str(out), "--force", *SMALL)
    assert (out / "trainA" / "mine.png").read_text() == "keep"
    (out / "trainA" / "mine.png").unlink()
    assert crosscade_data("safari", "--out", str(out), "--force", *SMALL) == 0
    with pytest.raises(InputError, match="a file"):
        crosscade_data("safari", "--out", str(out / "dataset.json"), *SMALL)


def test_never_writes_over_its_own_source(tmp_path: Path) -> None:
    crosscade_data("safari", "--out", str(tmp_path / "one"), *SMALL)
    for out in ("one", "one/inner", "."):
        with pytest.raises(InputError, match="overlaps"):
            crosscade_data("folder", "--set", f"root={tmp_path / 'one'}", "--out", str(tmp_path / out), "--force")
    assert len(list((tmp_path / "one" / "trainA").glob("*.png"))) == 3


def test_interrupted_it_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = SafariSet.load

    def load(self: SafariSet, index: int, short_side: int) -> object:
        if self.name.startswith("giraffe"):
            raise KeyboardInterrupt
        return real(self, index, short_side)

    monkeypatch.setattr(SafariSet, "load", load)
    with pytest.raises(KeyboardInterrupt):
        crosscade_data("safari", "--out", str(tmp_path / "out"), *SMALL)
    assert not list(tmp_path.iterdir())


def test_wrong_input_is_explained(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="did you mean 'safari'"):
        crosscade_data("safri", "--out", str(tmp_path / "out"))
    with pytest.raises(InputError, match="tain"):
        crosscade_data("safari", "--set", "tain=3", "--out", str(tmp_path / "out"))
    with pytest.raises(InputError, match="--size"):
        crosscade_data("safari", "--size", "2", "--out", str(tmp_path / "out"))
    assert not (tmp_path / "out").exists()
