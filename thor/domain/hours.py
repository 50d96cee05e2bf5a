"""Usual trading hours of each calendar, and how a session row is made from them.

Stage 10, reference. Pure: the calendar library's days and the rows of
`reference.session_overrides` arrive as arguments; gives `Session` rows.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import msgspec

from thor.domain.sessions import CHICAGO, Session, session_number, trade_date
from thor.errors import NotFound, Rejected

NEW_YORK = ZoneInfo("America/New_York")
# The note of a simulated session.
STAND_IN = "simulated: this market never closes"
_DAY_TURNS = time(17)
_FIRST_MONDAY = date(1970, 1, 5)


class Hours(msgspec.Struct, frozen=True, kw_only=True):
    """The usual hours of a calendar, wall clock in `zone`.

    `open` is on the eve of the trade date, or on the day itself where `opens_on_day`;
    `sunday_open` replaces it before a Monday. `former` are the opens and closes of before:
    each held until the date beside it, in order. `day_zone` tells the trade date of an instant
    where that is the date on a wall clock, and not the 17:00 rule of Chicago.
    """

    zone: ZoneInfo
    open: time
    close: time
    regular_open: time
    regular_close: time
    sunday_open: time | None = None
    opens_on_day: bool = False
    former: tuple[tuple[date, time, time], ...] = ()
    day_zone: ZoneInfo | None = None

    def usual_open(self, day: date) -> time:
        """Return the wall-clock open of a trade date that nothing delays."""
        if self.sunday_open is not None and day.weekday() == 0:
            return self.sunday_open
        return next((open_ for until, open_, _ in self.former if day < until), self.open)

    def usual_close(self, day: date) -> time:
        """Return the wall-clock close of a trade date that nothing shortens."""
        return next((close for until, _, close in self.former if day < until), self.close)

    def trade_date(self, instant: datetime) -> date:
        """Return the trade date that an aware instant belongs to on this calendar."""
        if self.day_zone is None:
            return trade_date(instant)
        return instant.astimezone(self.day_zone).date()


# CME closed equity, energy and metals at 16:15 until trade date 21 September 2015. Two older
# things are not modelled, since a session is one stretch: the 15:15-15:30 equity halt, removed
# on 28 June 2021, and the hours of equity before 19 November 2012 and of VX before 2018.
_FORMER = ((date(2015, 9, 21), time(17), time(16, 15)),)


def _globex(regular_open: time, regular_close: time, *, former: bool = False) -> Hours:
    return Hours(
        zone=CHICAGO,
        open=time(17),
        close=time(16),
        regular_open=regular_open,
        regular_close=regular_close,
        former=_FORMER if former else (),
    )


# Regular hours are the former pit's or the cash market's; the metals have gold's.
HOURS: dict[str, Hours] = {
    "CME_EQUITY": _globex(time(8, 30), time(15), former=True),
    "CME_RATES": _globex(time(7, 20), time(14)),
    "CME_ENERGY": _globex(time(8), time(13, 30), former=True),
    "CME_METALS": _globex(time(7, 20), time(12, 30), former=True),
    "CFE": _globex(time(8, 30), time(15)),
    "ICE": Hours(
        zone=NEW_YORK,
        open=time(20),
        sunday_open=time(18),
        close=time(17),
        regular_open=time(8),
        regular_close=time(17),
    ),
    "CME_FX": _globex(time(7, 20), time(14)),
    "CME_CRYPTO": _globex(time(8, 30), time(15)),
    # The pause from 7:45 to 8:30 is not modelled, since a session is one stretch. Until 21 May
    # 2012 grains opened at 18:00, until 8 April 2013 they traded for 21 hours, and until 6 July
    # 2015 they closed five minutes earlier than today.
    "CME_GRAINS": Hours(
        zone=CHICAGO,
        open=time(19),
        close=time(13, 20),
        regular_open=time(8, 30),
        regular_close=time(13, 20),
        former=(
            (date(2012, 5, 21), time(18), time(13, 15)),
            (date(2013, 4, 8), time(17), time(14)),
            (date(2015, 7, 6), time(19), time(13, 15)),
        ),
    ),
    # As of 29 February 2016; the longer hours of before are not modelled.
    "CME_LIVESTOCK": Hours(
        zone=CHICAGO,
        open=time(8, 30),
        close=time(13, 5),
        regular_open=time(8, 30),
        regular_close=time(13, 5),
        opens_on_day=True,
    ),
    # With the hours before and after those of the exchanges themselves.
    "US_EQUITY": Hours(
        zone=NEW_YORK,
        open=time(4),
        close=time(20),
        regular_open=time(9, 30),
        regular_close=time(16),
        opens_on_day=True,
        day_zone=NEW_YORK,
    ),
}

# A calendar for each asset class, for an instrument that is listed without one.
CALENDAR_OF_CLASS = {
    "equity": "US_EQUITY",
    "equity_index": "CME_EQUITY",
    "energy": "CME_ENERGY",
    "metal": "CME_METALS",
    "rates": "CME_RATES",
    "currency": "CME_FX",
    "crypto": "CME_CRYPTO",
    "grain": "CME_GRAINS",
    "livestock": "CME_LIVESTOCK",
    "volatility": "CFE",
}


class Override(msgspec.Struct, frozen=True, kw_only=True):
    """One row that removes, adds or changes the session of a trade date.

    `is_closed` removes it. Otherwise aware times that are given replace what was there, or the
    usual hours where there was nothing; the regular hours are the usual ones cut to that, unless
    the row has none.
    """

    calendar: str
    trade_date: date
    is_closed: bool = False
    open_at: datetime | None = None
    close_at: datetime | None = None
    has_regular_hours: bool = True
    note: str | None = None


def session_on(
    calendar: str,
    day: date,
    *,
    late_open: time | None = None,
    close: time | None = None,
    regular_close: time | None = None,
    note: str | None = None,
    has_regular_hours: bool = True,
    known: Mapping[str, Hours] = HOURS,
) -> Session:
    """Build the session of a trade date from the calendar's usual hours.

    `close` is an early close on the calendar's wall clock, `regular_close` that of the regular
    hours alone, and `late_open` an opening on the day itself. `known` are the calendars there
    are. Raises `NotFound` for an unknown calendar and `Rejected` for a weekend.
    """
    hours = _hours(calendar, known)
    eve = day if hours.opens_on_day else day - timedelta(days=1)
    usual = hours.usual_close(day)
    open_at = _utc(hours, day, late_open) if late_open else _utc(hours, eve, hours.usual_open(day))
    close_at = _utc(hours, day, close or usual)
    regular = _regular(hours, day, open_at, close_at) if has_regular_hours else (None, None)
    if regular_close is not None and regular[1] is not None:
        regular = regular[0], min(regular[1], _utc(hours, day, regular_close))
    return Session(
        calendar=calendar,
        trade_date=day,
        session_number=session_number(day),
        open_at=open_at,
        close_at=close_at,
        regular_open_at=regular[0],
        regular_close_at=regular[1],
        is_early_close=close is not None and close < usual,
        note=note,
    )


def stand_in(calendar: str, day: date, known: Mapping[str, Hours] = HOURS) -> Session:
    """Return the session of a simulated market that ignores closed hours: the whole exchange day.

    Every date has one, a Saturday too; the regular hours are the calendar's usual ones. The
    number counts days, so that the next day has the next one. Raises `NotFound` for an
    unknown calendar.
    """
    hours = _hours(calendar, known)
    open_at, close_at = (
        datetime.combine(eve, _DAY_TURNS, tzinfo=CHICAGO).astimezone(UTC)
        for eve in (day - timedelta(days=1), day)
    )
    regular = _regular(hours, day, open_at, close_at)
    return Session(
        calendar=calendar,
        trade_date=day,
        session_number=(day - _FIRST_MONDAY).days + 1,
        open_at=open_at,
        close_at=close_at,
        regular_open_at=regular[0],
        regular_close_at=regular[1],
        note=STAND_IN,
    )


def overridden(
    sessions: Iterable[Session],
    overrides: Iterable[Override],
    known: Mapping[str, Hours] = HOURS,
) -> list[Session]:
    """Apply overrides to sessions of the same calendars; a later row wins.

    Raises `Rejected` where a row closes before it opens or leaves its trade date.
    """
    by_day = {(row.calendar, row.trade_date): row for row in sessions}
    for override in overrides:
        key = (override.calendar, override.trade_date)
        if override.is_closed:
            by_day.pop(key, None)
        else:
            by_day[key] = _changed(by_day.get(key), override, known)
    return sorted(by_day.values(), key=lambda row: (row.calendar, row.open_at))


def _hours(calendar: str, known: Mapping[str, Hours] = HOURS) -> Hours:
    if calendar not in known:
        raise NotFound(f"calendar: {calendar!r} is not one of {', '.join(known)}")
    return known[calendar]


def _utc(hours: Hours, day: date, at: time) -> datetime:
    return datetime.combine(day, at, tzinfo=hours.zone).astimezone(UTC)


def _regular(
    hours: Hours, day: date, open_at: datetime, close_at: datetime
) -> tuple[datetime | None, datetime | None]:
    start = max(_utc(hours, day, hours.regular_open), open_at)
    end = min(_utc(hours, day, hours.regular_close), close_at)
    return (start, end) if start < end else (None, None)


def _changed(old: Session | None, override: Override, known: Mapping[str, Hours]) -> Session:
    day, hours = override.trade_date, _hours(override.calendar, known)
    usual = session_on(override.calendar, day, known=known)
    for field in ("open_at", "close_at"):
        given: datetime | None = getattr(override, field)
        if given is not None and given.tzinfo is None:
            raise Rejected(f"{field}: {given.isoformat()} has no time zone; give it one")
    open_at = (override.open_at or (old or usual).open_at).astimezone(UTC)
    close_at = (override.close_at or (old or usual).close_at).astimezone(UTC)
    if open_at >= close_at:
        raise Rejected(f"close_at: {close_at.isoformat()} is not after {open_at.isoformat()}")
    last = close_at - timedelta(microseconds=1)
    for field, inside in (("open_at", open_at), ("close_at", last)):
        if hours.trade_date(inside) != day:
            raise Rejected(
                f"{field}: {inside.isoformat()} belongs to trade date {hours.trade_date(inside)}, "
                f"not to {day}"
            )
    regular: tuple[datetime | None, datetime | None] = (None, None)
    if override.has_regular_hours:
        regular = _regular(hours, day, open_at, close_at)
    return msgspec.structs.replace(
        usual,
        open_at=open_at,
        close_at=close_at,
        regular_open_at=regular[0],
        regular_close_at=regular[1],
        is_early_close=close_at < usual.close_at,
        note=override.note or (old or usual).note,
    )
