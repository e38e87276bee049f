"""Rows in, rows out: the same bytes whatever lies beside a row, and a bad picture is a row with its reason."""

import io

import numpy as np
import pytest
from PIL import Image

from crosscade.exporters.bulk import Bulk, Row
from crosscade.exporters.bulk import rows as rows_module
from crosscade.exporters.runtime.exported import psnr_db
from crosscade.framework import read_rgb
from crosscade.framework.data.pictures import fit
from tests.exporters.bulk.conftest import files
from tests.exporters.tiny_export import SIZE, pictures, translated, write


def test_a_row_is_what_the_export_makes_of_its_picture(bulk):
    rows = list(bulk.rows(Row(name, data) for name, data in files(11)))
    assert [row.id for row in rows] == [name for name, _ in files(11)]
    assert (np.stack([read_rgb(row.image) for row in rows]) == translated(pictures(11))).all()


@pytest.mark.parametrize(("batch", "readers"), [(1, 0), (3, 2), (16, 3)])
def test_neither_batch_nor_order_nor_threads_change_a_byte(folder, batch, readers):
    given = [Row(name, data) for name, data in files(9)]
    expected = {row.id: row for row in Bulk(folder, trust=True, batch=batch).rows(given)}
    others = Bulk(folder, trust=True, batch=batch, readers=readers)
    mixed = [given[k] for k in np.random.default_rng(0).permutation(9)]
    assert {
        row.id: row for row in others.rows([*mixed[:5], Row("bad", b"no"), *mixed[5:]]) if not row.error
    } == expected
    assert [row for one in given for row in others.rows([one])] == [expected[row.id] for row in given]


def test_a_style_belongs_to_its_row(tmp_path):
    styled = Bulk(write(tmp_path / "styled", style_size=4), trust=True)
    data = files(1)[0][1]
    one, other = styled.rows([Row("one", data), Row("other", data)])
    assert one.image != other.image
    assert list(styled.rows([Row("other", data), Row("one", data)])) == [other, one]
    assert styled.how["seed"] == 0


def test_bad_pictures_are_rows(bulk, monkeypatch):
    monkeypatch.setattr(rows_module, "MOST_BYTES", 2000)
    cut = files(1)[0][1][:100]
    images = [b"", None, b"no picture", cut, b"x" * 2001, {"bytes": files(1)[0][1], "path": None}]
    answer = bulk({"id": list("abcdef"), "image": images})
    assert answer["id"] == list("abcdef")
    assert [image is None for image in answer["image"]] == [True] * 5 + [False]
    assert answer["error"][:3] == ["no bytes of a file", "no bytes of a file", "no picture of a known format"]
    assert "damaged" in answer["error"][3]
    assert "2001 bytes" in answer["error"][4]
    assert answer["error"][5] == ""


def test_the_golden_pictures_are_repeated_once(tmp_path, monkeypatch):
    bulk = Bulk(write(tmp_path / "tiny.onnx"), trust=True)
    monkeypatch.setattr(bulk.exported, "_golden", lambda *_: pytest.fail("repeated"))
    assert len(list(bulk.rows([Row("a", files(1)[0][1])]))) == 1


def test_a_draft_is_nearly_the_same(tmp_path):
    smooth = Image.effect_mandelbrot((600, 400), (-2, -1.2, 1, 1.2), 50).convert("RGB")
    stream = io.BytesIO()
    smooth.save(stream, "JPEG", quality=90)
    whole, draft = (fit(stream.getvalue(), SIZE, draft=draft) for draft in (False, True))
    assert whole.shape == draft.shape == (SIZE, SIZE, 3)
    assert (whole != draft).any()
    assert psnr_db(whole, draft) > 35
    bulk = Bulk(write(tmp_path / "tiny.onnx"), trust=True, draft=True)
    assert bulk.how["draft"] is True
    assert (read_rgb(next(bulk.rows([Row("a", stream.getvalue())])).image) == translated(draft[None])[0]).all()
