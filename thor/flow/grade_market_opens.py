"""Capture and grade the openings of the world's markets until asked to stop.

Stages: 30 ticks → 45 studies. The interval is only how often results are committed: a grade is
what the ticks did.
"""

from collections.abc import Callable
from typing import Any

from thor import database
from thor.errors import Rejected
from thor.market.studies.market_opens import Grader, Turn
from thor.runtime import Stop, persist

EVERY_S = 0.5
_LONGEST_S = 3600.0


def grade_market_opens(
    database_url: str,
    stop: Stop,
    on_turn: Callable[[Turn], None],
    *,
    interval_s: float = EVERY_S,
    on_wait: Callable[[str, int], None] = lambda *_: None,
) -> None:
    """Take a turn each `interval_s` seconds; a server that is away is waited for.

    Raises `Rejected` for an interval that is none.
    """
    if not 0 < interval_s <= _LONGEST_S:
        raise Rejected(f"interval: {interval_s:g} s is not between 0 and {_LONGEST_S:g} s")
    turns = _Turns(database_url)
    try:
        while True:
            on_turn(persist(turns.take, stop, on_wait))
            if stop.wait(interval_s):
                break
    finally:
        turns.close()


class _Turns:
    """Keeps one connection, and opens another where it breaks."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._grader = Grader()
        self._connection: database.Connection[Any] | None = None

    def take(self) -> Turn:
        if self._connection is None:
            self._connection = database.connect(self._url, "grader")
        try:
            return self._grader.turn(self._connection)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
