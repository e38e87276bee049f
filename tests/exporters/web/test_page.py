"""What a page's folder holds, and the command that makes it."""

import json
import re
import subprocess

import pytest

from crosscade.exporters.onnx.command import PAGE
from crosscade.exporters.safety.folder import check_folder
from crosscade.exporters.web import SITE, runtime
from crosscade.exporters.web.page import write_page
from crosscade.framework import InputError, RunError, read_rgb
from crosscade.framework.data.styles import draw_styles
from crosscade.framework.support import atomic
from tests.exporters import tiny_export
from tests.test_floors import without_torch


@pytest.fixture
def page(package, tmp_path):
    write_page(tiny_export.write(tmp_path / "export", style_size=3), tmp_path / "page", runtime.runtime(package, print))
    return tmp_path / "page"


def test_every_file_is_named_with_its_hash_and_the_export_is_in_it(page):
    table = json.loads((page / "page.json").read_text())
    on_disk = {path.relative_to(page).as_posix() for path in page.rglob("*") if path.is_file()}
    assert on_disk == {*table["files"], "page.json"}
    for name, file in table["files"].items():
        assert file == {"sha256": atomic.sha256(page / name), "bytes": (page / name).stat().st_size}
    assert PAGE.others(page) == []
    assert [*check_folder(page / "model").directions] == ["a2b", "b2a"]


def test_styles_are_those_of_the_seed_and_the_golden_pictures(page):
    styles = json.loads((page / "page.json").read_text())["styles"]
    assert styles["b2a"] == draw_styles(8, 3, 0).tolist()


def test_another_export_is_another_version_of_the_page(page, package, tmp_path):
    first = (page / "sw.js").read_text().splitlines()[0]
    assert first.startswith('const VERSION = "')
    for name in re.findall(r'"([^"]+)"', first.partition("SHELL")[2]):
        assert (page / name).exists()
    other = tiny_export.write(tmp_path / "other", directions=("a2b",))
    write_page(other, tmp_path / "again", runtime.runtime(package, print))
    assert (tmp_path / "again" / "sw.js").read_text().splitlines()[0] != first


def test_the_icon_is_half_a_source_and_half_its_translation(page):
    icon = read_rgb(page / "icon.png")
    assert icon.shape == (512, 512, 3)
    source, translated = (read_rgb(page / "model" / "golden" / f"a2b-0-{n}.png") for n in ("source", "translated"))
    assert abs(icon[:8, :8].mean((0, 1)) - source[0, 0]).max() < 40
    assert abs(icon[-8:, -8:].mean((0, 1)) - translated[-1, -1]).max() < 40


def test_nothing_is_asked_of_others_and_no_script_stands_in_the_page():
    for path in SITE.iterdir():
        text = path.read_text()
        assert re.findall(r"\w+://[^\s./]+\.\w+", text) == [], path.name
        forbidden = r"@import|url\(" if path.suffix == ".css" else r"\beval\(|innerHTML|Function\("
        assert not re.search(forbidden, text), path.name
    page = (SITE / "index.html").read_text()
    policy = re.search(r'content-security-policy" content="([^"]+)"', page)[1]
    assert "unsafe-inline" not in policy
    assert "'unsafe-eval'" not in policy
    assert policy.startswith("default-src 'none'; ")
    assert re.findall(r"<script(?! src=\"\w+\.js\" defer></script>)|<style| style=| on\w+=", page) == []


def test_an_export_becomes_a_page_and_force_makes_it_anew(crosscade, package, tmp_path):
    tiny_export.write(tmp_path / "day")
    words = ["export", "day", "--web", "page", "--onnxruntime-web", str(package)]
    answer = crosscade(*words)
    assert (answer.code, answer.output.strip()) == (0, "page")
    again = crosscade(*words)
    assert (again.code, again.error.strip()) == (
        2,
        "page: found a folder that is not empty; expected an empty or new one. "
        "--force replaces it, if all in it is an export's.",
    )
    assert crosscade(*words, "--force").code == 0
    (tmp_path / "page" / "letter.txt").write_text("dear")
    assert "found what is not of a page: letter.txt" in crosscade(*words, "--force").error


def test_a_bundle_becomes_a_page(crosscade, bundle, package, tmp_path):
    words = ["--direction", "a2b", "--taps", "--onnxruntime-web", str(package)]
    answer = crosscade("export", "bundle", "--web", "page", *words)
    assert (answer.code, answer.output.strip()) == (0, "page")
    assert [*check_folder(tmp_path / "page" / "model").directions] == ["a2b"]


def test_it_needs_no_torch(tmp_path):
    words = ["export", "zebra-giraffe", "--web", str(tmp_path / "page"), "--onnxruntime-web", "elsewhere"]
    code = "from crosscade.exporters.web import runtime; runtime.FILES = (); "
    done = without_torch(f"{code}from crosscade.framework.cli import main; sys.exit(main({words}))")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "page" / "model" / "a2b.onnx").exists()


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--web", "page", "--out", "x"], "--out, --triton and --web: expected one of them"),
        (["--web", "page", "--format", "onnx"], "--format: found --web as well; expected one of them"),
        (["--out", "x", "--onnxruntime-web", "y"], "--onnxruntime-web: found --out; expected --web"),
        (["--web", "page", "--taps"], "--taps: found day, which is exported already; expected a bundle"),
        (["--web", "day/page"], "day/page: found a folder that overlaps day"),
        (["--web", "page", "--onnxruntime-web", "none"], "none/dist/ort.wasm.min.mjs: found no such file; expected "),
    ],
)
def test_what_cannot_be_done_is_said(crosscade, package, tmp_path, words, line):
    tiny_export.write(tmp_path / "day")
    answer = crosscade("export", "day", *words)
    assert answer.code == 2
    assert answer.error.startswith(line)
    assert "\n" not in answer.error
    assert not (tmp_path / "page").exists()


def test_another_version_of_the_runtime_is_refused(package):
    (package / runtime.FILES[1].member).write_text("other")
    with pytest.raises(InputError, match=r"found sha256 d9298a10d1b0…; expected [0-9a-f]{12}…, .*onnxruntime-web@"):
        runtime.runtime(package, print)


def test_npm_fetches_it_once_into_the_cache(package, tmp_path, monkeypatch):
    """By a stand-in of npm, which packs the stand-in of the package."""
    npm = tmp_path / "bin" / "npm"
    npm.parent.mkdir()
    npm.write_text(f'#!/bin/sh\n[ "$2" = {runtime.PACKAGE} ] && tar -czf "$4/made.tgz" -C {tmp_path} package\n')
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", str(npm.parent), prepend=":")
    said = []
    for _ in range(2):
        found = runtime.runtime(None, said.append)
        assert {name: path.read_text() for name, path in found.items()} == {f.name: f.name for f in runtime.FILES}
    assert said == [f"fetching {runtime.PACKAGE} with npm, once"]


def test_without_npm_or_a_registry_one_line_says_what_to_do(package, tmp_path, monkeypatch):
    monkeypatch.setattr(runtime.shutil, "which", lambda name: None)
    with pytest.raises(RunError, match=r"found no npm\. Install Node.js\. .*--onnxruntime-web DIR"):
        runtime.runtime(None, print)
    monkeypatch.setattr(runtime.shutil, "which", lambda name: name)
    failed = subprocess.CompletedProcess([], 1, "", "npm error code E404\nnpm error 404 Not Found\n")
    monkeypatch.setattr(runtime.subprocess, "run", lambda *words, **how: failed)
    with pytest.raises(RunError, match=r"found npm failed \(npm error 404 Not Found\)"):
        runtime.runtime(None, print)


@pytest.mark.network
def test_the_pinned_package_is_what_the_registry_has(tmp_path, monkeypatch):
    monkeypatch.setenv("CROSSCADE_CACHE", str(tmp_path))
    found = runtime.runtime(None, print)
    assert found["wasm/ort.js"].read_bytes().startswith(b"/*!\n * ONNX Runtime Web v1.30.0")
