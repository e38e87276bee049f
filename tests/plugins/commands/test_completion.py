"""A real bash completes commands, options and names, without starting Python."""

import os
import pty
import select
import shutil
import subprocess
import sys
import time

import pytest

from tests.cli_tools import MAIN

pytest.importorskip("shtab", reason="it comes with crosscade[completion]")
pytestmark = pytest.mark.skipif(not shutil.which("bash"), reason="no bash")
ASK = """
source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _crosscade
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture(scope="module")
def script(tmp_path_factory):
    path = tmp_path_factory.mktemp("completion") / "crosscade"
    done = subprocess.run([*MAIN, "--no-plugins", "completion", "bash"], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    path.write_text(done.stdout)
    return path


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["tr"], {"train", "translate"}),
        (["train", "--re"], {"--recipe", "--resume"}),
        (["train", "--recipe", "dem"], {"demo"}),
        (["train", "--data", "s"], {"safari"}),
        (["train", "--watch", "t"], {"tensorboard"}),
        (["describe", "vgg"], {"vgg16-hed", "vgg19"}),
        (["plugins", "enc"], {"encoder"}),
        (["export", "x", "--format", "o"], {"onnx"}),
        (["compare", "--methods", "cy"], {"cyclegan"}),
        (["evaluate", "x", "--metrics", "mask"], {"mask-iou"}),
        (["train", "--set", "image.s"], {"image.size="}),
        (["train", "--set", "encoder.use", "=", "vgg"], {"vgg16-hed", "vgg19"}),
        (["train", "--set", "encoder.use", "="], {"efficientnet-lite0", "efficientnet-lite2", "pixels", "timm",
                                                  "vgg16-hed", "vgg19"}),
        (["translate", "x", "--set", "enc"], {"encoder.weights="}),
    ],
)  # fmt: skip
def test_bash_is_offered(script, words, offered):
    call = ["bash", "--norc", "-c", ASK, "bash", str(script), "crosscade", *words]
    started = time.monotonic()
    done = subprocess.run(call, capture_output=True, text=True, timeout=60, env={**os.environ, "PATH": "/usr/bin:/bin"})
    assert set(done.stdout.split()) == offered, done.stderr
    assert time.monotonic() - started < 3, "milliseconds on a machine that is free"


def test_files_are_completed_where_files_are_asked_for(script, tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "phone.jpg").touch()
    call = ["bash", "--norc", "-c", ASK, "bash", str(script), "crosscade"]
    for words, offered in ((["translate", "pho"], {"photos", "phone.jpg"}), (["train", "--a", "pho"], {"photos"})):
        done = subprocess.run([*call, *words], capture_output=True, text=True, timeout=60, cwd=tmp_path)
        assert set(done.stdout.split()) == offered, done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminal")
def test_a_person_presses_tab(script):
    """In an interactive bash, where `crosscade` only says what it was given."""
    child, terminal = pty.fork()
    if child == 0:
        os.execvpe("bash", ["bash", "--norc", "--noprofile", "-i"], {**os.environ, "TERM": "dumb", "PS1": "$ "})
    try:
        typed = f'source {script}; crosscade() {{ echo "<$*>"; }}\n'
        for keys in (typed, "crosscade trai\t--rec\tdem\t--set imag\tsi\t64\n", "exit\n"):
            for key in keys:
                os.write(terminal, key.encode())
                time.sleep(0.3 if key == "\t" else 0.002)
        seen, deadline = b"", time.monotonic() + 30
        while time.monotonic() < deadline and b">" not in seen.split(b"<train")[-1]:
            if select.select([terminal], [], [], 0.5)[0]:
                seen += os.read(terminal, 4096)
    finally:
        os.close(terminal)
        os.waitpid(child, 0)
    assert b"<train --recipe demo --set image.size=64>" in seen, seen.decode(errors="replace")


def test_without_shtab_one_line_says_what_to_install(monkeypatch, capsys):
    from crosscade.framework.cli import main

    monkeypatch.setitem(sys.modules, "shtab", None)
    assert main(["completion", "bash"]) == 2
    assert capsys.readouterr().err == (
        "crosscade: no package 'shtab': expected it, which writes such scripts. pip install 'crosscade[completion]'\n"
    )
