"""Bundles and exports to a hub and back: a stand-in on this computer, and what a bad one gets."""

import json
import shutil
import socket

import numpy as np
import pytest

from crosscade.evaluation.reports.table import Table
from crosscade.exporters.runtime import load as load_export
from crosscade.framework import InputError, Score, load
from crosscade.framework.bundle import hub as hubs
from tests.evaluation.share.hub import TOKEN, serving
from tests.exporters import tiny_export
from tests.test_floors import without_torch

pytest.importorskip("huggingface_hub", reason="crosscade[hub] is not installed")
NAME = "me/day-night"


@pytest.fixture
def hub(monkeypatch, tmp_path):
    with serving() as running:
        monkeypatch.setenv("HF_ENDPOINT", running.url)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        monkeypatch.setenv("CROSSCADE_CACHE", str(tmp_path / "cache"))
        yield running


@pytest.fixture
def export(tmp_path):
    return tiny_export.write(tmp_path / "export")


def files_of(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_an_export_goes_to_the_hub_and_comes_back_the_same(crosscade, hub, export, tmp_path):
    sent = crosscade("push", export, NAME)
    assert sent.code == 0
    address = sent.output.strip()
    commit = hub.repositories[NAME]["main"]
    assert address == f"hf://{NAME}@{commit}"
    got = crosscade("pull", f"hf://{NAME}")
    assert (got.code, got.output.strip()) == (0, "day-night")
    pulled = files_of(tmp_path / "day-night")
    card = pulled.pop("README.md").decode()
    assert pulled == files_of(export)
    assert card.startswith("---\nlibrary_name: crosscade\npipeline_tag: image-to-image\nlicense: apache-2.0\n")
    for part in ("# day ↔ night", f'load("hf://{NAME}")', "uint8 (16, 16, 3)", "## Limits", "shared without scores"):
        assert part in card


def test_load_and_run_take_the_address_and_ask_nobody_for_a_commit_that_is_there(crosscade, hub, export, tmp_path):
    commit = crosscade("push", export, NAME).output.strip().partition("@")[2]
    picture = tiny_export.pictures(1)[0]
    translated = load_export(f"hf://{NAME}", device="cpu").translate(picture)
    np.testing.assert_array_equal(translated, tiny_export.translated(picture[None])[0])
    hub.asked.clear()
    load_export(f"hf://{NAME}@{commit}", device="cpu")
    assert hub.asked == []
    assert crosscade("run", f"hf://{NAME}@{commit}", "--check", "--device", "cpu").code == 0
    assert not (tmp_path / "cache" / "hub" / NAME.replace("/", "--") / commit / ".cache").exists()


def test_a_bundle_is_shared_with_its_scores_and_loads_by_its_address(crosscade, hub, whole, tmp_path):
    score = Score(0.75, protocol="by a judge", n=4, higher_is_better=True)
    table = Table("zebra → giraffe", {"cascade": {"shape": score}})
    (tmp_path / "judged").mkdir()
    (tmp_path / "judged" / "scores.json").write_text(json.dumps({"a2b": table.as_json()}))
    sent = crosscade("push", whole, "me/zg", "--scores", "judged", "--licence", "CC-BY-4.0", "--private")
    assert sent.code == 0, sent.error
    card = hub.commits[hub.repositories["me/zg"]["main"]]["README.md"].decode()
    assert "license: cc-by-4.0\n" in card
    assert "- shape: by a judge; n = 4." in card
    assert str(tmp_path) not in card
    bundle = load("hf://me/zg")
    assert (bundle.domains.a, bundle.folder.parent.name) == ("zebra", "me--zg")


def test_a_revision_is_pinned(crosscade, hub, export, tmp_path):
    first = crosscade("push", export, NAME).output.strip()
    second = crosscade("push", tiny_export.write(tmp_path / "other", taps=True), NAME).output.strip()
    assert first != second
    assert crosscade("pull", first, "--out", "old").code == 0
    assert json.loads((tmp_path / "old" / "manifest.json").read_text())["directions"]["a2b"]["outputs"] == [
        "translated"
    ]
    refused = crosscade("pull", f"hf://{NAME}@v9", "--out", "none")
    assert (refused.code, refused.error) == (
        2, f"hf://{NAME}@v9: found no such revision; expected a branch, a tag or a commit"
    )  # fmt: skip
    assert not (tmp_path / "none").exists()


def test_what_is_not_there_and_what_is_private(crosscade, hub, export, monkeypatch):
    crosscade("push", export, NAME, "--private")
    for name in (NAME, "me/nobody"):
        monkeypatch.setenv("HF_TOKEN", "hf_other")
        refused = crosscade("pull", f"hf://{name}")
        assert refused.code == 2
        assert refused.error.startswith(
            f"hf://{name}: found no such repository, or one that is not open to you. Log in"
        )
        refused = crosscade("push", export, name)
        assert refused.error.startswith(f"hf://{name}: found no such repository, or one that is not open to you")
    assert crosscade("pull", "zebra").error == "zebra: expected hf://owner/name, or hf://owner/name@REVISION"


def test_a_hub_that_does_not_answer(crosscade, hub, export, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        closed = f"http://127.0.0.1:{silent.getsockname()[1]}"
        monkeypatch.setattr(hubs, "SECONDS", 0.2)
        monkeypatch.setenv("HF_ENDPOINT", closed)
        slow = crosscade("pull", f"hf://{NAME}")
    gone = crosscade("pull", f"hf://{NAME}")
    unsent = crosscade("push", str(export), NAME)
    for answer in (slow, gone):
        assert answer.code == 1
        assert answer.error.startswith(f"hf://{NAME}: found no answer from {closed} (")
        assert answer.error.endswith("A commit that was fetched once needs no answer: hf://owner/name@COMMIT.")
    assert unsent.error.endswith("Check the connection, then push again."), unsent.error


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("a2b.onnx", b"another graph", "me/day-night: a2b.onnx: found sha256"),
        ("manifest.json", b"{}", "found a manifest without hashes; expected one that `crosscade push` sent"),
        ("manifest.json", b"[", "found not JSON"),
        ("manifest.json", b'{"files": {"../../.bashrc": "00"}}', "found a file '../../.bashrc'"),
        ("manifest.json", b'{"files": {"gone.onnx": "00"}}', "found a file 'gone.onnx'"),
    ],
)
def test_what_is_not_what_its_manifest_says_is_not_kept(crosscade, hub, export, tmp_path, name, data, message):
    crosscade("push", export, NAME)
    hub.commit(NAME, {name: data})
    refused = crosscade("pull", f"hf://{NAME}")
    assert (refused.code, message in refused.error) == (2, True), refused.error
    assert not (tmp_path / "day-night").exists()
    with pytest.raises(InputError):
        load_export(f"hf://{NAME}")
    assert not [p for p in (tmp_path / "cache").rglob("*") if p.suffix == ".onnx"]


def test_of_a_repository_only_what_the_manifest_names_is_fetched(crosscade, hub, export, tmp_path):
    crosscade("push", export, NAME)
    hub.commit(NAME, {"setup.py": b"boom", ".gitattributes": b""})
    crosscade("pull", f"hf://{NAME}")
    assert not any("setup.py" in path for path in hub.asked)
    assert not (tmp_path / "day-night" / "setup.py").exists()


def test_what_is_no_bundle_is_neither_sent_nor_fetched(crosscade, hub, export, tmp_path):
    hub.commit("me/text", {"README.md": b"hello"})
    assert "found no manifest.json and no bundle.json in it" in crosscade("pull", "hf://me/text").error
    assert "expected an export, a bundle or a finished run" in crosscade("push", tmp_path, NAME).error
    (export / "a2b.onnx").write_bytes(b"cut short")
    assert "bytes" in crosscade("push", export, NAME).error
    assert NAME not in hub.repositories
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("kept")
    assert "found a folder that is not empty" in crosscade("pull", f"hf://{NAME}", "--out", "full").error
    assert (tmp_path / "full" / "mine.txt").read_text() == "kept"


def test_without_the_extra_it_says_how_to_install_it(export):
    code = f"""
sys.meta_path.insert(0, type("B", (), {{"find_spec": lambda self, name, path=None, target=None: (_ for _ in ()).throw(
    ModuleNotFoundError(f"No module named {{name!r}}", name=name)) if name == "huggingface_hub" else None}})())
from crosscade.framework.cli import main
sys.exit(main(["push", {str(export)!r}, "me/x"]))
"""
    done = without_torch(code)
    assert done.stderr.splitlines()[-1] == (
        "crosscade: no package 'huggingface_hub': expected it: this needs crosscade[hub]. pip install 'crosscade[hub]'"
    )


def test_nothing_is_left_of_a_pull_that_was_cut_off(hub, export, tmp_path, crosscade, monkeypatch):
    crosscade("push", export, NAME)
    shutil.rmtree(tmp_path / "cache", ignore_errors=True)
    monkeypatch.setattr(hubs.atomic, "sha256", lambda path: (_ for _ in ()).throw(KeyboardInterrupt))
    assert crosscade("pull", f"hf://{NAME}").code == 130
    assert not (tmp_path / "day-night").exists()
