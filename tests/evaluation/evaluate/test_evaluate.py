"""`crosscade evaluate`: an export alone is judged as a bundle is, and the page says what the JSON says."""

import json
import re

import numpy as np
import pytest
from attrs import evolve

from crosscade.evaluation.evaluate import demo, subjects
from crosscade.evaluation.evaluate.judged import judge, rows_of
from crosscade.evaluation.reports.table import read_tables
from crosscade.evaluation.reports.table import shown as in_words
from crosscade.exporters.safety import manifest
from crosscade.framework import Pair, Translation, write_png
from crosscade.framework.bundle import bundle as bundles
from crosscade.plugins.datasets.safari.dataset import Safari, SafariOptions
from tests.evaluation.plain import Plain
from tests.exporters import tiny_export

COUNT = 12
COUNTED = ("tiny", "--data", "folder:day,night", "--out", "out", "--whole")
CHEAP = ("diversity", "nearest-training", "sharpness")


@pytest.fixture
def here(crosscade, tmp_path):
    """An export `tiny` of 16 pixels with taps, and folders `day` and `night` of as large pictures."""
    tiny_export.write(tmp_path / "tiny", taps=True)
    for k, name in enumerate(("day", "night")):
        for j, part in enumerate(("train", "test")):
            for n, image in enumerate(tiny_export.pictures(COUNT, seed=2 * k + j)):
                write_png(tmp_path / name / part / f"{n}.png", image // (1 + k))
    return tmp_path


def evaluate(crosscade, *words):
    return crosscade("evaluate", *words, "--metrics", ",".join(CHEAP))


def numbers_on(page):
    """The text of every table's cells, by table and score."""
    tables = []
    for table in re.findall(r"<table>.*?</table>", page, re.S):
        rows = re.findall(r'<tr><th scope="row">([\w-]+).*?</th>(.*?)</tr>', table, re.S)
        tables.append({name: re.findall(r"<td[^>]*>([^<]*)</td>", cells) for name, cells in rows})
    return tables


def test_an_export_alone_gets_a_table_and_a_page_whose_numbers_are_the_json(crosscade, here):
    answer = evaluate(crosscade, "tiny", "--data", "folder:day,night", "--out", "out")
    assert answer.code == 0, answer.error
    assert not any("made for" in line for line in answer.others)
    assert (here / "out" / "scores.md").read_text() in answer.output
    scores = json.loads((here / "out" / "scores.json").read_text())
    page = (here / "out" / "index.html").read_text()
    assert list(scores) == ["a2b", "b2a"]
    for table, shown in zip(read_tables(here / "out" / "scores.json"), numbers_on(page), strict=True):
        assert list(table.rows) == ["ONNX fp32", "untranslated source", "real target"]
        assert shown.keys() == {*CHEAP, "copies"}
        for name, cells in shown.items():
            assert cells == [in_words(row[name]) for row in table.rows.values()]
    memorised = scores["a2b"]["rows"]["ONNX fp32"]["nearest-training"]["value"]
    assert f"over mean of the real images: {memorised:.2f}." in page
    columns, neighbours, pictures = 2 + len(tiny_export.LEVELS), 5, min(COUNT, 8)
    assert page.count("data:image/png;base64,") == 2 * (columns * COUNT + neighbours * pictures)
    assert page.count("data:image/svg+xml;base64,") == 2 * 2, "t-SNE and memorisation, both directions"
    assert not re.search(r"(src|href)=[\"']https?:", page)
    for said in ("of method tiny in fp32", "16 px, centre crops of images loaded at 18 px", "level 3", "crosscade "):
        assert said in page


def test_sheets_show_the_first_images_and_take_a_count(crosscade, here):
    words = ("tiny", "--data", "folder:day,night", "--out", "out")
    answer = evaluate(crosscade, *words, "--whole", "9, 3")
    assert answer.code == 0, answer.error
    assert all((here / "out" / "sheets" / f"{way}.png").exists() for way in ("a2b", "b2a"))
    scores = json.loads((here / "out" / "scores.json").read_text())
    for way, count in (("a2b", 9), ("b2a", 3)):
        whole = scores[way]["rows"]["ONNX fp32"]["whole"]
        assert whole["value"] == count / COUNT
        assert f"sheets/{way}.png" in whole["protocol"]
        assert "whole" not in scores[way]["rows"]["real target"]
    assert ">whole" in (here / "out" / "index.html").read_text().replace("\u00a0", " ")
    assert evaluate(crosscade, *words).code == 0, "its own sheets are written over"
    write_png(here / "out" / "sheets" / "mine.png", np.zeros((8, 8, 3), np.uint8))
    answer = evaluate(crosscade, *words)
    assert answer.code == 2
    assert "mine.png: found no sheet of crosscade's" in answer.error


def test_what_it_was_trained_on_is_asked_for_or_read_from_the_manifest(crosscade, here):
    answer = evaluate(crosscade, "tiny")
    assert answer.code == 2
    assert answer.error.startswith(
        "tiny: found no word of what it was trained on (day and night); expected --data NAME[:A,B]."
    )
    told = evolve(manifest.read(here / "tiny"), data={"use": "folder", "a": "day", "b": "night"}, load=16)
    manifest.write(here / "tiny", told)
    answer = evaluate(crosscade, "tiny", "--out", "out")
    assert answer.code == 0, answer.error
    assert "loaded at 16 px" in (here / "out" / "index.html").read_text()


def test_test_images_that_are_training_images_are_counted_and_nothing_is_held_against_them(crosscade, here):
    for n in range(COUNT):
        (here / "night" / "test" / f"{n}.png").write_bytes((here / "night" / "train" / f"{n}.png").read_bytes())
    (here / "day" / "test" / "0.png").write_bytes((here / "day" / "train" / "3.png").read_bytes())
    answer = evaluate(crosscade, "tiny", "--data", "folder:day,night", "--out", "out")
    said = "1 of 12 day and 12 of 12 night test images are training images"
    assert f"- ! {said}" in answer.output
    assert said in (here / "out" / "index.html").read_text()
    there, back = read_tables(here / "out" / "scores.json")
    assert all(line.startswith(said) for table in (there, back) for line in table.flags)
    assert "for real target test images" in there.rows["ONNX fp32"]["nearest-training"].absent
    assert "are training images themselves" in there.rows["ONNX fp32"]["copies"].absent
    assert back.rows["ONNX fp32"]["nearest-training"].value > 0
    assert answer.code == 1, "a score that was asked for has no value"


def test_domains_the_wrong_way_round_are_pointed_out(crosscade, here):
    answer = evaluate(crosscade, "tiny", "--data", "folder:night,day")
    assert "judged on night and day, but made for day and night" in " ".join(answer.others)


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["nowhere"], "nowhere: found no such folder; expected a bundle, a finished run, or an export"),
        (["day"], "day: found no bundle.json; expected a bundle, a finished run, or an export with manifest.json"),
        (["tiny", "--exported", "other"], "other: found an export of another bundle; expected one of the same bundle"),
        (["tiny", "--data", "folder:day,noon"], "folder b = 'noon' @ $.data: found nothing there"),
        (["tiny", "--all"], "--metrics: found --all as well"),
        (["tiny", "--whole", "3"], "--whole: found no --out; expected it"),
        ([*COUNTED, "3"], "--whole: found '3'; expected one whole number for each of a2b, b2a"),
        ([*COUNTED, "3,13"], "--whole: found 13; expected at most 12, the images of a sheet"),
    ],
)
def test_what_cannot_be_judged_is_said_in_a_line(crosscade, here, words, line):
    tiny_export.write(here / "other")
    told = evolve(manifest.read(here / "other"), bundle_sha256="1" * 64)
    manifest.write(here / "other", told)
    answer = evaluate(crosscade, *words)
    assert answer.code == 2
    assert answer.error.startswith(line)


def test_two_exports_of_one_precision_keep_rows_of_their_own(crosscade, here):
    tiny_export.write(here / "again")
    answer = evaluate(crosscade, "tiny", "--exported", "again", "--data", "folder:day,night", "--out", "out")
    assert answer.code == 0, answer.error
    rows = json.loads((here / "out" / "scores.json").read_text())["a2b"]["rows"]
    assert list(rows)[:2] == ["ONNX fp32", "ONNX fp32, again"]
    assert rows["ONNX fp32"] == rows["ONNX fp32, again"]


class Negative(Plain):
    """Stands for an export of the trained run: its pictures are negatives."""

    size, load, domains = 64, 72, Pair("zebra", "giraffe")

    def run(self, direction, images, styles, batch, *, previews):
        return [255 - images]


@pytest.fixture(scope="module")
def trained(whole):
    return bundles.load(whole)


@pytest.fixture(scope="module")
def dataset():
    return Safari(SafariOptions(train=COUNT, test=COUNT))


@pytest.fixture(scope="module")
def export():
    return "ONNX fp32", Negative()


@pytest.fixture(scope="module")
def beside(trained, dataset, export):
    """The trained run, judged with the export beside it."""
    cascade, *controls = rows_of(Translation(trained, batch=50))
    return judge([cascade, export, *controls], dataset, trained.catalogue, metrics=CHEAP)


def test_an_export_has_the_scores_alone_that_it_has_beside_its_bundle(trained, dataset, export, beside):
    alone = judge([export], dataset, trained.catalogue, metrics=CHEAP)
    for one, other in zip(beside, alone, strict=True):
        assert one.title == other.title
        for row in ("ONNX fp32", "untranslated source", "real target"):
            assert one.table.rows[row] == other.table.rows[row]
        assert list(one.table.rows)[:4] == ["cascade", "ONNX fp32", "without refine", "no translator"]
        np.testing.assert_array_equal(other.strip[-1], 255 - one.strip[0])
        np.testing.assert_array_equal(one.samples.translated, one.candidates["cascade"])


def test_a_page_says_which_scores_are_over_what_was_trained_through(trained, beside):
    told = subjects.about(Translation(trained), beside, "crosscade evaluate", ())
    assert "trained through efficientnet-lite0" in " ".join(told.protocol)


def test_the_demos_page_shows_neighbours_memorisation_and_deep_features_too(trained, whole, beside, tmp_path):
    page = demo.write_page(tmp_path, whole, trained, beside)[0].read_text()
    for direction in ("zebra → giraffe", "giraffe → zebra"):
        for what in ("nearest training images", "memorised?", "deepest features"):
            assert f"{direction}: {what}" in page
    assert "channel means of efficientnet-lite0&#39;s level 5" in page, "the bundle's own encoder"
    assert json.loads((tmp_path / "scores.json").read_text())["a2b"] == beside[0].table.as_json()
