"""What is given to the wrong command is told the right one; what strangers wrote steers no terminal."""

import shutil
import subprocess

import pytest

from crosscade.framework import InputError
from crosscade.framework.errors import printable
from tests.cli_tools import MAIN
from tests.exporters import tiny_export


@pytest.fixture
def export(tmp_path):
    return tiny_export.write(tmp_path / "export", directions=("b2a",))


def test_run_and_translate_name_each_other(crosscade, bundle, export, tmp_path):
    assert "found a bundle; " in crosscade("run", "bundle", "--check").error
    assert "`crosscade translate bundle FILES --out DIR`" in crosscade("run", "bundle", "--check").error
    (tmp_path / "one.png").write_bytes(next(export.rglob("*.png")).read_bytes())
    error = crosscade("translate", "export", "one.png", "--out", "made").error
    assert (
        error == "export: found an export; expected a bundle. This translates: crosscade run export one.png --out made"
    )
    assert "`crosscade run export FILES --out DIR`" in crosscade("export", "export", "--out", "x").error
    backwards = crosscade("translate", "export", "one.png", "--out", "made", "--direction", "b2a").error
    command = backwards.partition("This translates: crosscade ")[2].split()
    assert crosscade(*command, "--device", "cpu").code == 0


def test_a_graph_names_its_export_and_the_only_direction_is_meant(crosscade, export, tmp_path):
    (tmp_path / "one.png").write_bytes(next(export.rglob("*.png")).read_bytes())
    answer = crosscade("run", next(export.glob("*.onnx")), "one.png", "--out", "made", "--device", "cpu")
    assert answer.code == 0, answer.error


def test_something_else_under_a_files_name_is_one_line(crosscade, whole, tmp_path):
    run = shutil.copytree(whole, tmp_path / "run")
    (run / "stages" / "0-invert-level4.safetensors").unlink()
    (run / "stages" / "0-invert-level4.safetensors").mkdir()
    (run / "stages" / "3-refine.safetensors").unlink()
    answer = crosscade("train", "--out", "run", "--resume")
    assert (answer.code, answer.error) == (
        2, "run/stages/0-invert-level4.safetensors: found no regular file; expected a file")  # fmt: skip


def test_what_would_steer_a_terminal_is_spelt_out():
    assert printable("zebra\x1b[2J \x9b31m \u202egpj.exe é") == "zebra\\x1b[2J \\x9b31m \\u202egpj.exe é"
    assert "\x1b" not in str(InputError("\x1b]0;title\x07.png", found="a bell"))


def test_piped_tables_are_not_cut():
    done = subprocess.run([*MAIN, "plugins", "encoder"], capture_output=True, text=True, timeout=120, env={"PATH": ""})
    assert "VGG-16 tuned from ImageNet for edges, conv1_1 to conv5_1: the paper's geometry, fetched once" in done.stdout
