"""Keep the events of 52 weeks and of all known time in step with ticks and daily bars.

Stage 45, studies. An event is computed from what is stored, never from what a process remembers:
after a restart, and in a replay, the rows are the same. What is remembered only saves work.
"""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import msgspec

from thor import database
from thor.database import Connection

_DAYS_AT_ONCE = 200

_Day = tuple[str, date]
_Reach = tuple[datetime, Decimal, Decimal]


class Kept(msgspec.Struct, frozen=True):
    """The events that were written, new or corrected, and those that were removed."""

    written: int = 0
    removed: int = 0


class Extremes:
    """Watches the trade dates of all symbols for prices beyond those before."""

    def __init__(self) -> None:
        """Begin without having looked at any date."""
        self._seen: dict[_Day, _Reach] = {}
        self._imported_at: datetime | None = None

    def forget(self) -> None:
        """Look at every date again: a late tick may have been beyond before the first one."""
        self._seen.clear()

    def keep(self, connection: Connection[Any], *, is_all: bool) -> Kept:
        """Write the events of the newest trade dates, or of all, whose ticks have changed.

        An import of bars may change what was an extreme on any date: then all are looked at.
        """
        imported_at = database.one(connection, "newest_import")["imported_at"]
        if imported_at != self._imported_at:
            self._seen.clear()
            is_all = True
        rows = database.rows(connection, "all_extreme_days" if is_all else "newest_extreme_days")
        changed: dict[_Day, _Reach] = {}
        for row in rows:
            day = row["symbol"], row["trade_date"]
            reach = row["first_ts"], row["high"], row["low"]
            if self._seen.get(day) != reach:
                changed[day] = reach
        written = removed = 0
        days = list(changed)
        for begin in range(0, len(days), _DAYS_AT_ONCE):
            some = days[begin : begin + _DAYS_AT_ONCE]
            values = {
                "symbols": [symbol for symbol, _ in some],
                "trade_dates": [trade_date for _, trade_date in some],
            }
            done = database.one(connection, "keep_extreme_events", values)
            written += done["written"]
            removed += done["removed"]
            self._seen.update((day, changed[day]) for day in some)
        self._imported_at = imported_at
        return Kept(written, removed)
