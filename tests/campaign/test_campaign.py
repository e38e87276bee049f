"""A sample of the campaign, small enough for every change: nothing crashes, hangs, is silently other or lost."""

import pytest

from tests.campaign.contain import contained
from tests.campaign.ledger import FAULTS, HELD, REFUSED, Ledger, Outcome, judged, table
from tests.campaign.run import attack, outcomes_in, write
from tests.campaign.subjects import Workshop

SAMPLE = {"graphs": 90, "files": 24, "kills": 3, "disk": 1}


@pytest.fixture(scope="module")
def workshop(tmp_path_factory):
    return Workshop(tmp_path_factory.mktemp("campaign") / "workshop")


@pytest.mark.parametrize("part", SAMPLE)
def test_no_attack_of_the_sample_gets_through(part, workshop, tmp_path, monkeypatch):
    monkeypatch.setenv("CROSSCADE_CACHE", str(tmp_path))
    try:
        faults = attack(part, SAMPLE[part], 0, tmp_path, workshop)
    except SystemExit as error:
        if "rights of root" in str(error):
            pytest.skip(str(error))
        raise
    assert not faults, [outcome for outcome in outcomes_in(tmp_path) if outcome.outcome in FAULTS]


@pytest.mark.parametrize(
    ("work", "outcome"),
    [
        ("1 / 0", "refused badly"),
        ("__import__('os').kill(__import__('os').getpid(), 9)", "crash"),
        ("[0] * (1 << 31) and 1", "refused badly"),
        ("[None for _ in iter(int, 1)]", "hang"),
        ("0", "silently other"),
    ],
)
def test_what_goes_wrong_is_told_apart(work, outcome, tmp_path):
    ended = contained(lambda: eval(work), tmp_path, seconds=1, memory=1 << 30)
    assert judged(ended, "result", "another", own=False)[0] == outcome


def test_a_part_goes_on_where_it_stopped_and_becomes_a_table(tmp_path):
    from crosscade.framework import Reporter

    tried = []

    def attempt(number):
        tried.append(number)
        return Outcome(number, "things", "by chance", HELD if number else REFUSED, 0.5)

    Ledger(tmp_path, "part", 1).fill(2, attempt, Reporter(quiet=True))
    outcomes = Ledger(tmp_path, "part", 1).fill(5, attempt, Reporter(quiet=True))
    assert tried == [0, 1, 2, 3, 4]
    assert "| things | 5 | 4 | 1 | 0 |" in table(outcomes)
    (tmp_path / "part-1.facts").write_text('{"date": "2026-01-02", "seed": 1, "machine": "a machine", "seconds": 3}')
    page = tmp_path / "page.md"
    page.write_text("# A page\n<!-- the campaign's table -->\nold\n<!-- end of it -->\nafter\n")
    write(tmp_path, page)
    text = page.read_text()
    assert "2026-01-02, seed 1, one core of a machine." in text
    assert "old" not in text
    assert text.endswith("after\n")
