"""The session phase of a calendar at an instant, when it ends, and how busy it is.

Stage 20, collect. Takes the sessions; gives the simulator its hours and its U-shaped day.
"""

from datetime import UTC, date, datetime, time, timedelta

import msgspec

from thor.domain.sessions import CHICAGO, Sessions, trade_date

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
PEAK_ACTIVITY = 1.8
OVERNIGHT_ACTIVITY = 0.15


class SessionPhase(msgspec.Struct, frozen=True):
    """The phase of a calendar until an instant; times in microseconds since 1970."""

    day: date
    until_us: int
    is_open: bool
    regular_us: tuple[int, int] | None = None
    is_forced: bool = False

    def activity(self, at_us: int) -> float:
        """Return the tick rate relative to the regular hours' mean: a U by day, low by night."""
        if self.is_forced:
            return 1.0
        if not self.is_open:
            return 0.0
        if self.regular_us is None:
            return OVERNIGHT_ACTIVITY
        start, end = self.regular_us
        return 0.6 + 1.2 * (2 * (at_us - start) / (end - start) - 1) ** 2


def phase_at(
    sessions: Sessions, calendar: str, now: datetime, *, always_open: bool
) -> SessionPhase:
    """Return the calendar's phase at an aware instant; `always_open` trades through closures."""
    day = trade_date(now)
    session = sessions.session_at(calendar, now)
    if session is not None:
        turns = [session.close_at]
        regular = None
        if session.regular_open_at is not None and session.regular_close_at is not None:
            turns += [session.regular_open_at, session.regular_close_at]
            if session.is_regular(now):
                regular = (epoch_us(session.regular_open_at), epoch_us(session.regular_close_at))
        until = min(turn for turn in turns if turn > now)
        return SessionPhase(day, epoch_us(until), True, regular)
    # The trade date turns at 17:00 in Chicago, also where nothing trades.
    until = datetime.combine(day, time(17), tzinfo=CHICAGO).astimezone(UTC)
    opening = sessions.next_open(calendar, now)
    until = until if opening is None else min(until, opening)
    return SessionPhase(day, epoch_us(until), always_open, is_forced=always_open)


def epoch_us(instant: datetime) -> int:
    """Return the whole microseconds since 1970 of an aware instant."""
    return (instant - EPOCH) // _MICROSECOND
