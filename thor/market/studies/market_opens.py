"""Capture the openings of the world's markets and grade them from the ticks.

Stage 45, studies. Reads the stored ticks, the desk's numbers and reference.market_days; writes
studies.market_sessions. Every row is a function of what is stored: two graders, a late start, a
restart and a replay give the same rows.
"""

from datetime import date, datetime
from typing import Any

import msgspec

from thor import clock, database
from thor.database import Connection
from thor.errors import NotFound, Refused

# Rows of past days change with a replay only; each costs a capture of its own.
_LATE_EVERY_S = 5.0
# Of one turn: each takes a tenth of a second or more.
CAPTURES_MAX = 20


class Capture(msgspec.Struct, frozen=True):
    """A capture that was written: its market, day by the market's wall clock, kind and rows."""

    market: str
    day: date
    kind: str
    at: datetime
    rows: int
    complete: int


class Grade(msgspec.Struct, frozen=True):
    """A row that was decided: WORKED, DIDNT_WORK, or NEUTRAL at the window's end."""

    id: int
    market: str
    session_date: date
    capture_kind: str
    symbol: str
    bhs: str | None
    wndw: str
    entry_price: Any
    target_hit_price: Any
    target_hit_at: datetime | None


class Turn(msgspec.Struct, frozen=True):
    """What one turn did, until which instant the ticks were stored, and captures made anew."""

    settled_at: datetime
    captured: list[Capture]
    graded: list[Grade]
    renewed: int


class Grader:
    """Captures what is due and grades what is pending, a turn a call."""

    def __init__(self) -> None:
        """Begin with everything to be looked at."""
        self._minute: datetime | None = None
        self._late_due_s = 0.0

    def turn(self, connection: Connection[Any]) -> Turn:
        """Capture the openings that are due, grade all ticks that are stored by now.

        Takes a connection in autocommit. Openings that were missed while nothing ran are made up.
        Raises `Unavailable` where the server is away.
        """
        settled_at = database.one(connection, "market_time")["settled_at"]
        renewed = self._renew(connection)
        captured = self._capture(connection, settled_at)
        return Turn(settled_at, captured, grade(connection, settled_at), renewed)

    def _capture(self, connection: Connection[Any], settled_at: datetime) -> list[Capture]:
        # Markets open on whole minutes; a replay may begin another day.
        minute = settled_at.replace(second=0, microsecond=0)
        if minute == self._minute:
            return []
        made = capture_due(connection, settled_at)
        # A long past is made up over several turns, while grades go on.
        self._minute = minute if len(made) < CAPTURES_MAX else None
        return made

    def _renew(self, connection: Connection[Any]) -> int:
        if clock.monotonic_s() < self._late_due_s:
            return 0
        renewed = renew(connection)
        self._late_due_s = clock.monotonic_s() + _LATE_EVERY_S
        return renewed


def capture_due(connection: Connection[Any], settled_at: datetime) -> list[Capture]:
    """Capture the newest openings until an instant that have none yet, at most `CAPTURES_MAX`.

    An opening before the first stored tick, or on a trade date without any, has no capture.
    """
    values = {"settled_at": settled_at, "limit": CAPTURES_MAX}
    found = database.rows(connection, "due_captures", values)
    made = [
        _captured(connection, row["market"], row["day"], "OPEN", row["open_at"], row["close_at"])
        for row in found
    ]
    return [one for one in made if one.rows]


def capture_now(connection: Connection[Any], market: str) -> Capture:
    """Capture a market as of the newest instant whose ticks are stored, as a MANUAL capture.

    In a recorded database that is the newest moment that was replayed. The window ends as the
    market closes, or outside the market's hours with the trade date. Raises `NotFound` for an
    unknown market, `Refused` where the market's day has one already.
    """
    at = database.one(connection, "market_time")["moment"]
    window = database.row(connection, "manual_window", {"market": market, "at": at})
    if window is None:
        names = ", ".join(row["market"] for row in database.rows(connection, "market_names"))
        raise NotFound(f"market: {market[:40]!r} is none of {names}")
    made = _captured(connection, market, window["day"], "MANUAL", at, window["until"])
    if not made.rows:
        raise Refused(
            f"{market} has a manual capture of {window['day']} already: a market's day has one"
        )
    return made


def grade(connection: Connection[Any], settled_at: datetime) -> list[Grade]:
    """Grade the pending rows by the ticks until an instant; end the windows that are over."""
    values = {"settled_at": settled_at}
    found = database.rows(connection, "grade_captures", values)
    found += database.rows(connection, "close_captures", values)
    # The later of two: a window's end may find another touch.
    news = {row["id"]: row for row in found if row["wndw"] != "PENDING" and row["is_news"]}
    return [
        msgspec.convert({name: row[name] for name in Grade.__struct_fields__}, Grade)
        for row in news.values()
    ]


def renew(connection: Connection[Any]) -> int:
    """Make captures and grades anew that ticks came late to; returns how many rows changed."""
    with database.transaction(connection):
        late = database.rows(connection, "take_late_ticks")
        captures = {
            (row["market"], row["day"], row["kind"]): row
            for span in _joined(late)
            for row in database.rows(connection, "captures_before_late_ticks", span)
        }
        changed = sum(
            database.execute(connection, "renew_capture", row).rowcount for row in captures.values()
        )
        return changed + sum(
            database.execute(connection, "reopen_grades", row).rowcount for row in late
        )


def _joined(late: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the span of each UTC day's late ticks: one question a day is enough."""
    spans: dict[date, dict[str, Any]] = {}
    for row in late:
        span = spans.setdefault(row["ts_from"].date(), dict(row))
        span["ts_from"] = min(span["ts_from"], row["ts_from"])
        span["ts_to"] = max(span["ts_to"], row["ts_to"])
    return list(spans.values())


def _captured(
    connection: Connection[Any], market: str, day: date, kind: str, at: datetime, until: datetime
) -> Capture:
    values = {"market": market, "day": day, "kind": kind, "at": at, "until": until}
    rows = database.rows(connection, "insert_capture", values)
    return Capture(market, day, kind, at, len(rows), sum(row["is_complete"] for row in rows))
