"""The notebook among the pages runs as it stands, and shows what it gave."""

import ast
import os
import sys
from pathlib import Path

import pytest

from tests.docs_tools import DOCS

nbformat = pytest.importorskip("nbformat", reason="nbformat is not installed")
FEW = [
    "training.threads=1", "training.ship_collapsed=true", "data.train=12", "data.test=12", "image.size=64",
    "image.crops=2", "invert[0].inverter.mask=true", "refine.losses[foreground].weight=1",
]  # fmt: skip
SMALL = f'MINUTES, RUN, SETTINGS = 0.01, "run", {FEW}'


@pytest.fixture
def notebook():
    return nbformat.read(DOCS / "notebook.ipynb", as_version=4)


def codes(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_it_is_whole_and_every_cell_was_run_in_turn(notebook):
    nbformat.validate(notebook)
    assert [cell.execution_count for cell in codes(notebook)] == [*range(1, len(codes(notebook)) + 1)]
    for cell in codes(notebook):
        ast.parse("".join(line for line in cell.source.splitlines(keepends=True) if not line.startswith("!")))
        assert not [output for output in cell.outputs if output.output_type == "error"]


def test_what_it_shows_is_of_no_ones_machine_and_small_enough_to_load(notebook):
    text = (DOCS / "notebook.ipynb").read_text(encoding="utf-8")
    assert len(text) < 2_000_000
    folders = {path.name for path in Path("/").iterdir() if path.is_dir()} | {"tmp", "home", "root"}
    assert not [name for name in folders if f"/{name}/" in text]
    shown = [set(output.data) for cell in codes(notebook) for output in cell.outputs if "data" in output]
    assert sum("text/html" in kinds for kinds in shown) >= 4, "strips and scores"


@pytest.mark.slow
def test_it_runs(notebook, tmp_path, monkeypatch):
    client = pytest.importorskip("nbclient", reason="nbclient is not installed")
    monkeypatch.setenv("PATH", f"{os.path.dirname(sys.executable)}{os.pathsep}{os.environ['PATH']}")
    (settings,) = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", ())]
    settings.source = SMALL
    client.NotebookClient(notebook, timeout=900, resources={"metadata": {"path": str(tmp_path)}}).execute()
    said = "".join(output.get("text", "") for output in codes(notebook)[-1].outputs)
    assert "4 images in giraffes" in said
    assert len(list((tmp_path / "giraffes").glob("*.png"))) == 4
