"""What people ask first is answered at once: names, summaries and arguments import no torch."""

import re
import shlex
import subprocess
import sys
import time

import pytest

from crosscade.framework import Catalogue, CommandOffer, hookimpl
from crosscade.framework.cli import parser
from tests.cli_tools import MAIN

HEAVY = {"torch", "onnx", "onnxruntime", "matplotlib", "sklearn", "safetensors", "timm"}
ASK = """
import sys
from crosscade.framework.cli import main
for words in {asked}:
    try:
        main([*words, "--help"])
    except SystemExit:
        pass
print(sorted(set(sys.modules) & {heavy}))
"""


def test_help_imports_nothing_heavy():
    names = [entry.offer.name for entry in Catalogue.discover().of_kind("command") if entry.provider == "crosscade"]
    code = ASK.format(asked=[[], *([name] for name in names)], heavy=HEAVY)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("usage: crosscade") == len(names) + 1
    assert done.stdout.splitlines()[-1] == "[]"


def strange(name):
    class Plugin:
        @hookimpl
        def commands(self):
            yield CommandOffer(name=name, summary="a stranger's", arguments=lambda parser: None, build=int, group="use")

    return Catalogue.of(Plugin(), provider="strange-parts").entries


def test_commands_stand_in_groups_and_strangers_in_one_of_their_own(monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    ours = [entry for entry in Catalogue.discover().commands if entry.provider == "crosscade"]
    text = parser(Catalogue(ours + strange("frame"))).format_help()
    groups = {block.split(":")[0]: re.findall(r"^  (\S+) ", block, re.MULTILINE) for block in text.split("\n\n")}
    assert list(groups)[2:7] == ["start", "use", "ship", "research", "of strange-parts"]
    assert groups["start"] == ["demo", "doctor", "train", "report"]
    assert groups["of strange-parts"] == ["frame"]
    assert max(map(len, text.splitlines())) < 100


def test_every_command_of_ours_has_a_group_and_an_example_of_itself():
    catalogue = Catalogue([entry for entry in Catalogue.discover().commands if entry.provider == "crosscade"])
    whole = parser(catalogue)
    for offer in catalogue.offers("command"):
        assert offer.group, offer.name
        program, *words = shlex.split(offer.example.split(" > ")[0])
        assert (program, whole.parse_args(words).command) == ("crosscade", offer.name)


def test_many_options_stand_in_groups():
    (commands,) = (a.choices for a in parser(Catalogue.discover())._actions if a.dest == "command")
    for name, sub in commands.items():
        text = sub.format_help()
        ungrouped = re.search(r"^options:\n(.*?)\n\n", text, re.MULTILINE | re.DOTALL)
        assert len(re.findall(r"^  -", ungrouped[1] if ungrouped else "", re.MULTILINE)) <= 12, name
        assert text.index("every command:") < text.index("for example:")


@pytest.mark.parametrize("words", [["--help"], ["train", "--help"], ["trian"]])
def test_help_is_quick(words):
    """Half a second on a machine that is free; CI is not."""
    started = time.monotonic()
    subprocess.run([*MAIN, *words], capture_output=True, timeout=60)
    assert time.monotonic() - started < 3.0


def test_plugins_can_be_left_out_anywhere_in_the_line(tmp_path):
    package = tmp_path / "strange-1.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: strange\nVersion: 1\n")
    (package / "entry_points.txt").write_text("[crosscade]\nstrange = strange_plugin\n")
    (tmp_path / "strange_plugin.py").write_text("raise SystemExit('bye')\n")
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); from crosscade.framework.cli import main; "

    def answer(*words):
        call = [sys.executable, "-c", f"{code}sys.exit(main({list(words)}))"]
        return subprocess.run(call, capture_output=True, text=True, timeout=120)

    assert "crosscade 0" in answer("--version").stdout, "its exit costs only itself"
    listed = answer("plugins", "dataset")
    assert (listed.returncode, "strange 1: SystemExit: bye" in listed.stdout) == (0, True)
    for words in (["--no-plugins", "plugins", "dataset"], ["plugins", "dataset", "--no-plugins"]):
        without = answer(*words)
        assert (without.returncode, "strange" in without.stdout) == (0, False)
