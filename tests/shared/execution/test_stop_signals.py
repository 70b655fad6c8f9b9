import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from selip_shared.execution.stop_signals import deferred_stop


@pytest.fixture(autouse=True)
def ctrl_c() -> Iterator[None]:
    """Ctrl-C raises KeyboardInterrupt, also where pytest runs in the background of a shell, which ignores it."""
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, handler)


def test_the_first_signal_is_recorded_and_the_second_acts() -> None:
    handlers = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    with deferred_stop(signal.SIGTERM, signal.SIGINT) as stop:
        assert stop.number == 0
        signal.raise_signal(signal.SIGTERM)
        assert stop.number == signal.SIGTERM
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == handlers


def test_afterwards_signals_act_as_before() -> None:
    with deferred_stop(signal.SIGINT):
        pass
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_a_signal_that_is_not_named_acts() -> None:
    with pytest.raises(KeyboardInterrupt), deferred_stop(signal.SIGTERM):
        signal.raise_signal(signal.SIGINT)


def test_in_another_thread_nothing_is_deferred() -> None:
    def handler() -> object:
        with deferred_stop(signal.SIGINT):
            return signal.getsignal(signal.SIGINT)

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(handler).result() is signal.getsignal(signal.SIGINT)
