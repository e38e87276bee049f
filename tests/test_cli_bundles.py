"""Damaged bundles and unreadable pictures get one line; what can be translated is."""

import json

import pytest
import safetensors.torch
from PIL import Image

from crosscade.framework.support import atomic, tensor_files
from tests.cli_tools import picture

# bundles


def test_a_bundle_translates(translate, tmp_path):
    assert translate().code == 0
    assert Image.open(tmp_path / "made" / "one.png").size == (64, 64)


def test_both_directions_have_a_folder_each(translate, crosscade, tmp_path):
    answer = translate("bundle", "one.png", "--direction", "both", "--strip")
    assert (answer.code, answer.others) == (0, ["1 image in made/a2b", "1 image in made/b2a"])
    alone = crosscade("translate", "bundle", "one.png", "--direction", "b2a", "--strip", "--out", "alone")
    assert alone.code == 0
    assert (tmp_path / "made/b2a/one.png").read_bytes() == (tmp_path / "alone/one.png").read_bytes()
    assert (tmp_path / "made/a2b/one.png").read_bytes() != (tmp_path / "alone/one.png").read_bytes()
    refused = translate("bundle", "one.png", "--direction", "both", "--style", "one.png")
    assert refused.error.startswith("--style: found --direction both")


@pytest.mark.parametrize("suffix", ["png", "webp"])
def test_what_is_transparent_stays_so(translate, tmp_path, suffix):
    clear = Image.open(tmp_path / "one.png").convert("RGBA")
    clear.putalpha(Image.linear_gradient("L").resize(clear.size))
    clear.save(tmp_path / "clear.png")
    assert translate("bundle", "clear.png", "--format", suffix).code == 0
    with Image.open(tmp_path / "made" / f"clear.{suffix}") as result:
        assert (result.mode, result.size) == ("RGBA", (64, 64))
        alpha = list(result.getchannel("A").tobytes()[::64])
    assert alpha == sorted(alpha)
    assert alpha[0] < 16 < 240 < alpha[-1]


def edit(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


def changed(path):
    path.write_text(path.read_text().replace('"a": "', '"a": "x', 1))


def manifest(**changes):
    def change(path):
        table = atomic.read_json(path, "its own")
        path.write_text(json.dumps({k: v for k, v in (table | changes).items() if v is not None}))

    return change


@pytest.mark.parametrize(
    ("file", "damage", "line"),
    [
        ("a2b/level5.safetensors", lambda p: p.write_bytes(p.read_bytes()[:-9]), "{}: found sha256 "),
        ("a2b/inverter.safetensors", edit, "{}: found sha256 "),
        ("statistics.safetensors", edit, "{}: found sha256 "),
        ("recipe.json", edit, "{}: found sha256 "),
        ("a2b/level4.safetensors", lambda p: p.unlink(), "{}: found no such file; expected a whole bundle. Copy"),
        ("bundle.json", lambda p: p.unlink(), "bundle: found no bundle.json; expected a bundle folder or a finished"),
        ("bundle.json", lambda p: p.write_text("{"), "{}: found not JSON (Expecting property name"),
        ("bundle.json", lambda p: p.write_bytes(b"\xff\xfe"), "{}: found no UTF-8 ("),
        ("bundle.json", lambda p: p.write_text("[]"), "{}: found []; expected a bundle's manifest"),
        ("bundle.json", changed, "{}: found changed since it was written; expected a bundle's manifest"),
        ("bundle.json", manifest(format="crosscade.cascade/2"), "{}: found format 'crosscade.cascade/2'; expected "),
        ("bundle.json", manifest(files=None), "{}: found no 'files'; expected a whole manifest"),
        ("bundle.json", manifest(encoder={"use": 3}), "{}: found 'encoder' = {{'use': 3}}; expected a whole manifest"),
        ("bundle.json", manifest(encoder={"use": "x", "weights_sha256": "0" * 64}), "encoder 'efficientnet-lite0': "),
    ],
)  # fmt: skip
def test_damaged_bundles(translate, bundle, tmp_path, file, damage, line):
    damage(bundle / file)
    answer = translate()
    assert answer.code == 2
    assert answer.error.startswith(line.format(f"bundle/{file}"))
    assert answer.others == []
    assert not (tmp_path / "made").exists()


def test_weights_of_another_network_are_refused_even_with_the_right_hash(translate, bundle):
    path = bundle / "a2b" / "level5.safetensors"
    tensors = safetensors.torch.load_file(path)
    tensors.pop(sorted(tensors)[0])
    tensor_files.write(path, tensors)
    files = json.loads((bundle / "bundle.json").read_text())["files"]
    from crosscade.framework.support.atomic import sha256

    manifest(files=files | {"a2b/level5.safetensors": sha256(path)})(bundle / "bundle.json")
    answer = translate()
    assert answer.code == 2
    assert answer.error.startswith("bundle/a2b/level5.safetensors: found weights of another network")


def test_a_picture_that_cannot_be_read_is_named_and_the_others_are_translated(translate, tmp_path):
    (tmp_path / "long-name-of-a-broken-picture-in-a-line-that-no-console-may-wrap.png").write_bytes(b"no picture")
    picture(tmp_path / "two.png", 2)
    answer = translate("bundle", "one.png", next(tmp_path.glob("long*")), "two.png")
    assert answer.code == 1
    assert [v for v in answer.others if v.startswith("warning: ") and v.endswith("Replace or remove it.")]
    assert sorted(p.name for p in (tmp_path / "made").iterdir()) == ["one.png", "results.csv", "two.png"]


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("bundle", "nothing.png"), "nothing.png: found no such file; expected an image or a folder of images"),
        (("bundle", "empty"), "empty: found no images in this folder; expected PNG, JPEG"),
        (("bundle", "notes.txt"), "1 file(s): found none that can be read; expected images"),
        (("nowhere", "one.png"), "nowhere: found nothing there; expected a bundle folder or a finished run"),
        (("bundle", "one.png", "--mask"), "--mask: found a model without one; expected a foreground map. Leave it out"),
        (("bundle", "one.png", "--direction", "a2c"), "argument --direction: invalid choice: 'a2c'"),
    ],
)
def test_translate_usage(translate, tmp_path, words, line):
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").write_text("no picture")
    answer = translate(*words)
    assert answer.code == 2
    assert answer.error.startswith(line)


def test_pictures_of_one_name_do_not_overwrite_each_other(translate, tmp_path):
    for name in ("x.png", "x-2.png", "sub/x.png", "other/X.png"):
        picture(tmp_path / name, 1)
    assert translate("bundle", "x.png", "x-2.png", "sub", "other").code == 0
    assert sorted(p.relative_to(tmp_path / "made").as_posix() for p in (tmp_path / "made").rglob("*.png")) == [
        "other/X.png", "sub/x.png", "x-2.png", "x.png",
    ]  # fmt: skip


def test_pictures_come_back_whole_and_are_kept_apart_from_squares(translate, tmp_path):
    picture(tmp_path / "one.png", 1)
    Image.open(tmp_path / "one.png").resize((150, 70)).save(tmp_path / "wide.jpg", quality=95)
    answer = translate("bundle", "one.png", "wide.jpg", "--onto-source")
    assert answer.code == 0
    assert answer.others[0] == "this model has no foreground map: all of each picture becomes the translation"
    assert [Image.open(tmp_path / "made" / name).size for name in ("one.png", "wide.png")] == [(72, 72), (150, 70)]
    again = translate("bundle", "one.png", "wide.jpg", "--onto-source")
    assert again.others[-1] == "0 images in made, 2 were there already"
    assert "made in another way" in translate("bundle", "one.png").error


def test_translate_keeps_what_is_in_the_folder(translate, tmp_path):
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "mine.png").write_text("precious")
    answer = translate()
    assert (answer.code, answer.error[-12:]) == (2, "Use --force.")
    assert translate("bundle", "one.png", "--force").code == 0
    assert (tmp_path / "made" / "mine.png").exists()
