"""Bad usage and bad recipes get one line that says where, what was found, what was expected and the cure."""

import json
import subprocess

import pytest

from crosscade.framework import Catalogue, CommandOffer, InputError, hookimpl
from crosscade.framework.cli import main
from crosscade.framework.runs.folder import FORMAT
from tests.cli_tools import MAIN, read_answer

# the command line


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ((), "no command: expected one of demo, doctor, train, report, "),
        (("trian",), "unknown command 'trian'. did you mean 'train'?"),
        (("train", "--recipe", "demo"), "the following arguments are required: --out. See crosscade train --help."),
        (("train", "--recipe", "demo", "--out", "x", "--minutes", "0"), "--minutes: found 0.0; expected a number"),
        (("train", "--recipe", "demo", "--out", "x", "--minutes", "soon"), "argument --minutes: invalid float value"),
        (("train", "--out", "x"), "--recipe: found none; expected a recipe. See `crosscade plugins recipe`."),
        (("train", "--recipe", "dmeo", "--out", "x"), "unknown recipe 'dmeo'. did you mean 'demo'?"),
        (("train", "--recipe", "no.toml", "--out", "x"), "recipe 'no.toml': found no such file"),
        (("train", "--recipe", "demo", "--out", "x", "--a", "only"), "--a and --b: found one of them"),
        (("train", "--recipe", "demo", "--out", "x", "--data", "safari:zebra"), "--data safari:zebra: found domains"),
        (("train", "--out", "x", "--resume"), "recipe: found none; expected one, because x has no run to go on"),
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
    def broken(*_, **__):
        raise ZeroDivisionError("two\nlines")

    monkeypatch.setattr("crosscade.framework.recipe.read.read", broken)
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
    assert crosscade("broken").error.startswith(
        "command 'broken' of stranger 0: its code: found RuntimeError: no licence ("
    )


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
        ("translate[0].translator.wdith=8", "unknown key 'wdith' @ $.translate[0].translator. did you mean 'width'?"),
        ("image.size=large", "wrong type @ $.image.size: found 'large'; expected a whole number"),
        ("image.mirror=1", "wrong type @ $.image.mirror: found 1; expected true or false"),
        ("encoder.use=vgg91", "unknown encoder 'vgg91' @ $.encoder. did you mean 'vgg19'?"),
        ("image.size=100", "image.size = 100: found a size that level "),
        ("image.size=100", "; expected a multiple of "),
        ("image.size=210", ". Use 224, which all of the encoder's levels divide."),
        ("translate[0].level=9", "level 9 @ $.translate[0]: found no such level in this encoder; expected one of 2, 3"),
        ("image.load=32", "$.image.load: found 32; expected at least image.size = 64"),
        ("invert[0].schedule.betas=[0.5]", "'betas'"),
        ("translate[0].losses=[]", "translate level 5, which has no losses: found nothing to start from"),
        ("translate[0].losses[0].betas=[2, 3]", "@ $.translate[0].losses[0]"),
        ("invert[0].losses[1].levels=[9]", "level 9 @ $.invert[0].losses[1]: found no such level in this enc"),
        ("image=3", "wrong type @ $.image: found 3; expected a table"),
        ("refine={}", "the losses of 'refine': found none that counts from the start"),
        ("refine.losses=[{use='hinge', start=0.5}]", "the losses of 'refine': found none that counts from the start"),
        ("encoder={use='vgg19', weights='no.pth'}", "encoder vgg19 @ $.encoder: found no file at no.pth"),
        ("encoder={use='vgg19', weights='tiny.json'}", "encoder vgg19 @ $.encoder: found tiny.json, no file"),
    ],
)
def test_recipes(train, setting, line, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.json").write_text(json.dumps({"format": FORMAT}))
    answer = train("--set", setting, "--force")
    assert answer.code == 2
    assert line in answer.error
    assert answer.others == []
    assert (tmp_path / "run" / "run.json").exists(), "what cannot work clears nothing"


@pytest.mark.parametrize(
    ("place", "loss", "line"),
    [
        (
            "translate[1].losses",
            "image-reconstruction",
            "loss 'image-reconstruction' @ $.translate[1].losses[0]: found it needs images, reconstructed, which "
            "translator 'adain' does not give; expected a loss that needs only ",
        ),
        ("invert[0].losses", "cycle", "loss 'cycle' @ $.invert[0].losses[0]: found it needs cycled, which inv"),
        ("refine.losses", "content-prior", "loss 'content-prior' @ $.refine.losses[0]: found it needs contents, which"),
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
