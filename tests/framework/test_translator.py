"""What a translator gives shows itself in a notebook."""

import re

import numpy as np

from crosscade.exporters.runtime import load
from tests.exporters.tiny_export import pictures, write


def test_a_strip_is_columns_and_a_notebook_sees_a_picture_with_their_names(tmp_path):
    exported = load(write(tmp_path, taps=True))
    strip = exported.strip(pictures(3))
    assert [np.shape(column) for column in strip] == [(3, 16, 16, 3)] * 4
    assert repr(strip) == "Strip(day | level 3 | level 2 | night: 3 of 16 px)"
    page = strip._repr_html_()
    assert re.findall(r"<td[^>]*>([^<]+)<", page) == ["day", "level 3", "level 2", "night"]
    assert page.count("data:image/png;base64,") == 4
    assert "more" not in page
    assert exported.strip(pictures(1), "b2a").heads == ("night", "level 3", "level 2", "day")


def test_of_many_pictures_a_notebook_sees_the_first(tmp_path):
    page = load(write(tmp_path, taps=True)).strip(pictures(20))._repr_html_()
    assert "and 12 more" in page
    assert len(page) < 60_000
