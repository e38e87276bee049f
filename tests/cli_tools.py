"""How the tests of the command line run a command and read its answer."""

import json
import shutil
import sys

import numpy as np
import pytest
from attrs import frozen
from PIL import Image

from crosscade.exporters.runtime import command
from crosscade.framework import read_rgb
from crosscade.framework.cli import main
from tests.framework.tiny import TABLE

MAIN = [sys.executable, "-m", "crosscade.framework.cli"]
MAIN = [sys.executable, "-m", "crosscade.framework.cli"]


@frozen
class Answer:
    """What a command did."""

    code: int
    error: str
    """The one line that begins with `crosscade: `, without that."""
    others: list[str]
    """The other lines on stderr: progress and warnings."""
    output: str


def read_answer(code: int, out: str, err: str) -> Answer:
    assert "Traceback" not in err
    lines = err.splitlines()
    errors = [line for line in lines if line.startswith("crosscade: ")]
    assert len(errors) == (1 if code and not any("could not be read" in v for v in lines) else 0), err
    error = errors[0].removeprefix("crosscade: ") if errors else ""
    return Answer(code, error, [v for v in lines if v not in errors], out)


@pytest.fixture
def crosscade(capsys, tmp_path, monkeypatch):
    """Runs a command in this process, in an empty folder, with a cache of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CROSSCADE_CACHE", str(tmp_path.parent / f"{tmp_path.name}-cache"))
    monkeypatch.setattr(command, "SPEED_SECONDS", 0.1)  # a speed is not what tests look at

    def run(*words: object) -> Answer:
        capsys.readouterr()
        code = main([str(w) for w in words])
        return read_answer(code, *capsys.readouterr())

    return run


@pytest.fixture
def train(crosscade, tmp_path):
    """`crosscade train` of the tiny recipe with more arguments."""
    (tmp_path / "tiny.json").write_text(json.dumps(TABLE))
    return lambda *words: crosscade("train", "--recipe", "tiny.json", "--out", "run", *words)


@pytest.fixture
def bundle(whole, tmp_path):
    """A copy of a trained bundle."""
    return shutil.copytree(whole / "bundle", tmp_path / "bundle")


@pytest.fixture
def translate(crosscade, bundle, tmp_path):
    """`crosscade translate` of one picture with it."""
    picture(tmp_path / "one.png", 0)
    return lambda *words: crosscade("translate", *(words or ("bundle", "one.png")), "--out", "made")


def picture(path, seed, size=72):
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.random.default_rng(seed).integers(0, 255, (size, size, 3), dtype=np.uint8)
    Image.fromarray(values).save(path)


def made(folder):
    """The PNGs in a folder by their names there."""
    return {path.relative_to(folder).as_posix(): read_rgb(path) for path in sorted(folder.rglob("*.png"))}
