"""What people see: bars on a terminal, plain whole lines elsewhere."""

import io

import pytest
from rich.console import Console

from crosscade.framework import Reporter
from crosscade.framework.support import progress


@pytest.fixture
def lines():
    """A reporter to a narrow file that is no terminal, and what it wrote."""
    file = io.StringIO()
    return Reporter(Console(file=file, width=40, highlight=False)), file


def test_lines_are_never_wrapped_nor_taken_for_markup(lines):
    report, file = lines
    path = "/a/[bold]/" + "very-long-name" * 10
    report.say(path)
    report.warn(path)
    assert file.getvalue() == f"{path}\nwarning: {path}\n"


def test_a_warning_is_said_once_even_when_quiet(lines):
    _, file = lines
    report = Reporter(Console(file=file, width=200), quiet=True)
    report.say("nothing")
    report.warn("dark")
    report.warn("dark")
    assert file.getvalue() == "warning: dark\n"


def test_without_a_terminal_a_line_now_and_then_tells_how_long_it_will_take(lines, monkeypatch):
    report, file = lines
    monkeypatch.setattr(progress, "LINE_SECONDS", -1.0)
    with report.run([10], None), report.training(0, "invert level 4", 10, 2) as bar:
        bar.show(5, {"image": 0.25})
    text = file.getvalue()
    assert "invert level 4: 10 steps, from step 2\n" in text
    assert "invert level 4: 5 of 10, 0:00 left  image 0.25\n" in text
    assert "invert level 4: done in 0:00\n" in text


def test_the_whole_run_is_weighted_by_the_seconds_that_stages_take():
    report = Reporter(Console(file=io.StringIO(), force_terminal=True, width=120))
    with report.run([100, 10, 10], [10.0, 30.0, 60.0]):
        whole = lambda: report.live.tasks[0].percentage  # noqa: E731
        report.skip(0, 100)
        assert whole() == pytest.approx(10)
        with report.training(1, "translate level 5", 10, 4) as bar:
            assert whole() == pytest.approx(22), "what was done before the resume counts"
            bar.show(10, {"cycle": 1.0})
        assert whole() == pytest.approx(40)
    assert report.live is None
