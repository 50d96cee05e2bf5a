"""Turn a tape into steps at a chosen speed: the collector of files.

Stage 20, collect. A tape → steps with ticks, and between distant ticks steps with the tape's
clock alone. Nothing here sleeps or reads a clock.
"""

import math
from collections.abc import Iterator
from datetime import datetime, timedelta

from thor.market.collect.collector import Step
from thor.market.collect.files.pace import paced, together
from thor.market.collect.files.tape import Tape

# While a tape waits for its next tick it gives its clock so often, at most once a second of it.
_BEAT_S = 0.1


class TapeCollector:
    """One run through a tape, at so many times the market's speed; None is all at once."""

    def __init__(self, tape: Tape, speed: float | None) -> None:
        """Take a tape that was surveyed, and the speed."""
        self._tape = tape
        self._speed = speed

    @property
    def source(self) -> str:
        """The tape's source, which is its content."""
        return self._tape.source

    def steps(self) -> Iterator[Step]:
        """Yield the ticks that are due together, and the tape's clock between them."""
        begin: datetime | None = None
        last_s = 0.0
        for due_s, ticks in together(paced(self._tape.batches(), self._speed)):
            begin = begin or ticks[0].ts
            if self._speed is not None:
                yield from _between(begin, last_s, due_s, self._speed)
            yield Step(ticks[0].ts, ticks, due_s=due_s)
            last_s = due_s


def _between(begin: datetime, last_s: float, due_s: float, speed: float) -> Iterator[Step]:
    """Yield the whole seconds of a tape's time after `last_s` and before `due_s`."""
    every_s = max(1, math.ceil(_BEAT_S * speed))
    at = (begin + timedelta(seconds=last_s * speed)).replace(microsecond=0)
    while True:
        at += timedelta(seconds=every_s)
        at_s = (at - begin).total_seconds() / speed
        if at_s >= due_s:
            return
        yield Step(at, due_s=at_s)
