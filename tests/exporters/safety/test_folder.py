"""Export folders that nothing is run of: each is refused with the file and the reason, in under two seconds."""

import json
import os
from pathlib import Path

import pytest
from onnx import helper

from crosscade.exporters.safety import manifest
from crosscade.exporters.safety.folder import check_folder
from crosscade.framework.support import atomic
from tests.exporters import tiny_export
from tests.exporters.safety.refusals import refused
from tests.test_floors import without_torch


def test_an_export_is_accepted(tmp_path):
    folder = tiny_export.write(tmp_path / "x.onnx", taps=True, style_size=3)
    assert check_folder(folder) == manifest.read(folder)
    assert "mask" not in (folder / manifest.NAME).read_text()  # as it was before there were any


def test_masks_are_grey_and_their_golden_pictures_are_there(tmp_path):
    folder = tiny_export.write(tmp_path / "x.onnx", mask=True, directions=("a2b",))
    contents = check_folder(folder)
    assert contents == manifest.read(folder)
    assert contents.directions["a2b"].outputs == ("translated", "mask")
    assert "golden/a2b-0-mask.png" in contents.files
    golden = json.loads((folder / manifest.NAME).read_text())["directions"]["a2b"]["golden"]
    refused(direction(folder, golden=[{**v, "mask": ""} for v in golden]), "golden ones, or none", check_folder)
    refused(direction(folder, golden=golden, outputs=["translated"]), "golden ones, or none", check_folder)


@pytest.fixture
def export(tmp_path) -> Path:
    return tiny_export.write(tmp_path / "x.onnx", directions=("a2b",))


def edited(export: Path, **changes) -> Path:
    """The export, with other keys in its manifest."""
    path = export / manifest.NAME
    path.write_text(json.dumps({**atomic.read_json(path, "its own"), **changes}))
    return export


def replaced(export: Path, data: bytes) -> Path:
    """The export, with another graph that the manifest vouches for."""
    (export / "a2b.onnx").write_bytes(data)
    files = json.loads((export / manifest.NAME).read_text())["files"]
    made = manifest.file(export / "a2b.onnx")
    return edited(export, files={**files, "a2b.onnx": {"sha256": made.sha256, "bytes": made.bytes}})


def direction(export: Path, **changes) -> Path:
    """The export, with another entry for `a2b`."""
    old = json.loads((export / manifest.NAME).read_text())["directions"]
    return edited(export, directions={"a2b": {**old["a2b"], **changes}})


def named(export: Path, name: str) -> Path:
    """The export, whose manifest also names `name`."""
    files = json.loads((export / manifest.NAME).read_text())["files"]
    return edited(export, files={**files, name: {"sha256": "0" * 64, "bytes": 4}})


def test_a_changed_file(export):
    path = export / "a2b.onnx"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    refused(export, "a2b.onnx: found sha256", check_folder)
    path.write_bytes(content[:-1])
    refused(export, "a2b.onnx: found 5.. bytes", check_folder)
    path.unlink()
    refused(export, "a2b.onnx: found no file", check_folder)


def test_a_golden_picture_that_was_changed(export):
    (export / "golden" / "a2b-0-source.png").write_bytes(b"")
    refused(export, "a2b-0-source.png: found 0 bytes", check_folder)


@pytest.mark.parametrize("name", ["../out", "/etc/hostname", "golden/../../out", "a\\b", "c:out", "a\0b", "x" * 300])
def test_names_that_leave_the_folder(export, name):
    (export.parent / "out").write_text("1234")
    refused(named(export, name), "leaves it", check_folder)


def test_links_that_leave_the_folder(export):
    (export.parent / "out").write_text("1234")
    (export / "link").symlink_to(export.parent / "out")
    refused(named(export, "link"), "'link', which leaves it", check_folder)
    (export / "link").unlink()
    (export / "link").symlink_to("link")
    refused(named(export, "link"), "link: found no", check_folder)


def test_a_pipe_is_not_waited_for(export):
    os.mkfifo(export / "pipe")
    refused(named(export, "pipe"), "no regular file", check_folder)


def test_a_foreign_graph_with_the_right_hash(export):
    """A manifest that vouches for it does not make it one of ours."""
    other = tiny_export.graph("a2b")
    other.graph.input[0].name = other.graph.node[0].input[0] = "pictures"
    refused(replaced(export, other.SerializeToString()), "inputs: found pictures uint8", check_folder)
    endless = tiny_export.graph("a2b")
    body = helper.make_graph([], "body", [], [])
    endless.graph.node.append(helper.make_node("Loop", ["", ""], ["z"], body=body))
    refused(replaced(export, endless.SerializeToString()), "a2b.onnx: found operator 'Loop'", check_folder)


def test_a_graph_for_other_inputs_than_the_manifests(export):
    refused(edited(export, opset=20), "opset 21", check_folder)
    refused(edited(export, opset=21, size=24), "images uint8.'batch', 16, 16, 3", check_folder)
    refused(direction(edited(export, size=16), style_size=3), "expected images .*, style float32", check_folder)
    refused(
        direction(export, style_size=0, outputs=["translated", "level3"]), "outputs: found translated", check_folder
    )
    refused(direction(export, outputs=[["translated"]]), "'outputs' must be", check_folder)


def test_what_the_manifest_does_not_vouch_for(export):
    (export / "b2a.onnx").write_bytes((export / "a2b.onnx").read_bytes())
    check_folder(export)  # what is not named is not opened
    refused(direction(export, file="b2a.onnx"), "found .*b2a.onnx", check_folder)
    refused(direction(export, file="a2b.onnx", golden=[]), "pictures named", check_folder)
    refused(edited(export, directions={}), "directions", check_folder)


def test_a_manifest_that_the_disk_changed(export):
    path = export / manifest.NAME
    path.write_text(path.read_text().replace('"size": ', '"size": 1', 1))
    refused(export, "changed since it was written", check_folder)


def test_manifests_that_are_none(export):
    path = export / manifest.NAME
    for content in ("[" * 100_000, '{"format": ' + "9" * 5000 + "}", "", "[]", " " * (2**20 + 1)):
        path.write_text(content)
        refused(export, "manifest.json", check_folder)
    path.unlink()
    refused(export, "no manifest.json", check_folder)
    refused(export / "absent", "nothing there", check_folder)


def test_works_without_the_training_extra(export):
    done = without_torch(
        "from pathlib import Path\n"
        "from crosscade.exporters.safety.folder import check_folder\n"
        f"print(check_folder(Path({str(export)!r})).method)"
    )
    assert done.stdout == "tiny\n", done.stderr
