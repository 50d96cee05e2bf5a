"""Business days of an exchange, derived from its sessions.

Stage 10, reference. Pure: the sessions of one calendar arrive as an argument.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from datetime import date, datetime, timedelta

from thor.domain.sessions import Session
from thor.errors import NotFound

_FRIDAY = 4


class BusinessDays:
    """The business days of one calendar: the sessions that have regular hours.

    Holidays of the United States on which Globex trades until noon are not business days, nor are
    Good Fridays on which it opens for an employment report.
    """

    def __init__(self, sessions: Iterable[Session]) -> None:
        """Take the sessions of one calendar, in any order."""
        ordered = sorted(sessions, key=lambda session: session.trade_date)
        self._closes = {session.trade_date: session.close_at for session in ordered}
        self._dates = list(self._closes)
        self._days = [
            session.trade_date
            for session in ordered
            if session.regular_open_at is not None and session.note != "Good Friday"
        ]
        if not self._days:
            raise NotFound("sessions: there are none; run `thor db up`, which computes them")
        self.first = ordered[0].trade_date
        last = ordered[-1].trade_date
        # The weekend after a last Friday is known too: it has no session.
        self.last = last + timedelta(days=2) if last.weekday() == _FRIDAY else last

    def has(self, day: date) -> bool:
        """Return whether it is a business day."""
        self._known(day)
        index = bisect_left(self._days, day)
        return index < len(self._days) and self._days[index] == day

    def before(self, day: date, count: int = 1) -> date:
        """Return the business day that many before a day, which itself is not counted."""
        self._known(day)
        index = bisect_left(self._days, day) - count
        if index < 0:
            self._known(self.first - timedelta(days=1))
        return self._days[index]

    def on_or_before(self, day: date) -> date:
        """Return the day itself where it is a business day, else the one before it."""
        return day if self.has(day) else self.before(day)

    def last_of(self, month: date, index: int = 1) -> date:
        """Return the last business day of a month, or the second, third … from its end."""
        return self.before(month_after(month), index)

    def close_at(self, day: date) -> datetime | None:
        """Return when the session of a trade date closes, or None where there is none."""
        return self._closes.get(day)

    def following(self, day: date) -> date:
        """Return the trade date of the next session, a holiday's included."""
        self._known(day)
        index = bisect_right(self._dates, day)
        if index == len(self._dates):
            self._known(self.last + timedelta(days=1))
        return self._dates[index]

    def _known(self, day: date) -> None:
        if not self.first <= day <= self.last:
            raise NotFound(
                f"sessions: {day} is outside what is known, {self.first} to {self.last}; "
                "`thor db sessions` computes them some years ahead"
            )


def month_after(day: date) -> date:
    """Return the first day of the next month."""
    return (day.replace(day=1) + timedelta(days=31)).replace(day=1)
