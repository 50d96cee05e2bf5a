"""Trading sessions: when a calendar is open, and the trade date of an instant.

Stage 10, reference. Pure: rows of `reference.sessions` arrive as arguments.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import msgspec

from thor.errors import NotFound, Rejected

CHICAGO = ZoneInfo("America/Chicago")
NEW_YORK = ZoneInfo("America/New_York")
# 17:00 in Chicago plus 7 hours is midnight: the exchange's day begins there.
_DAY_LEAD = timedelta(hours=7)
_FIRST_MONDAY = date(1970, 1, 5)


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """One stretch of trading: open from `open_at` until just before `close_at`, UTC.

    `trade_date` is the formula's (`trade_date()`), also where the exchange books
    a holiday's trading under its next business day. The regular hours are null
    where there are none, as on such a holiday.
    """

    calendar: str
    trade_date: date
    session_number: int
    open_at: datetime
    close_at: datetime
    regular_open_at: datetime | None = None
    regular_close_at: datetime | None = None
    is_early_close: bool = False
    note: str | None = None

    def is_regular(self, instant: datetime) -> bool:
        """Return whether an aware instant falls into the regular hours."""
        if self.regular_open_at is None or self.regular_close_at is None:
            return False
        return self.regular_open_at <= instant < self.regular_close_at


def trade_date(instant: datetime) -> date:
    """Return the exchange's day of an aware instant, from 17:00 to 17:00 in Chicago.

    Wall-clock arithmetic, the same as in the database's generated column: `((ts at time zone
    'America/Chicago') + interval '7 hours')::date`.
    """
    return (_aware(instant).astimezone(CHICAGO).replace(tzinfo=None) + _DAY_LEAD).date()


def own_date(instant: datetime) -> date:
    """Return the trade date of a stock at an aware instant: the date in New York."""
    return _aware(instant).astimezone(NEW_YORK).date()


def session_number(day: date) -> int:
    """Return the ordinal of a trade date: weekdays since Monday 5 January 1970, which is 1.

    A holiday leaves a gap in the numbers, so a number depends on no range and no override. In SQL,
    with `d` the days since that Monday: `5 * (d / 7) + d % 7 + 1`. Raises `Rejected` for a Saturday
    or Sunday.
    """
    week, weekday = divmod((day - _FIRST_MONDAY).days, 7)
    if weekday > 4:
        raise Rejected(f"trade_date: {day} is a {day:%A}; a trade date is Monday to Friday")
    return 5 * week + weekday + 1


class Sessions:
    """The sessions of every calendar, indexed for look-up; immutable."""

    def __init__(self, rows: Iterable[Session]) -> None:
        """Take sessions in any order; raise `Rejected` where two of a calendar overlap."""
        self._rows: dict[str, list[Session]] = {}
        for row in rows:
            self._rows.setdefault(row.calendar, []).append(row)
        for of_calendar in self._rows.values():
            of_calendar.sort(key=lambda row: row.open_at)
            for earlier, later in pairwise(of_calendar):
                if later.open_at < earlier.close_at or later.trade_date <= earlier.trade_date:
                    raise Rejected(
                        f"open_at: {later.calendar} {later.trade_date} opens at "
                        f"{later.open_at.isoformat()}, before {earlier.trade_date} is over"
                    )
        self._opens = {name: [row.open_at for row in rows] for name, rows in self._rows.items()}
        self._dates = {name: [row.trade_date for row in rows] for name, rows in self._rows.items()}

    @property
    def calendars(self) -> tuple[str, ...]:
        """The calendars that have sessions, sorted."""
        return tuple(sorted(self._rows))

    def session_at(self, calendar: str, instant: datetime) -> Session | None:
        """Return the session that is open at an aware instant, or None."""
        rows = self._of(calendar)
        index = bisect_right(self._opens[calendar], _aware(instant)) - 1
        return rows[index] if index >= 0 and instant < rows[index].close_at else None

    def is_open(self, calendar: str, instant: datetime) -> bool:
        """Return whether the calendar trades at an aware instant."""
        return self.session_at(calendar, instant) is not None

    def session(self, calendar: str, day: date) -> Session | None:
        """Return the session of a trade date, or None where there is no trading."""
        rows = self._of(calendar)
        index = bisect_left(self._dates[calendar], day)
        return rows[index] if index < len(rows) and rows[index].trade_date == day else None

    def next_open(self, calendar: str, instant: datetime) -> datetime | None:
        """Return the first opening after an aware instant, or None past the last known one."""
        self._of(calendar)
        opens = self._opens[calendar]
        index = bisect_right(opens, _aware(instant))
        return opens[index] if index < len(opens) else None

    def _of(self, calendar: str) -> list[Session]:
        if calendar not in self._rows:
            raise NotFound(f"calendar: {calendar!r} has no sessions; known: {self.calendars}")
        return self._rows[calendar]


def _aware(instant: datetime) -> datetime:
    if instant.tzinfo is None:
        raise Rejected(f"instant: {instant.isoformat()} has no time zone; give it one, best UTC")
    return instant
