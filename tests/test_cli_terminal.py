"""Names of files, folders and domains, which others may have chosen, steer no terminal, whatever command shows them."""

import io
import json
import tarfile

import pytest

from crosscade.framework import Catalogue, Reporter
from crosscade.framework.catalogue import catalogue
from crosscade.framework.support.progress import Terminal
from tests.cli_tools import picture
from tests.framework.tiny import TABLE
from tests.test_cli_outputs import WRITES_NOTHING

STEERS = "\x1b[2J[red]\x07"
DATA = ("--a", f"day{STEERS}", "--b", f"night{STEERS}")
COMMANDS = {
    "doctor": ("doctor", "--recipe", "tiny.json", *DATA),
    "train": ("train", "--recipe", "tiny.json", *DATA, "--out", f"run{STEERS}"),
    "report": ("report", f"run{STEERS}", "--out", f"page{STEERS}.html"),
    "translate": ("translate", f"run{STEERS}", f"day{STEERS}", "--out", f"made{STEERS}"),
    "export": ("export", f"run{STEERS}", *DATA, "--direction", "a2b", "--out", f"export{STEERS}"),
    "run": ("run", f"export{STEERS}", f"day{STEERS}", "--out", f"made-by-export{STEERS}", "--device", "cpu"),
    "run of shards": ("run", f"export{STEERS}", f"in{STEERS}.tar", "--out", f"shards{STEERS}", "--device", "cpu"),
    "run --check": ("run", f"export{STEERS}", "--check", "--device", "cpu"),
    "evaluate": ("evaluate", f"run{STEERS}", *DATA, "--out", f"judged{STEERS}"),
    "compare": ("compare", "--methods", "tiny.json", *DATA, "--images", "8", "--out", f"compared{STEERS}"),
    "ablate": ("ablate", "--recipe", "tiny.json", *DATA, "--vary", "training.clip_sigma=3", "--images", "8",
               "--out", f"ablated{STEERS}"),
    "data": ("data", "folder", "--set", f"a=day{STEERS}", "--set", f"b=night{STEERS}", "--out", f"data{STEERS}"),
    "demo": ("demo", "--recipe", "tiny.json", *DATA, "--minutes", "0.01", "--out", f"demo{STEERS}"),
}  # fmt: skip
ELSEWHERE = {"bulk", "pull"}
"""What shows names alike, but of a cluster's work and of a hub."""


def test_every_command_that_shows_names_is_walked():
    offered = {e.offer.name for e in Catalogue.discover().of_kind("command") if e.provider == "crosscade"}
    assert offered == {words[0] for words in COMMANDS.values()} | WRITES_NOTHING | ELSEWHERE


def test_every_command_shows_names_as_text(crosscade, tmp_path):
    (tmp_path / "tiny.json").write_text(json.dumps(TABLE))
    for number, folder in enumerate(DATA[1::2]):
        for k in range(4):
            picture(tmp_path / folder / f"{k}.png", 4 * number + k)
        (tmp_path / folder / f"bad{STEERS}.png").write_bytes(b"no picture")
    with tarfile.open(tmp_path / f"in{STEERS}.tar", "w") as shard:
        shard.add(tmp_path / DATA[1] / "0.png", "0.png")
    shown = {}
    for name, words in COMMANDS.items():
        answer = crosscade(*words)
        shown[name] = "\n".join([*answer.others, answer.error, answer.output])
        assert "\x1b" not in shown[name], name
        assert "\x07" not in shown[name], name
        assert answer.code == 0 or "could not be read" in shown[name], (name, answer)
    silent = {name for name, text in shown.items() if "\\x1b[2J[red]\\x07" not in text}
    assert not silent, "a command that shows no name here proves nothing"


def test_every_part_in_the_tables_is_text(crosscade, monkeypatch):
    monkeypatch.setattr(catalogue, "version_of", lambda _: STEERS)
    for words in (["plugins"], ["describe", "demo"]):
        answer = crosscade(*words)
        assert "\\x1b[2J[red]" in answer.output
        assert "\x1b" not in answer.output


@pytest.mark.parametrize("stage", ["stage", "training"])
def test_a_bars_title_is_text(stage):
    file = io.StringIO()
    report = Reporter(Terminal(file=file, force_terminal=True, width=100))
    opened = {"stage": lambda: report.stage(STEERS, 1), "training": lambda: report.training(0, STEERS, 1, 0)}
    with report.run([1], None), opened[stage]() as bar:
        bar.show(1, {STEERS: 1.0})
    text = file.getvalue()
    assert "\\x1b[2J[red]\\x07" in text
    assert "\x1b[2J" not in text
