"""Waiting for a server: longer each time, with a reason, and over at once at a stop."""

import threading
from collections.abc import Callable

import pytest

from thor.errors import Broken, Refused, ThorError, Unavailable
from thor.market.bus.messages import BusFull
from thor.runtime import Stop, Stopped, persist


class Waits(Stop):
    """A stop event that records the length of each wait, and is set in the end."""

    def __init__(self, true_after: int | None = None) -> None:
        super().__init__()
        self.waited: list[float] = []
        self._true_after = true_after

    def wait(self, seconds: float) -> bool:
        self.waited.append(seconds)
        return len(self.waited) == self._true_after


def failing(times: int, error: Exception) -> Callable[[], str]:
    left = [error] * times

    def do() -> str:
        if left:
            raise left.pop()
        return "done"

    return do


def test_what_succeeds_at_once_is_not_waited_for() -> None:
    stop = Waits()
    assert persist(failing(0, Unavailable()), stop) == "done"
    assert stop.waited == []


def test_each_wait_is_twice_the_one_before_up_to_five_seconds() -> None:
    stop = Waits()
    assert persist(failing(9, Unavailable("gone")), stop) == "done"
    assert stop.waited == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 5.0])


def test_each_wait_is_reported_with_its_reason_and_its_number() -> None:
    said: list[tuple[str, int]] = []
    persist(failing(3, BusFull("the bus holds 7 ticks")), Waits(), lambda *it: said.append(it))
    assert said == [("the bus holds 7 ticks", attempt) for attempt in (1, 2, 3)]


def test_a_stop_ends_the_wait() -> None:
    stop = Waits(true_after=3)
    with pytest.raises(Stopped) as stopped:
        persist(failing(99, Unavailable("gone")), stop)
    assert stop.waited == pytest.approx([0.1, 0.2, 0.4])
    assert isinstance(stopped.value.__cause__, Unavailable)


@pytest.mark.parametrize("error", [Refused("no"), Broken("torn"), ThorError("?"), ValueError("x")])
def test_what_waiting_cannot_mend_is_not_waited_for(error: Exception) -> None:
    stop = Waits()
    with pytest.raises(type(error)):
        persist(failing(1, error), stop)
    assert stop.waited == []


def test_a_stop_is_seen_by_a_wait_in_another_thread() -> None:
    stop = Stop()
    seen: list[bool] = []
    thread = threading.Thread(target=lambda: seen.append(stop.wait(600)))
    thread.start()
    assert not stop
    stop.set()
    thread.join(60)
    assert seen == [True]
    assert stop


def test_a_wait_of_no_or_negative_length_only_looks() -> None:
    stop = Stop()
    assert stop.wait(0) is False
    assert stop.wait(-5) is False
    stop.set()
    assert stop.wait(-5) is True
