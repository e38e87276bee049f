"""`crosscade export`: a folder that is whole or not there."""

import pytest

from crosscade.exporters.safety import manifest


def test_a_bundle_is_exported_and_runs(crosscade, bundle, tmp_path):
    answer = crosscade("export", "bundle", "--out", "made", "--direction", "a2b", "--licence", "CC0")
    assert (answer.code, answer.output.strip()) == (0, "made")
    found = manifest.read(tmp_path / "made")
    assert list(found.directions) == ["a2b"]
    assert found.licence == "CC0"
    assert not [p for p in tmp_path.iterdir() if p.name.endswith(".part")]


def test_a_triton_repository_gets_a_version_with_each_export(crosscade, bundle, tmp_path):
    for version in (1, 2):
        assert crosscade("export", "bundle", "--triton", "models", "--direction", "a2b").code == 0
        assert crosscade("run", f"models/zebra-to-giraffe/{version}", "--check").code == 0
    assert (tmp_path / "models" / "zebra-to-giraffe" / "config.pbtxt").is_file()


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--out", "full"], "full: found a folder that is not empty, and not an export; expected an empty or new"),
        (["--out", "made", "--opset", "9"], "'opset' must be >= 18: 9 @ exporter 'onnx'"),
        ([], "--out, --triton and --web: expected one of them"),
        (["--out", "made", "--format", "onx"], "unknown exporter 'onx'. did you mean 'onnx'?"),
        (["--out", "made", "--precision", "int4"], "argument --precision: invalid choice: 'int4'"),
        (["--out", "made", "--data", "safary"], "unknown dataset 'safary' @ $.data. did you mean 'safari'?"),
    ],
)
def test_what_cannot_be_done_is_said_before_any_work(crosscade, bundle, tmp_path, words, line):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter.txt").write_text("dear")
    answer = crosscade("export", "bundle", *words)
    assert answer.code == 2
    assert answer.error.startswith(line)
    assert not (tmp_path / "made").exists()
    assert (tmp_path / "full" / "letter.txt").read_text() == "dear"
