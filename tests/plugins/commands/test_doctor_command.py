"""`crosscade doctor`: one screen, and an exit code that says whether training would work."""

import io
import json
import subprocess
import sys

import pytest
from PIL import Image

from crosscade.framework import RunError
from crosscade.framework.support.progress import Terminal
from crosscade.plugins.commands.doctor.command import show
from crosscade.plugins.commands.doctor.finding import OK, PROBLEM, WARNING, Line
from tests.framework.tiny import TABLE
from tests.framework.training.test_ranks import begin, wait
from tests.plugins.commands.test_doctor_look import scene

SCREEN = 30


@pytest.fixture
def doctor(crosscade, tmp_path):
    """`crosscade doctor` with the tiny recipe and more arguments."""
    (tmp_path / "tiny.json").write_text(json.dumps(TABLE))
    return lambda *words: crosscade("doctor", "--recipe", "tiny.json", *words)


def test_a_sound_dataset(doctor):
    answer = doctor("--data", "safari:zebra,giraffe")
    assert answer.code == 0
    screen = answer.output.splitlines()
    assert screen[0] == "zebra and giraffe (safari), recipe tiny, 64 px"
    assert screen[-1].startswith("Training would work (1 warning)")
    assert len(screen) <= SCREEN
    assert "\x1b" not in answer.output, "no colours in a pipe"


def test_a_folder_with_everything_wrong_is_still_one_screen(doctor, tmp_path):
    for k, name in enumerate("ab"):
        for split in ("train", "test"):
            folder = tmp_path / f"a-rather-long-name-of-a-folder-{name}" / split
            folder.mkdir(parents=True)
            for n in range(2):
                scene(n + 10 * k).save(folder / f"a-rather-long-name-of-a-picture-{n}.png")
            Image.new("RGB", (30, 300)).save(folder / "black-and-narrow.png")
            scene(n, 900, 20).save(folder / "much-too-narrow-to-be-used.png")
            (folder / "no-picture-at-all-but-named-like-one.jpg").write_text("no")
    folders = sorted(tmp_path.glob("a-rather*"))
    answer = doctor("--a", folders[0], "--b", folders[1], "--set", "translate[0].schedule.batch=20")
    assert answer.code == 1
    assert answer.error == "training would not work: found problems in these lines: images"
    screen = answer.output.splitlines()
    assert len(screen) <= SCREEN
    assert max(map(len, screen)) <= 110
    for what in ("set aside", "sizes", "train | test", "near-constant"):
        assert any(line.startswith("warning") and what in line for line in screen), what


@pytest.mark.timeout(300)
def test_processes_measure_together_and_the_first_one_speaks(tmp_path, capfd):
    (tmp_path / "tiny.json").write_text(json.dumps(TABLE))
    said = wait(begin(2, "crosscade.framework.cli", "doctor", "--recipe", tmp_path / "tiny.json", "--out", tmp_path))
    screen = capfd.readouterr().out
    assert screen.count("Training would work") == 1
    assert "(1 thread, float32, 2 processes)" in " ".join(screen.split())
    assert said[1] == ""


def test_a_recipe_that_does_not_fit_decides(doctor):
    answer = doctor("--set", "image.size=72")
    assert answer.code == 1
    assert answer.error.endswith("these lines: recipe")
    assert "expected a multiple of" in " ".join(answer.output.split())


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("--data", "safarri"), "did you mean 'safari'"),
        (("--a", "nowhere", "--b", "nowhere-else"), "nothing there"),
        (("--set", "image.sizes=64"), "did you mean 'size'"),
    ],
)
def test_bad_input_is_an_error_as_everywhere(doctor, words, error):
    answer = doctor(*words)
    assert answer.code == 2
    assert error in answer.error
    assert answer.output == ""


def test_colours_are_for_terminals():
    def shown(terminal: bool) -> str:
        file = io.StringIO()
        console = Terminal(file=file, force_terminal=terminal, width=100)
        with pytest.raises(RunError, match="disk"):
            show(console, "t [x]", [Line(OK, "one", "[bold]"), Line(WARNING, "two", "2"), Line(PROBLEM, "disk", "3")])
        return file.getvalue()

    assert "\x1b" in shown(True)
    plain = shown(False)
    assert "\x1b" not in plain
    assert "[bold]" in plain, "names are text, not markup"


def test_it_can_be_asked_for_help_without_torch():
    code = (
        "import sys; sys.modules['torch'] = None;\nfrom crosscade.framework.cli import main; main(['doctor', '--help'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "--recipe" in done.stdout
