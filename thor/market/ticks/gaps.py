"""Record gaps: silences of a source on a symbol, their reason, and what filled them.

Stage 30, ticks. Reads market.ticks through market.gaps_found; gives market.gaps.

A hole is a silence of a source on a symbol, within the symbol's session, longer than the source's
cadence. A filled hole is never forgotten:
- Another source's ticks in it: the row stays, `filled_by` names the source of the first.
- Late ticks of its own source: each remaining silence longer than the cadence is a row; each filled
  part longer than the cadence stays as a row whose `filled_by` is its own source. Shorter parts are
  deleted.
- Where no ticks came but the hours or the cadence changed, the rows follow.
- A trade date whose ticks were dropped keeps its rows as they are.
So the rows not filled by their own source are the current holes, and no two rows of a symbol and
source overlap.
"""

from datetime import date, datetime, timedelta
from typing import Any

import msgspec

from thor import database
from thor.database import Connection
from thor.domain import sessions
from thor.errors import Rejected

# Younger ticks may still be on their way, so their absence is no gap yet.
SETTLED = timedelta(seconds=5)
LATE = timedelta(days=4)


class Gap(msgspec.Struct, frozen=True, kw_only=True):
    """A row of market.gaps; times aware."""

    symbol: str
    source: str
    trade_date: date
    gap_start: datetime
    gap_end: datetime
    cause: str
    filled_by: str | None
    recorded_at: datetime


class Scan(msgspec.Struct, frozen=True):
    """The changes of a scan: new holes, and holes that ended, shrank or were filled."""

    found: int = 0
    closed: int = 0

    def __add__(self, other: "Scan") -> "Scan":
        """Return the two scans as one."""
        return Scan(self.found + other.found, self.closed + other.closed)

    def __bool__(self) -> bool:
        """Return whether the scan changed anything."""
        return bool(self.found or self.closed)


def scan(
    connection: Connection[Any],
    as_of: datetime,
    trade_date_from: date | None = None,
    cadence: timedelta | None = None,
    *,
    trade_date_to: date | None = None,
) -> Scan:
    """Update market.gaps to the ticks before `as_of`, one transaction a trade date.

    Looks at the sessions from one trade date to another, both included, or at all that have ticks.
    `cadence` applies to sources that have none of their own; without it they are skipped. A second
    scan changes nothing. Takes a connection in autocommit; raises `Rejected` for a naive `as_of` or
    a cadence that is not above 0, `Unavailable` where the server is away.
    """
    if as_of.tzinfo is None:
        raise Rejected(f"as_of: {as_of.isoformat()} has no time zone; give it one, best UTC")
    if cadence is not None and cadence <= timedelta(0):
        raise Rejected(f"cadence: {cadence} is not above 0; give the longest normal silence")
    span = {"as_of": as_of, "first": trade_date_from, "last": trade_date_to}
    total = Scan()
    for day in database.rows(connection, "gap_dates", span):
        with database.transaction(connection):
            database.rows(connection, "lock_gaps")
            changed = database.rows(
                connection, "record_gaps", {**day, "as_of": as_of, "cadence": cadence}
            )
        total += msgspec.convert(changed[0], Scan)
    return total


def catch_up(connection: Connection[Any], now: datetime, back: timedelta | None) -> Scan:
    """Scan the open trade dates and those that closed recently; for a job to repeat.

    With `back` None it resumes a little before the newest rows, to catch late ticks; without rows,
    at the first tick.
    """
    as_of = now - SETTLED
    if back is not None:
        return scan(connection, as_of, sessions.trade_date(as_of - back))
    newest = database.rows(connection, "newest_gap")[0]["trade_date"]
    return scan(connection, as_of, newest and min(newest, sessions.trade_date(as_of)) - LATE)


def listed(
    connection: Connection[Any], symbol: str | None = None, trade_date: date | None = None
) -> list[Gap]:
    """Return the gaps in order of time, of one symbol or trade date where given."""
    values = {"symbol": symbol, "trade_date": trade_date}
    return [msgspec.convert(row, Gap) for row in database.rows(connection, "gaps", values)]
