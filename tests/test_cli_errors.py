"""Bad input gets one line that says where, what was found, what was expected and the cure, and an exit code."""

import copy
import errno
import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
import safetensors.torch
from attrs import frozen
from PIL import Image
from safetensors import SafetensorError

from crosscade.framework import checkpoint
from crosscade.framework.catalogue import Catalogue
from crosscade.framework.cli import main
from crosscade.framework.errors import InputError
from crosscade.framework.hooks import hookimpl
from crosscade.framework.offers import CommandOffer

from .framework.tiny import TABLE

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


# the command line


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ((), "crosscade: found no command; expected one of data, demo, describe, "),
        (("trian",), "unknown command 'trian'. did you mean 'train'?"),
        (("train", "--recipe", "demo"), "the following arguments are required: --out. See crosscade train --help."),
        (("train", "--recipe", "demo", "--out", "x", "--minutes", "0"), "--minutes: found 0.0; expected a number"),
        (("train", "--recipe", "demo", "--out", "x", "--minutes", "soon"), "argument --minutes: invalid float value"),
        (("train", "--out", "x"), "--recipe: found none; expected a recipe. See `crosscade plugins recipe`."),
        (("train", "--recipe", "dmeo", "--out", "x"), "unknown recipe 'dmeo'. did you mean 'demo'?"),
        (("train", "--recipe", "no.toml", "--out", "x"), "no.toml: found no such file; expected a recipe in TOML"),
        (("train", "--recipe", "demo", "--out", "x", "--a", "only"), "--a and --b: found one of them"),
        (("train", "--recipe", "demo", "--out", "x", "--data", "safari:zebra"), "--data safari:zebra: found domains"),
        (("train", "--recipe", "demo", "--out", "x", "--resume"), "x/recipe.json: found no such file"),
        (("demo", "--minutes", "inf"), "--minutes: found inf; expected a number above 0"),
        (("describe", "vgg20"), "unknown component 'vgg20'. did you mean 'vgg19'?"),
    ],
)  # fmt: skip
def test_usage(crosscade, words, line):
    answer = crosscade(*words)
    assert answer.code == 2
    assert answer.error.startswith(line)
    assert answer.others == []


def test_debug_lets_the_exception_through(capsys, tmp_path):
    with pytest.raises(InputError, match="unknown recipe"):
        main(["train", "--recipe", "dmeo", "--out", str(tmp_path / "x"), "--debug"])


def test_a_bug_is_one_line_too(crosscade, monkeypatch):
    def broken(*_):
        raise ZeroDivisionError("two\nlines")

    monkeypatch.setattr("crosscade.framework.settings.read", broken)
    answer = crosscade("train", "--recipe", "demo", "--out", "x")
    assert (answer.code, answer.error) == (1, "unexpected ZeroDivisionError: two lines (--debug shows where)")


def stranger(name, arguments):
    class Plugin:
        @hookimpl
        def commands(self):
            yield CommandOffer(name=name, summary="a stranger's", arguments=arguments, build=lambda given, catalogue: 7)

    return Catalogue.of(Plugin(), provider="stranger").entries


def test_a_strangers_command_of_a_taken_name_or_that_fails_costs_only_itself(crosscade, monkeypatch):
    def fail(parser):
        raise RuntimeError("no licence")

    ours = Catalogue.discover()
    more = [*stranger("plugins", lambda parser: None), *stranger("broken", fail)]
    monkeypatch.setattr(Catalogue, "discover", lambda: Catalogue(ours.entries + more, []))
    assert crosscade("describe", "pixels").code == 0
    assert "'stranger:plugins' (0)" in crosscade("plugins").error
    assert crosscade("crosscade:plugins", "encoder").code == 0
    assert main(["stranger:plugins"]) == 7
    assert crosscade("broken").error == "unexpected RuntimeError: no licence (--debug shows where)"


def test_a_process_of_its_own_answers_alike(tmp_path):
    for words, code, line in [
        (["train", "--recipe", "demo", "--set", "image.sise=64", "--out", "x"], 2, "unknown key 'sise' @ $.image. "),
        (["translate", "nowhere", "-", "--out", "y"], 2, "-: found no such file; expected an image"),
    ]:  # fmt: skip
        done = subprocess.run([*MAIN, *words], capture_output=True, text=True, cwd=tmp_path, timeout=120)
        answer = read_answer(done.returncode, done.stdout, done.stderr)
        assert (answer.code, answer.others) == (code, [])
        assert answer.error.startswith(line)
    assert list(tmp_path.iterdir()) == []


# recipes


@pytest.mark.parametrize(
    ("setting", "line"),
    [
        ("image.sise=64", "unknown key 'sise' @ $.image. did you mean 'size'?"),
        ("stages[0].translator.wdith=8", "unknown key 'wdith' @ $.stages[0].translator. did you mean 'width'?"),
        ("image.size=large", "wrong type @ $.image.size: found 'large'; expected a whole number"),
        ("image.mirror=1", "wrong type @ $.image.mirror: found 1; expected true or false"),
        ("encoder.use=vgg91", "unknown encoder 'vgg91' @ $.encoder. did you mean 'vgg19'?"),
        ("image.size=100", "image.size = 100: found a size that level "),
        ("image.size=100", "; expected a multiple of "),
        ("stages[0].level=9", "level 9 @ $.stages[0]: found no such level in this encoder; expected one of 2, 3"),
        ("image.load=32", "$.image.load: found 32; expected at least image.size = 64"),
        ("inversions[0].schedule.betas=[0.5]", "'betas'"),
        ("stages[0].losses=[]", "the losses of 'translate level 5': found none that counts from the start"),
        ("stages[0].losses[0].betas=[2, 3]", "@ $.stages[0].losses[0]"),
        ("inversions[0].losses[1].levels=[9]", "level 9 @ $.inversions[0].losses[1]: found no such level in this enc"),
        ("image=3", "wrong type @ $.image: found 3; expected a table"),
        ("refine={}", "the losses of 'refine': found none that counts from the start"),
        ("refine.losses=[{use='hinge', start=0.5}]", "the losses of 'refine': found none that counts from the start"),
        ("encoder={use='vgg19', weights='no.pth'}", "encoder vgg19: found no file at no.pth"),
        ("encoder={use='vgg19', weights='tiny.json'}", "encoder vgg19 (tiny.json): found SHA-256 "),
    ],
)
def test_recipes(train, setting, line, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "precious.txt").write_text("mine")
    answer = train("--set", setting, "--force")
    assert answer.code == 2
    assert line in answer.error
    assert answer.others == []
    assert (tmp_path / "run" / "precious.txt").exists(), "what cannot work clears nothing"


@pytest.mark.parametrize(
    ("place", "loss", "line"),
    [
        (
            "stages[1].losses",
            "image-reconstruction",
            "loss 'image-reconstruction' @ $.stages[1].losses[0]: found it needs images, reconstructed, which "
            "translator 'adain' does not give; expected a loss that needs only ",
        ),
        ("inversions[0].losses", "cycle", "loss 'cycle' @ $.inversions[0].losses[0]: found it needs cycled, which inv"),
        ("refine.losses", "cycle", "loss 'cycle' @ $.refine.losses[0]: found it needs cycled, which refinement do"),
    ],
)  # fmt: skip
def test_a_loss_that_needs_what_is_not_given_is_refused_before_anything_is_trained(train, place, loss, line, tmp_path):
    answer = train("--set", f"{place}=[{{use='{loss}'}}]")
    assert answer.code == 2
    assert answer.error.startswith(line)
    assert not list((tmp_path / "run").rglob("*"))


def test_a_refinement_cannot_be_held_to_a_level_that_is_not_translated(train):
    answer = train("--set", "refine.losses=[{use='feature-consistency', levels=[3]}]")
    assert answer.code == 2
    assert (
        "'feature-consistency' @ $.refine.losses[0]: found it needs translations of level 3; expected" in answer.error
    )


# data and folders


def test_folders_that_are_missing_or_empty(train, tmp_path):
    (tmp_path / "empty").mkdir()
    picture(tmp_path / "b" / "x.png", 0)
    answer = train("--a", "empty", "--b", "b")
    assert answer.code == 2
    assert answer.error.startswith("empty: found an empty folder; expected at least one picture")
    answer = train("--a", "nowhere", "--b", "b")
    assert answer.code == 2, "the first mistake must not make the second try fail on a folder that is not empty"
    assert answer.error.startswith("folder a = 'nowhere': found nothing there; expected a folder of pictures")


def test_one_picture_is_a_domain_and_a_bad_one_is_named_and_set_aside(train, tmp_path):
    picture(tmp_path / "one" / "only.png", 0)
    for seed in range(3):
        picture(tmp_path / 'a "quoted" é' / f"{seed}.png", seed)
    (tmp_path / 'a "quoted" é' / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no more of it")
    fast = [f"--set={part}.schedule.images=2" for part in ("inversions[0]", "stages[0]", "stages[1]", "refine")]
    answer = train("--a", "one", "--b", 'a "quoted" é', *fast)
    assert answer.code == 0, answer.error
    assert [v for v in answer.others if "broken.jpg" in v and v.startswith("warning: ")]
    assert [v for v in answer.others if "one: one picture only, used for training and for tests" in v]
    assert answer.output.strip() == "run/bundle"


def test_a_folder_that_is_not_empty_is_kept(train, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "precious.txt").write_text("mine")
    answer = train()
    assert answer.code == 2
    assert answer.error == (
        "run: found a folder that is not empty; expected an empty or new one. "
        "Use --resume to go on with the run in it, or --force to clear it."
    )
    assert train("--resume").error.startswith("run/recipe.json: found no such file")


@pytest.mark.parametrize("command", ["train", "demo"])
def test_force_never_clears_what_holds_the_pictures_or_where_one_is(train, crosscade, tmp_path, command):
    picture(tmp_path / "photos" / "a" / "x.png", 0)
    picture(tmp_path / "photos" / "b" / "x.png", 1)
    answer = crosscade(
        "train", "--recipe", "tiny.json", "--a", "photos/a", "--b", "photos/b", "--out", "photos", "--force"
    )
    assert answer.code == 2
    assert answer.error.startswith("photos: found a folder that holds ")
    assert crosscade(command, "--recipe", "tiny.json", "--out", ".", "--force").code == 2
    assert (tmp_path / "photos" / "a" / "x.png").exists()
    assert (tmp_path / "tiny.json").exists()


@pytest.mark.parametrize(("file", "text"), [("run.json", "{"), ("run.json", "[]"), ("recipe.json", "nonsense")])
def test_a_run_whose_state_was_edited(train, whole, tmp_path, file, text):
    run = tmp_path / "run"
    run.mkdir()
    for name in ("run.json", "recipe.json"):
        shutil.copy(whole / name, run / name)
    (run / file).write_text(text)
    answer = train("--resume")
    assert answer.code == 2
    assert answer.error.startswith(f"run/{file}: found ")


@pytest.mark.parametrize(("name", "data"), [("x.toml", b"\xff\xfe"), ("x.json", b"[1]"), ("x.toml", b"a = ")])
def test_a_file_that_is_no_recipe(crosscade, tmp_path, name, data):
    (tmp_path / name).write_bytes(data)
    answer = crosscade("train", "--recipe", name, "--out", "run")
    assert answer.code == 2
    assert answer.error.startswith(f"recipe '{name}': found ")


# a full disk


def full(*_, **__):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def full_in_rust(*_):
    raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")


@pytest.mark.parametrize(
    ("where", "raising"),
    [
        ("os.posix_fallocate", full),  # the store
        ("os.fsync", full),  # any small file
        ("crosscade.framework.checkpoint.save_file", full_in_rust),
        ("crosscade.framework.pictures.tempfile.mkstemp", full),  # samples
    ],
)
def test_a_full_disk_is_named_wherever_it_strikes(train, monkeypatch, where, raising):
    monkeypatch.setattr(where, raising)
    answer = train("--set", "training.checkpoint_seconds=1e-9")
    assert answer.code == 1
    assert "run" in answer.error
    assert ": found disk full (" in answer.error
    assert answer.error.endswith("Free some space, then go on (a run: with --resume).")


def test_a_disk_that_really_is_full(tmp_path, monkeypatch):
    """On a file system of 3 MB: the store does not fit. Then it does, and the run goes on."""
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "none", str(small)], capture_output=True)
    if mounted.returncode:
        pytest.skip(f"no small file system can be mounted here: {mounted.stderr.decode().strip()}")
    try:
        table = copy.deepcopy(TABLE) | {"stages": TABLE["stages"][:1], "image": {"size": 64, "views": 20}}
        table["inversions"] = [{**TABLE["inversions"][0], "level": 5, "losses": [{"use": "image-reconstruction"}]}]
        table["stages"][0]["losses"] = [{"use": "identity"}]
        table.pop("refine")
        recipe = tmp_path / "tiny.json"
        recipe.write_text(json.dumps(table))
        words = [*MAIN, "train", "--recipe", str(recipe), "--out", str(small / "run")]
        done = subprocess.run(words, capture_output=True, text=True, timeout=240)
        answer = read_answer(done.returncode, done.stdout, done.stderr)
        assert answer.code == 1, done.stderr
        assert "found disk full (" in answer.error
        subprocess.run(["mount", "-o", "remount,size=100m", str(small)], check=True)
        done = subprocess.run([*words, "--resume"], capture_output=True, text=True, timeout=240)
        assert done.returncode == 0, done.stderr
    finally:
        subprocess.run(["umount", str(small)], check=True)


# bundles


def test_a_bundle_translates(translate, tmp_path):
    assert translate().code == 0
    assert Image.open(tmp_path / "made" / "one.png").size == (64, 64)


def edit(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


def manifest(**changes):
    def change(path):
        table = json.loads(path.read_text())
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
        ("bundle.json", lambda p: p.write_bytes(b"\xff\xfe"), "{}: found not JSON ("),
        ("bundle.json", lambda p: p.write_text("[]"), "{}: found []; expected a bundle's manifest"),
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
    checkpoint.write_tensors(path, tensors)
    files = json.loads((bundle / "bundle.json").read_text())["files"]
    from crosscade.framework.atomic import sha256

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
    assert sorted(p.name for p in (tmp_path / "made").iterdir()) == ["one.png", "two.png"]


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("bundle", "nothing.png"), "nothing.png: found no such file; expected an image or a folder of images"),
        (("bundle", "empty"), "empty: found no images in this folder; expected PNG, JPEG"),
        (("bundle", "notes.txt"), "1 file(s): found none that can be read; expected images"),
        (("nowhere", "one.png"), "nowhere: found no bundle.json; expected a bundle folder or a finished run"),
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
    assert sorted(p.name for p in (tmp_path / "made").iterdir()) == ["X-4.png", "x-2.png", "x-3.png", "x.png"]


def test_translate_keeps_what_is_in_the_folder(translate, tmp_path):
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "mine.png").write_text("precious")
    answer = translate()
    assert (answer.code, answer.error[-12:]) == (2, "Use --force.")
    assert translate("bundle", "one.png", "--force").code == 0
    assert (tmp_path / "made" / "mine.png").exists()
