"""Scores show themselves in a notebook, each with its protocol."""

from crosscade.framework import Score
from crosscade.framework.metrics.metric import Scores


def test_a_notebook_sees_a_table_with_what_each_score_means():
    scores = Scores(
        sharp=Score(0.98765, "variance <of> the Laplacian", n=300, beside={"real": 1.0}, higher_is_better=True),
        odd=Score(31.2, "x", unit="px", higher_is_better=False, warning="few images", label="how odd"),
        lost=Score.missing("no weights"),
    )
    page = scores._repr_html_()
    assert scores["sharp"].value == 0.98765, "they stay a dict"
    assert page.count("<tr>") == 4
    for part in (
        "sharp ↑", "<b>0.988</b>", "real 1", "variance &lt;of&gt; the Laplacian; n = 300", "odd ↓", "<b>31.2</b> px",
        "few images", "how odd", "—", "no weights",
    ):  # fmt: skip
        assert part in page
