"""The stop event of a process, its heartbeat, and the retry of what depends on a server."""

import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from thor import clock
from thor.errors import Unavailable

T = TypeVar("T")
FIRST_S = 0.1
LONGEST_S = 5.0
_BEAT_EVERY_S = 5.0


class Stopped(Exception):
    """The wait ended because the process is to stop."""


class Stop:
    """A wish to stop, set once by a signal and seen by every wait."""

    def __init__(self) -> None:
        """Begin unwished."""
        self._event = threading.Event()

    def set(self) -> None:
        """Wish that the process stop."""
        self._event.set()

    def __bool__(self) -> bool:
        """Tell whether the wish was made."""
        return self._event.is_set()

    def wait(self, seconds: float) -> bool:
        """Wait so long, or until the wish is made; returns whether it was."""
        return self._event.wait(max(seconds, 0.0))


class Pulse(Stop):
    """A wish to stop that also tells, by a file's age, when it was last asked for."""

    def __init__(self, file: Path) -> None:
        """Name the file; it is written when a loop first asks."""
        super().__init__()
        self._file = file
        self._due_s = 0.0

    def __bool__(self) -> bool:
        """Tell whether the wish was made."""
        self._beat()
        return super().__bool__()

    def wait(self, seconds: float) -> bool:
        """Wait so long, or until the wish is made; returns whether it was."""
        self._beat()
        return super().wait(seconds)

    def _beat(self) -> None:
        now_s = clock.monotonic_s()
        if now_s < self._due_s:
            return
        self._due_s = now_s + _BEAT_EVERY_S
        # A job goes on where its mark cannot be left: a full disk is told elsewhere.
        with suppress(OSError):
            self._file.parent.mkdir(exist_ok=True)
            self._file.touch()


def persist(
    do: Callable[[], T], stop: Stop, say: Callable[[str, int], None] = lambda *_: None
) -> T:
    """Call until it does not raise `Unavailable`, waiting 0.1 s doubling to 5 s between.

    `say` hears the reason and the attempt's number. Raises `Stopped`.
    """
    delay_s = FIRST_S
    attempt = 0
    while True:
        try:
            return do()
        except Unavailable as error:
            attempt += 1
            say(str(error), attempt)
            if stop.wait(delay_s):
                raise Stopped from error
            delay_s = min(delay_s * 2, LONGEST_S)
