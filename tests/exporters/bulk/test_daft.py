"""The lines of docs/bulk.md for Daft."""

import re
from pathlib import Path

import pytest

from tests.exporters.bulk.conftest import files

DOCS = Path(__file__).parents[3] / "docs" / "bulk.md"


@pytest.mark.slow
def test_the_lines_for_daft(folder, tmp_path, monkeypatch, bulk):
    pytest.importorskip("daft")
    pyarrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    (tmp_path / "in").mkdir()
    rows = [*files(40), ("bad", b"no")]
    table = {"id": [name for name, _ in rows], "image": [data for _, data in rows]}
    parquet.write_table(pyarrow.table(table), tmp_path / "in" / "a.parquet")
    code = re.search(r"```py\n(import daft\n.*?)```", DOCS.read_text(encoding="utf-8"), re.S)[1]
    monkeypatch.chdir(tmp_path)
    Path("lines.py").write_text("from crosscade.exporters.bulk import Bulk\n" + code.replace("cat-dog", str(folder)))
    exec(compile(Path("lines.py").read_text(), "lines.py", "exec"), {"__name__": "lines"})
    done = {row["id"]: row["done"] for row in parquet.read_table(tmp_path / "out").to_pylist()}
    expected = bulk(table)
    assert done == {
        key: {"image": image, "error": error}
        for key, image, error in zip(expected["id"], expected["image"], expected["error"])
    }
