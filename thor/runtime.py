"""The stop event of a process, and retries of calls that depend on a server."""

import threading
from collections.abc import Callable
from typing import TypeVar

from thor.errors import Unavailable

T = TypeVar("T")
FIRST_S = 0.1
LONGEST_S = 5.0


class Stopped(Exception):
    """The wait ended because the process is to stop."""


class Stop:
    """The stop event of a process: set once by a signal, seen by every wait."""

    def __init__(self) -> None:
        """Begin unset."""
        self._event = threading.Event()

    def set(self) -> None:
        """Ask the process to stop."""
        self._event.set()

    def __bool__(self) -> bool:
        """Return whether the process is to stop."""
        return self._event.is_set()

    def wait(self, seconds: float) -> bool:
        """Wait so long, or until the process is to stop; return whether it is."""
        return self._event.wait(max(seconds, 0.0))

    def report_wait(self, reason: str, attempt: int) -> None:
        """Report that the process waits for a server, why, and the attempt's number."""

    def report_running(self) -> None:
        """Report that the server is back."""


class _Retry:
    """The waits between attempts: 0.1 s, doubling to 5 s, from the start again after a success."""

    def __init__(self, stop: Stop, on_wait: Callable[[str, int], None]) -> None:
        self._stop, self._on_wait = stop, on_wait
        self._delay_s, self._attempt = FIRST_S, 0

    def wait(self, error: Unavailable) -> bool:
        """Report and wait; return whether the process is to stop."""
        self._attempt += 1
        self._stop.report_wait(str(error), self._attempt)
        self._on_wait(str(error), self._attempt)
        is_stopped = self._stop.wait(self._delay_s)
        self._delay_s = min(self._delay_s * 2, LONGEST_S)
        return is_stopped

    def succeed(self) -> None:
        """Report that the server is back, where it was away."""
        if self._attempt:
            self._stop.report_running()
        self._delay_s, self._attempt = FIRST_S, 0


def persist(
    do: Callable[[], T], stop: Stop, on_wait: Callable[[str, int], None] = lambda *_: None
) -> T:
    """Call until it does not raise `Unavailable`, waiting 0.1 s doubling to 5 s between.

    `on_wait` is called with the reason and the attempt's number. Raises `Stopped`.
    """
    retry = _Retry(stop, on_wait)
    while True:
        try:
            done = do()
        except Unavailable as error:
            if retry.wait(error):
                raise Stopped from error
        else:
            retry.succeed()
            return done


def resume(
    work: Callable[[Callable[[], None]], None],
    stop: Stop,
    on_wait: Callable[[str, int], None] = lambda *_: None,
) -> None:
    """Do work again whenever it raises `Unavailable`, until `stop` is set.

    `work` calls what it is given once it has reached its servers: the wait before the next attempt
    begins at 0.1 s again, and doubles to 5 s. `on_wait` is called with the reason and the
    attempt's number.
    """
    retry = _Retry(stop, on_wait)
    while not stop:
        try:
            work(retry.succeed)
        except Unavailable as error:
            retry.wait(error)
