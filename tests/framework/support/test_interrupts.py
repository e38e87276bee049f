"""Ctrl-C and SIGTERM are counted while the context is open, and do what they did before once it is not."""

import signal
import threading

import pytest

from crosscade.framework.support.interrupts import counted_interrupts


def test_signals_are_counted_up_to_the_patience_and_handlers_come_back():
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with counted_interrupts(patience=1) as received:
        signal.raise_signal(signal.SIGTERM)
        assert received == [signal.SIGTERM]
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
    with counted_interrupts() as received:
        for _ in range(3):
            signal.raise_signal(signal.SIGINT)
    assert received == 3 * [signal.SIGINT]


def test_a_thread_leaves_the_handlers_alone():
    before, inside = signal.getsignal(signal.SIGINT), []

    def work():
        with counted_interrupts():
            inside.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert inside == [before]
