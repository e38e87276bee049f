"""The wheel holds what it must and nothing else, and its base install works where there is no torch."""

import os
import shutil
import subprocess
import sys
import venv
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
BASE = ("attrs", "lazy_loader", "packaging", "numpy", "pillow", "pluggy", "rich", "markdown-it-py", "mdurl", "pygments")
"""What the base install needs for the command line; the last three come with rich."""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built from a copy of the files that are or would be committed."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git checkout")
    clean = tmp_path_factory.mktemp("clean")
    for name in listed.stdout.split("\0"):
        if name and (ROOT / name).is_file():
            (clean / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, clean / name)
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(clean / "out"), str(clean)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    (made,) = (clean / "out").glob("*.whl")
    return made


def test_the_wheel_holds_the_four_packages_and_nothing_beside_them(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    top = {name.split("/")[0] for name in names}
    assert {t for t in top if not t.endswith(".dist-info")} == {"crosscade"}
    assert {name.split("/")[1] for name in names if name.startswith("crosscade/")} == {
        "framework", "plugins", "exporters", "evaluation",
    }  # fmt: skip


def test_the_wheel_holds_every_file_of_the_packages(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    wanted = {
        f"crosscade/{path.relative_to(ROOT).as_posix()}"
        for floor in ("framework", "plugins", "exporters", "evaluation")
        for path in (ROOT / floor).rglob("*")
        if path.suffix in (".py", ".pyi", ".toml", ".html", ".css", ".js") or path.name == "py.typed"
    }
    assert {
        "crosscade/framework/py.typed",
        "crosscade/plugins/recipes/demo.toml",
        "crosscade/evaluation/reports/page.html",
        "crosscade/exporters/web/site/resize.js",
    } <= wanted
    assert wanted <= names
    assert any(name.endswith("LICENSE") for name in names)


@pytest.fixture(scope="module")
def base(wheel, tmp_path_factory):
    """A fresh environment with the wheel and what its command line needs: packages of here, linked, so offline."""
    folder = tmp_path_factory.mktemp("base")
    venv.create(folder, with_pip=False, symlinks=os.name != "nt")
    scripts = folder / ("Scripts" if os.name == "nt" else "bin")
    python = scripts / "python"
    asked = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], capture_output=True, text=True
    )
    site = Path(asked.stdout.strip())
    for name in BASE:
        distribution = metadata.distribution(name)
        tops = {file.parts[0] for file in distribution.files or [] if file.parts[0] != ".."}
        for top in tops - {"__pycache__"}:
            (site / top).symlink_to(distribution.locate_file(top))
    command = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-index", "--no-deps"]
    subprocess.run([*command, str(wheel)], check=True)
    return scripts


def run(base, *words, cwd):
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | {"COLUMNS": "200"}
    return subprocess.run(words, capture_output=True, text=True, cwd=cwd, env=environment)


def test_the_base_install_lists_plugins_without_torch(base, tmp_path):
    done = run(base, base / "python", "-c", "import torch", cwd=tmp_path)
    assert "No module named 'torch'" in done.stderr
    done = run(base, base / "crosscade", "plugins", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for name in ("safari", "demo", "paper", "translate"):
        assert f" {name} " in done.stdout
    assert "pip install 'crosscade[train]'" in done.stdout
    unexpected = [v for v in done.stdout.splitlines() if v.startswith("  crosscade ") and ": needs " not in v]
    assert unexpected == []


def test_the_base_install_says_what_training_needs(base, tmp_path):
    done = run(base, base / "crosscade", "train", "--recipe", "demo", "--out", "x", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("crosscade: no package '")
    assert done.stderr.endswith("crosscade[train]. pip install 'crosscade[train]'\n")
    assert len(done.stderr.splitlines()) == 1
