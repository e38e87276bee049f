import base64
import html
import io
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from crosscade.evaluation.reports.curves import line_chart
from crosscade.evaluation.reports.figures import Figure
from crosscade.evaluation.reports.page import ReportData, Strip, render, spoken, write
from crosscade.evaluation.reports.recipe_diff import Change, Lineage
from crosscade.evaluation.reports.table import Table, number, read_tables
from crosscade.framework import InputError, Score
from crosscade.framework.data.written import png


def picture(value):
    return png(np.full((8, 8, 3), value, np.uint8))


TABLE = Table(
    "zebra → giraffe",
    {
        "cascade": {
            "target-class": Score(0.9, "by <hand>", 20, higher_is_better=True, warning="odd", label="taken for <it>")
        },
        "no translator": {"target-class": Score(0.2, "by <hand>", 20, higher_is_better=True)},
        "real target": {"target-class": Score(1.0, "by <hand>", 20, higher_is_better=True), "x": Score.missing("gone")},
    },
    controls=("real target",),
)
DATA = ReportData(
    title="Zebras & <giraffes>",
    command="crosscade demo --out run",
    recipes=(
        Lineage("ours", '{"use": "efficientnet-lite0"}', "demo", (Change("encoder", "vgg19", "efficientnet-lite0"),)),
        Lineage("theirs", "{}"),
    ),
    hardware="two cores",
    durations=(("level 4", 75.0), ("invert", 3.25)),
    strips=(Strip("zebra → giraffe", ("source", "final"), [[picture(10), picture(20)], [picture(30), picture(40)]]),),
    curves=(line_chart("level 4", {"cycle": [(0, 1.0), (10, 0.5), (30, 0.25)]}, "images seen", "loss"),),
    figures=(Figure("t-SNE", picture(50), "perplexity 30"),),
    tables=(TABLE,),
    warnings=("participation ratio 4.1",),
)


class Page(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.open = [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_nothing_is_fetched_and_every_picture_is_embedded():
    text = render(DATA)
    page = Page(text)
    assert not page.open
    assert not re.search(r"https?:|//[a-z]|@import|url\(", text)
    assert not {"link", "iframe", "object", "embed", "base"} & {tag for tag, _ in page.tags}
    sources = [a["src"] for tag, a in page.tags if "src" in a]
    assert [source.partition(";")[0] for source in sources] == ["data:image/png"] * 5 + ["data:image/svg+xml"]
    for source, value in zip(sources, (10, 20, 30, 40, 50)):
        head, data = source.split(",")
        assert head == "data:image/png;base64"
        assert np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))[0, 0, 0] == value
    alts = [a["alt"] for tag, a in page.tags if tag == "img" and "src" in a]
    assert alts[3] == "zebra → giraffe, row 2: final"
    policy = next(a["content"] for tag, a in page.tags if a.get("http-equiv"))
    assert policy.startswith("default-src 'none'; img-src data:")


def test_what_people_wrote_is_text():
    text = render(DATA)
    assert "<giraffes>" not in text
    assert "Zebras &amp; &lt;giraffes&gt;" in text
    assert "by &lt;hand&gt;" in text


def test_everything_is_on_the_page():
    text = render(DATA)
    for piece in (
        "crosscade demo --out run", "&#34;use&#34;: &#34;efficientnet-lite0&#34;", "two cores", "1 min 15 s", "3.2 s",
        "participation ratio 4.1", "cascade: target-class: odd", "taken for &lt;it&gt;",
        "0.900 !", "n = 20", "gone", "t-SNE", "perplexity 30",
        "<code>encoder</code>: vgg19 → <strong>efficientnet-lite0</strong>", "stands for itself",
    ):  # fmt: skip
        assert piece in text, piece
    assert 'class="best">0.900' not in text  # attributes come between: the warning is the cell's hint
    assert re.search(r'<td class="best" title="odd">0.900 !</td>', text)


def test_an_empty_report_is_a_page():
    page = Page(render(ReportData(title="Nothing yet")))
    assert not page.open
    assert "table" not in {tag for tag, _ in page.tags}


def test_writes_one_file(tmp_path):
    path = write(DATA, tmp_path / "report.html")
    assert path.read_text(encoding="utf-8") == render(DATA)
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]


def test_strips_are_checked():
    with pytest.raises(InputError, match="expected 2 PNG"):
        Strip("s", ("source", "final"), [[picture(1)]])
    with pytest.raises(InputError):
        Strip("s", ("source",), [[b"GIF89a"]])


def shown_tables(text):
    """Every table of the page: {(score, row): cell}."""
    found = []
    for table in re.findall(r"<table>.*?</table>", text, re.S):
        head, *lines = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", line, re.S) for line in table.split("</tr>")[:-1]]
        plain = [
            [html.unescape(re.sub(r"<span.*", "", cell)).replace("\u00a0", " ") for cell in line] for line in lines
        ]
        found.append({(line[0].rstrip(" ↑↓"), row): cell for line in plain for row, cell in zip(head[1:], line[1:])})
    return found


def test_numbers_on_the_page_are_those_of_the_json(tmp_path):
    (tmp_path / "scores.json").write_text(json.dumps({"a2b": TABLE.as_json()}))
    (cells,) = shown_tables(render(DATA))
    rows = json.loads((tmp_path / "scores.json").read_text())["a2b"]["rows"]
    known = {(name, row): s["value"] for row, scores in rows.items() for name, s in scores.items() if not s["absent"]}
    assert len(known) == 3
    for place, value in known.items():
        assert cells[place].split()[0] == number(value), place
    (again,) = read_tables(tmp_path / "scores.json")
    assert again.as_json() == TABLE.as_json(), "and a page made of the JSON is the same page"
    (tmp_path / "scores.json").write_text('{"a2b": {"rows": 1}}')
    with pytest.raises(InputError, match=r"scores\.json.*crosscade evaluate"):
        read_tables(tmp_path / "scores.json")


def test_numbers_for_people():
    assert [spoken(v) for v in (0.42, 9.0, 59.6, 61, 3700)] == [
        "0.4 s",
        "9.0 s",
        "1 min 00 s",
        "1 min 01 s",
        "1 h 01 min",
    ]
