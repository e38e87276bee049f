import base64
import io
import math
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from attrs import evolve
from PIL import Image

from crosscade.evaluation.charts import HEIGHT, WIDTH, Chart, Curve, Series, nice, short, thinned
from crosscade.evaluation.report import ReportData, Strip, png, render, spoken, write
from crosscade.evaluation.table import Table
from crosscade.framework.errors import InputError
from crosscade.framework.scores import Score


def picture(value):
    return png(np.full((8, 8, 3), value, np.uint8))


TABLE = Table(
    "zebra → giraffe",
    {
        "cascade": {"target-class": Score(0.9, "by <hand>", 20, higher_is_better=True, warning="odd")},
        "no translator": {"target-class": Score(0.2, "by <hand>", 20, higher_is_better=True)},
        "real target": {"target-class": Score(1.0, "by <hand>", 20, higher_is_better=True), "x": Score.missing("gone")},
    },
    controls=("real target",),
)
DATA = ReportData(
    title="Zebras & <giraffes>",
    command="crosscade demo --out run",
    recipe='[encoder]\nuse = "efficientnet-lite0"',
    hardware="two cores",
    durations=(("level 4", 75.0), ("invert", 3.25)),
    strips=(Strip("zebra → giraffe", ("source", "final"), [[picture(10), picture(20)], [picture(30), picture(40)]]),),
    curves=(Curve("level 4", [Series("cycle", [(0, 1.0), (10, 0.5), (20, math.nan), (30, 0.25)])]),),
    tables=(TABLE,),
    warnings=("participation ratio 4.1",),
)


class Page(HTMLParser):
    void = ("meta", "img", "line", "path")

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
    assert len(sources) == 4
    for source, value in zip(sources, (10, 20, 30, 40)):
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
        "crosscade demo --out run", "use = &#34;efficientnet-lite0&#34;", "two cores", "1 min 15 s", "3.2 s",
        "participation ratio 4.1", "cascade: target-class: odd", "taken for the target by a classifier",
        "0.900 !", "n = 20", "gone", "images seen",
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


def test_chart_breaks_at_what_is_not_finite():
    chart = Chart.of(DATA.curves[0])
    ((name, path),) = chart.paths
    assert name == "cycle"
    assert path.count("M") == 2
    places = [tuple(map(float, p.split())) for p in re.findall(r"[ML]([\d. ]+?)(?= [ML]|$)", path)]
    assert len(places) == 3
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in places)
    assert places[0][1] < places[1][1] < places[2][1]  # a falling loss goes down the page
    assert chart.y_ticks[0].text in ("0.2", "0.4")
    assert Chart.of(Curve("none", [Series("s", [(0, math.nan)])])).paths == ()
    assert Chart.of(Curve("flat", [Series("s", [(0, 1.0), (5, 1.0)])])).paths


def test_long_curves_are_thinned():
    points = [(float(i), float(i % 2)) for i in range(10_000)]
    found = thinned(points)
    assert len(found) <= 300
    assert found[0][1] == pytest.approx(0.5)
    assert "No finite values" in render(evolve(DATA, curves=(Curve("none", []),)))


def test_numbers_for_people():
    assert nice(0, 1) == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1.0])
    assert nice(-3, 17) == pytest.approx([0, 5, 10, 15])
    assert [short(v) for v in (0, 0.25, 12_000, 1_500_000, -2000)] == ["0", "0.25", "12k", "1.5M", "-2k"]
    assert [spoken(v) for v in (0.42, 9.0, 59.6, 61, 3700)] == [
        "0.4 s",
        "9.0 s",
        "1 min 00 s",
        "1 min 01 s",
        "1 h 01 min",
    ]
