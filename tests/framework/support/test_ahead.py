"""Work beside the one that computes: in order, not too far ahead, and every failure where it belongs."""

import threading
import warnings

import pytest

from crosscade.framework.support.limits import Ahead, cores, readers


@pytest.mark.parametrize("threads", [0, 1, 3])
def test_results_come_in_order_and_no_further_ahead_than_asked(threads):
    begun, lock = [], threading.Lock()

    def work(value):
        with lock:
            begun.append(value)
        return value * value

    with Ahead(threads) as pool:
        for k, result in enumerate(pool.map(work, range(50), 4)):
            assert result == k * k
            assert len(begun) <= k + 1 + 4
    assert sorted(begun) == list(range(50))


@pytest.mark.parametrize("threads", [0, 2])
def test_a_failure_comes_where_its_value_would(threads):
    with Ahead(threads) as pool:
        results = pool.map(lambda v: 1 / v, [1, 2, 0], 8)
        assert [next(results), next(results)] == [1, 0.5]
        with pytest.raises(ZeroDivisionError):
            next(results)


def test_warnings_are_as_they_were_afterwards():
    before = warnings.filters
    with Ahead(2) as pool:
        list(pool.map(lambda _: warnings.warn("of a picture", stacklevel=1), range(9), 4))
    assert warnings.filters is before


def test_there_are_fewer_threads_than_cores():
    assert 0 <= readers() < cores()
