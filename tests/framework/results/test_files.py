"""Which pictures a command reads, and where their results go."""

import csv
import os

import numpy as np
import pytest
from PIL import Image as Pillow

from crosscade.framework import InputError, Reporter
from crosscade.framework.data.images import read_rgb
from crosscade.framework.data.written import made_by, write_picture, write_png
from crosscade.framework.results.files import Sources, translate_files
from crosscade.framework.results.results import Results, free_name


def picture(path, value=0):
    write_png(path, np.full((8, 8, 3), value, np.uint8))
    return path


def go(names, out, *, force=False, model="model", endings=(".png",), read=read_rgb, batch=1):
    """What a command does: its exit code, what it said, and the places of the files that it made something of."""
    sources, report, asked = Sources.of([str(v) for v in names]), Reporter(quiet=True), []

    def translated(places, pictures):
        asked.extend(places)
        return [[image] * len(endings) for image in pictures]

    file = out.parent / "model"
    file.write_text(model)
    results = Results(out, sources.inputs, force)
    with results.held():
        results.made(file, "a2b")
        code = translate_files(sources, results, report, read, translated, stage="test", endings=endings, batch=batch)
    return code, report.warnings, asked


def made(out):
    return sorted(p.relative_to(out).as_posix() for p in out.rglob("*.png"))


def listed(out):
    with (out / "results.csv").open(encoding="utf-8", newline="") as file:
        return [tuple(row.values()) for row in csv.DictReader(file)]


def test_results_lie_as_their_pictures_do_and_are_listed(tmp_path):
    source, out = tmp_path / "in", tmp_path / "out"
    for name in ("day/1.png", "night/1.png", "night/1.jpg", "2.PNG"):
        picture(source / name)
    (source / "notes.txt").touch()
    assert go([source], out)[0] == 0
    assert made(out) == ["2.png", "day/1.png", "night/1-2.png", "night/1.png"]
    assert (str(source / "night/1.png"), "night/1-2.png", "") in listed(out)
    assert len(listed(out)) == 4
    assert go([source / "day", source / "night", source / "2.PNG"], tmp_path / "several")[0] == 0
    assert made(tmp_path / "several") == ["2.png", "day/1.png", "night/1-2.png", "night/1.png"]


@pytest.mark.parametrize("suffix", ["jpg", "webp"])
def test_a_result_of_another_format_lies_beside_and_says_as_much_of_itself(tmp_path, suffix):
    source, out = picture(tmp_path / "1.png", 90), tmp_path / "out"
    go([source], out)
    assert go([source], out, endings=(f".{suffix}",))[2] == [0]
    assert sorted(p.name for p in out.iterdir()) == sorted(["1.png", f"1.{suffix}", "results.csv"])
    assert made_by(out / f"1.{suffix}") == made_by(out / "1.png") != ""
    assert abs(read_rgb(out / f"1.{suffix}").astype(int) - 90).max() <= 2
    assert listed(out) == [(str(source), f"1.{suffix}", "")]
    assert go([source], out, endings=(f".{suffix}",))[2] == [], "it is there"


def test_a_jpeg_has_white_where_a_picture_is_transparent(tmp_path):
    image = np.zeros((8, 8, 4), np.uint8)
    write_picture(tmp_path / "1.jpg", image, by="x")
    write_picture(tmp_path / "1.webp", image, by="x")
    assert read_rgb(tmp_path / "1.jpg").min() > 250
    assert Pillow.open(tmp_path / "1.webp").mode == "RGBA"


def test_what_is_there_is_not_made_again(tmp_path):
    source, out = tmp_path / "in", tmp_path / "out"
    for name in "abc":
        picture(source / f"{name}.png")
    go([source], out, endings=("-1.png", "-2.png"))
    (out / "b-2.png").unlink()
    picture(source / "0.png")
    os.utime(source / "c.png", (2**33, 2**33))
    assert go([source], out, endings=("-1.png", "-2.png"))[2] == [0, 2], "the same picture with another time is there"
    assert made(out) == [f"{v}-{n}.png" for v in "0abc" for n in (1, 2)]
    assert go([source], out, endings=("-1.png", "-2.png"), force=True)[2] == [0, 1, 2, 3]
    assert made(out) == [f"{v}-{n}.png" for v in "0abc" for n in (1, 2)]


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp"])
def test_another_picture_of_the_same_name_is_made_anew_however_old_it_is(tmp_path, suffix):
    source, out = picture(tmp_path / "a.png", 10), tmp_path / "out"
    go([source], out, endings=(f".{suffix}",))
    os.utime(picture(source, 200), (0, 0))
    assert go([source], out, endings=(f".{suffix}",))[2] == [0]
    assert abs(read_rgb(out / f"a.{suffix}").astype(int) - 200).max() <= 2
    assert go([source], out, endings=(f".{suffix}",))[2] == []


def test_a_result_that_does_not_say_of_which_picture_is_made_again_when_that_is_newer(tmp_path):
    source, out = picture(tmp_path / "a.png"), tmp_path / "out"
    go([source], out)
    write_png(out / "a.png", read_rgb(out / "a.png"), by=made_by(out / "a.png").split()[0])  # an earlier version's
    assert go([source], out)[2] == []
    os.utime(source, (2**33, 2**33))
    assert go([source], out)[2] == [0]


def test_what_belongs_together_has_one_name(tmp_path):
    source, out, endings = tmp_path / "in", tmp_path / "out", (".png", ".mask.png")
    for name in ("CAT.PNG", "cat.jpg", "cat.mask.png", "cat.png"):
        picture(source / name)
    for _ in range(2):
        assert go([source], out, endings=endings)[0] == 0
        stems = ["CAT", "cat-2", "cat.mask-2", "cat-3"]
        assert [row[1] for row in listed(out)] == [f"{stem}{ending}" for stem in stems for ending in endings]


def test_what_is_named_twice_is_read_once(tmp_path):
    source, out = tmp_path / "in", tmp_path / "out"
    picture(source / "a.png")
    picture(source / "deep" / "b.png")
    assert go([source, source, source / "deep", source / "a.png", f"{source}/."], out)[0] == 0
    assert made(out) == ["in/a.png", "in/deep/b.png"]
    assert [row[1] for row in listed(out)] == made(out)
    assert go([source, source], tmp_path / "alone")[0] == 0
    assert made(tmp_path / "alone") == ["a.png", "deep/b.png"]
    assert [v.named for v in Sources.of([str(source), str(source / "a.png")]).files] == [True, False]


def test_results_of_another_model_are_made_anew_only_when_forced(tmp_path):
    source, out = picture(tmp_path / "a.png"), tmp_path / "out"
    go([source], out)
    with pytest.raises(InputError, match="another model"):
        go([source], out, model="other")
    before = made_by(out / "a.png")
    assert go([source], out, model="other", force=True)[2] == [0]
    assert made(out) == ["a.png"]
    assert made_by(out / "a.png") not in ("", before)


def test_files_of_others_are_never_overwritten(tmp_path):
    source, out = picture(tmp_path / "in" / "a.png"), picture(tmp_path / "out" / "a.png", 9).parent
    with pytest.raises(InputError, match=r"not empty.*--force"):
        go([source], out)
    assert go([source], out, force=True)[0] == 0
    assert made(out) == ["a-2.png", "a.png"]
    assert read_rgb(out / "a.png").max() == 9
    picture(out / "a-2.png", 7)  # edited by hand: no result any more
    assert go([source], out)[0] == 0
    assert made(out) == ["a-2.png", "a-3.png", "a.png"]
    assert read_rgb(out / "a-2.png").max() == 7
    (out / "results.csv").write_text("my,own,table")
    with pytest.raises(InputError, match=r"results\.csv.*something else"):
        go([source], out, force=True)
    assert (out / "results.csv").read_text() == "my,own,table"


@pytest.mark.parametrize("out", ["in", "in/made", "."])
def test_results_are_neither_over_nor_among_the_sources(tmp_path, out):
    source = picture(tmp_path / "in" / "a.png").parent
    for force in (False, True):
        with pytest.raises(InputError, match="overlaps"):
            go([source], tmp_path / out, force=force)
    assert made(tmp_path) == ["in/a.png"]


def test_one_bad_file_costs_itself_alone(tmp_path):
    source, out = tmp_path / "in", tmp_path / "out"
    long = "x" * 250
    for name in ("a.png", f"{long}.png", os.fsdecode(b"caf\xe9.png"), "many.gif", "noextension"):
        picture(source / name) if name.endswith("png") else None
    for path in (source / "many.gif", source / "noextension"):
        picture(path)
    (source / "cut.jpg").write_bytes(b"\xff\xd8\xff\xe0 no more")
    (source / "photo.heic").write_bytes(b"\0\0\0\x18ftypheic")
    for n in range(300):
        (source / f"{n}.AAE").write_text("<xml>")
    os.mkfifo(source / "pipe.png")
    calls = []

    def read(path):
        calls.append(path)
        if path.name == "a.png":
            raise InputError(str(path), found="more than this machine's memory holds")
        return read_rgb(path)

    code, warnings, _ = go([source], out, read=read, batch=4)
    assert code == 1
    assert len(warnings) == 5, warnings
    assert [v for v in warnings if "300 .aae files: no picture of a known format" in v]
    assert len(made(out)) == 4
    reasons = {os.path.basename(source): reason for source, _, reason in listed(out) if reason}
    assert {"a.png", "cut.jpg", "photo.heic", "7.AAE", "pipe.png"} < reasons.keys()
    assert len([row for row in listed(out) if row[1]]) == 4


def test_a_kill_leaves_a_list_of_whose_each_is(tmp_path):
    source, out = tmp_path / "in", tmp_path / "out"
    for name in "abc":
        picture(source / f"{name}.png")

    def read(path):
        if path.name == "c.png":
            raise KeyboardInterrupt
        return read_rgb(path)

    with pytest.raises(KeyboardInterrupt):
        go([source], out, read=read)
    assert [row[2] for row in listed(out)] == ["", "", "not made yet"]
    assert go([source], out)[2] == [2]
    unchanged = (out / "results.csv").read_text().replace(".png,\n", ".png,not made yet\n")
    (out / "results.csv").write_text(unchanged)  # as a kill that nothing notices leaves it
    assert go([source], out)[2] == []
    assert [row[2] for row in listed(out)] == ["", "", ""]


def test_a_name_without_images_is_refused(tmp_path):
    for name, reason in ((str(tmp_path), "no images"), (str(tmp_path / "x"), "no such file"), ("y" * 999, "no such")):
        with pytest.raises(InputError, match=reason):
            Sources.of([name])
    (tmp_path / "bad.png").touch()
    with pytest.raises(InputError, match="none that can be read"):
        go([tmp_path / "bad.png"], tmp_path / "out")


def test_a_taken_name_is_numbered_whatever_its_case():
    taken: set[str] = set()
    assert [free_name(stem, taken) for stem in ("a", "A", "a", "b", "a-2")] == ["a", "A-2", "a-3", "b", "a-2-2"]
