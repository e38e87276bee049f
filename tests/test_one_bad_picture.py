"""One bad picture among 300 costs itself alone, and its name is said, in every command that reads pictures."""

import csv
import json

import pytest

from crosscade.evaluation.opening import open_translator
from crosscade.framework import Catalogue
from tests.campaign.subjects import PIXELS
from tests.cli_tools import picture

COUNT = 300
BAD = "broken-among-them.png"
DATA = ("--a", "day", "--b", "night")


@pytest.fixture
def pictures(tmp_path):
    """Two folders of small pictures; one of the first is cut short."""
    for number, folder in enumerate(DATA[1::2]):
        for k in range(COUNT):
            picture(tmp_path / folder / f"{k:03d}.png", COUNT * number + k, size=20)
    bad = tmp_path / "day" / BAD
    bad.write_bytes((tmp_path / "day" / "007.png").read_bytes()[:300])
    return tmp_path


def test_it_costs_itself_alone(crosscade, pictures):
    server = pytest.importorskip("tests.evaluation.app.asking", reason="needs crosscade[app]")

    def named(answer):
        return any(BAD in line for line in answer.others) or BAD in answer.output

    answer = crosscade("train", *PIXELS, *DATA, "--out", "run")
    assert (answer.code, named(answer)) == (0, True), answer
    state = json.loads((pictures / "run" / "run.json").read_text())
    assert state["done"]

    answer = crosscade("doctor", *PIXELS, *DATA)
    assert (answer.code, named(answer)) == (0, True), answer
    assert crosscade("export", "run", *DATA, "--direction", "a2b", "--out", "export").code == 0

    for command, made in (("translate", "run"), ("run", "export")):
        answer = crosscade(
            command, made, "day", "--out", f"by-{command}", *(["--device", "cpu"] if made == "export" else [])
        )
        assert (answer.code, named(answer)) == (1, True), answer
        assert len(list((pictures / f"by-{command}").glob("*.png"))) == COUNT
        with (pictures / f"by-{command}" / "results.csv").open() as file:
            rows = {row["source"]: row for row in csv.DictReader(file)}
        assert len(rows) == COUNT + 1
        assert "damaged" in rows[f"day/{BAD}"]["reason"]

    answer = crosscade("evaluate", "run", *DATA, "--metrics", "diversity", "--out", "judged")
    assert (answer.code, named(answer)) == (0, True), answer
    words = ("--methods", "run/recipe.json", *DATA, "--images", "12", "--out", "compared")
    answer = crosscade("compare", *words)
    assert (answer.code, named(answer)) == (0, True), answer

    with server.running(open_translator("run", Catalogue.discover(), device="cpu")) as ask:
        status, _, body = ask(body=(pictures / "day" / BAD).read_bytes())
        assert (status, b"damaged" in body) == (400, True), body
        assert ask()[0] == 200
