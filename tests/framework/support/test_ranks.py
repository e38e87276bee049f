"""What processes that train together ask of each other; `tests/framework/training/test_ranks.py` has them train."""

import numpy as np
import pytest
import torch

from crosscade.framework import InputError, RunError
from crosscade.framework.support import ranks
from crosscade.framework.support.ranks import Group


def test_alone_nothing_is_shared():
    rows, x = np.arange(5), torch.arange(5.0)
    assert ranks.part(rows) is rows
    assert ranks.over_all(x) is ranks.mine(x) is ranks.gathered(x) is x
    assert ranks.on_first(lambda: 3) == 3
    assert ranks.each("all") == ["all"]
    assert ranks.block(7) == range(7)


def test_every_row_is_one_processs():
    rows = np.arange(8)
    for world in (1, 2, 3, 8):
        parts = []
        for rank in range(world):
            with ranks.acting(Group(rank, world)):
                parts.append(ranks.part(rows))
                assert len(parts[-1]) == ranks.own(8)
                assert ranks.whole(len(parts[-1])) == 8
        assert sorted(np.concatenate(parts)) == list(range(8))
        assert max(map(len, parts)) - min(map(len, parts)) <= 1
        assert [parts[rank][0] for rank in range(world)] == list(range(world)), "the first rows are everyone's"


def test_chance_is_drawn_for_the_whole_batch():
    torch.manual_seed(0)
    expected = torch.randn(4, 2)
    for rank in range(2):
        with ranks.acting(Group(rank, 2, batch=4)):
            torch.manual_seed(0)
            assert torch.equal(ranks.of_batch(lambda n: torch.randn(n, 2), 2), expected[rank::2])
            torch.manual_seed(0)
            assert torch.equal(ranks.noise_like(torch.zeros(2, 2)), expected[rank::2])


def test_what_must_be_alike_and_is_not_is_named(monkeypatch):
    monkeypatch.setattr(ranks, "each", lambda value: [{"torch": "2.14"}, {"torch": "2.14"}, {"torch": "2.13"}])
    with pytest.raises(InputError, match=r"versions in process 2: found .*2\.13.*; expected .*2\.14.* as in 0"):
        ranks.agree("versions", {"torch": "2.14"}, "Install the same everywhere.")


def test_a_lost_process_is_one_line():
    with pytest.raises(RunError, match=r"by 2 processes: found one that does not answer \(Conn"), ranks.lost(2):
        raise RuntimeError("Connection closed by peer\nstack")
