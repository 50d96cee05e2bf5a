"""Compute trading sessions from the calendar library and correct its errors.

Stage 10, reference. The only module that names pandas_market_calendars, and only inside a function:
importing it costs a second. Gives `reference.sessions` its rows, and `thor.domain.markets` the days
of the world's markets.
"""

import re
import warnings
from collections.abc import Iterable, Iterator
from datetime import date, time, timedelta
from functools import lru_cache
from typing import Any

from thor.domain.hours import HOURS, Hours, Override, overridden, session_on
from thor.domain.markets import DayHours, LibraryDay, LibraryDays
from thor.domain.sessions import Session
from thor.errors import NotFound, Rejected

# The library's CME_Equity still has the halt of 15:15, so it is not used.
_LIBRARY = {
    "CME_EQUITY": "CME Globex Equity",
    "CME_RATES": "CME Globex Interest Rate Products",
    "CME_ENERGY": "CMEGlobex_CL",
    "CME_METALS": "CMEGlobex_GC",
    "CFE": "CFE",
    "ICE": "ICEUS",
    "CME_FX": "CMEGlobex_FX",
    "CME_CRYPTO": "CME Globex Crypto",
    "CME_GRAINS": "CMEGlobex_Grains",
    "CME_LIVESTOCK": "CMEGlobex_Livestock",
    "US_EQUITY": "NYSE",
}
_AGRICULTURE = ("CME_GRAINS", "CME_LIVESTOCK")

# A weekday is closed, open until the usual close (None), or open until an early close.
_Close = time | None
_CLOSED = time.min

# On a holiday of the United States the equity calendar halts at noon, until 2014 at 10:30.
_HOLIDAY_HALTS = (time(10, 30), time(12))
_HOLIDAYS_BY_MONTH = {
    1: "Martin Luther King Day",
    2: "Presidents' Day",
    5: "Memorial Day",
    6: "Juneteenth",
    7: "Independence Day",
    9: "Labor Day",
    11: "Thanksgiving Day",
}

# The storm of October 2012, days of mourning, and the Good Fridays with an employment report
# on which these calendars traded although the library has them closed. VX in 2021: a notice of
# modified hours.
_SINGLE_DAYS: dict[tuple[str, date], _Close] = {
    ("CME_EQUITY", date(2012, 10, 29)): time(8, 15),
    ("CME_EQUITY", date(2012, 10, 30)): time(8, 15),
    ("CME_RATES", date(2012, 10, 29)): time(11),
    ("CFE", date(2012, 10, 29)): _CLOSED,
    ("CFE", date(2012, 10, 30)): _CLOSED,
    ("CME_EQUITY", date(2018, 12, 5)): time(8, 30),
    ("CME_EQUITY", date(2025, 1, 9)): time(8, 30),
    ("CME_RATES", date(2025, 1, 9)): time(12, 15),
    ("CFE", date(2015, 4, 3)): time(8, 15),
    ("CFE", date(2018, 12, 5)): time(8, 30),
    ("CFE", date(2021, 4, 2)): time(8, 15),
    ("CFE", date(2025, 1, 9)): time(8, 30),
    ("ICE", date(2010, 4, 2)): time(11, 15),
    ("ICE", date(2012, 4, 6)): time(11, 15),
    ("ICE", date(2015, 4, 3)): time(11, 15),
    ("ICE", date(2018, 12, 5)): None,
    ("ICE", date(2025, 1, 9)): None,
}


def compute(
    calendar: str, first: date, last: date, overrides: Iterable[Override] = ()
) -> list[Session]:
    """Return the sessions of the trade dates from first to last, both included, in order.

    Rows of `overrides` for other calendars or dates are ignored. Raises `NotFound` for an unknown
    calendar and `Rejected` for a reversed span.
    """
    if calendar not in _LIBRARY:
        raise NotFound(f"calendar: {calendar!r} is not one of {', '.join(_LIBRARY)}")
    if first > last:
        raise Rejected(f"first: {first} is after last, {last}")
    closes = _library_closes(calendar, first, last)
    equity = closes if calendar == "CME_EQUITY" else _library_closes("CME_EQUITY", first, last)
    sessions: list[Session] = []
    day = first
    while day <= last:
        if day.weekday() < 5:
            is_holiday = equity.get(day) in _HOLIDAY_HALTS
            close = _corrected(calendar, day, closes.get(day, _CLOSED), is_holiday)
            if close != _CLOSED:
                before = sessions[-1].trade_date if sessions else None
                regular_close = None
                if calendar == "US_EQUITY" and close is not None:
                    # The exchanges' own close; what trades after it does so for four hours.
                    close, regular_close = time(close.hour + 4), close
                sessions.append(
                    session_on(
                        calendar,
                        day,
                        late_open=_late_open(calendar, day, before),
                        close=close,
                        regular_close=regular_close,
                        note=_note(day, close, is_holiday),
                        has_regular_hours=not is_holiday,
                    )
                )
        day += timedelta(days=1)
    return overridden(sessions, _of(calendar, overrides, first, last))


def compute_own(
    calendar: str,
    hours: Hours,
    holidays: Iterable[Session] | None,
    first: date,
    last: date,
    overrides: Iterable[Override] = (),
) -> list[Session]:
    """Return the sessions of a calendar that a user added, as `compute` does.

    `holidays` are the sessions of the calendar whose closed days it shares, none where it has
    no holidays; its own early closes and other exceptions are overrides.
    """
    known = {calendar: hours}
    open_days = None if holidays is None else {session.trade_date for session in holidays}
    days = (first + timedelta(days=n) for n in range((last - first).days + 1))
    sessions = [
        session_on(calendar, day, known=known)
        for day in days
        if day.weekday() < 5 and (open_days is None or day in open_days)
    ]
    return overridden(sessions, _of(calendar, overrides, first, last), known)


# The library notes in some names since when a rule holds.
_RULE_YEARS = re.compile(r" ((Starting at )?\d{4}\+?|\(.*\)|Observed)$")
# Exchanges whose holidays are decreed a year at a time: the library knows those years alone.
_DECREED = ("SSE", "XSHG", "BSE", "NSE", "XBOM", "XNSE")


def library_names() -> list[str]:
    """Return the names of the library's calendars."""
    import pandas_market_calendars

    return sorted(pandas_market_calendars.get_calendar_names())


@lru_cache(maxsize=32)
def library_days(name: str, first: date, last: date) -> LibraryDays:
    """Return the library's days of an exchange from first to last, by the exchange's wall clock.

    Raises `NotFound` for a calendar that the library does not have.
    """
    import pandas_market_calendars

    with warnings.catch_warnings():
        # Of lunch breaks that an exchange gave up, which are left out below.
        warnings.simplefilter("ignore", UserWarning)
        try:
            library = pandas_market_calendars.get_calendar(name)
        except RuntimeError as error:
            raise NotFound(f"calendar: {name!r} is none of pandas_market_calendars") from error
    times = library.regular_market_times
    has_lunch = "break_start" in times and not library.discontinued_market_times
    columns = ["market_open", "market_close", *(["break_start", "break_end"] if has_lunch else [])]
    schedule = library.schedule(first, last)
    local = [
        [one.time() for one in schedule[column].dt.tz_convert(library.tz)] for column in columns
    ]
    days: dict[date, LibraryDay] = {}
    for stamp, *of_day in zip(schedule.index, *local, strict=True):
        day = stamp.date()
        usual = [_usual(times[column], day) for column in columns]
        days[day] = LibraryDay(hours=_day_hours(of_day), usual=_day_hours(usual))
    return LibraryDays(
        days=days,
        holidays=_holiday_names(library, first, last),
        latest=_day_hours([_usual(times[column], date.max) for column in columns]),
        published_until=_published_until(name, library),
    )


def _day_hours(times: list[time]) -> DayHours:
    if len(times) == 2:
        return DayHours(open=times[0], close=times[1])
    return DayHours(open=times[0], close=times[1], lunch_start=times[2], lunch_end=times[3])


def _usual(of_market: Iterable[tuple[str | None, time]], day: date) -> time:
    """Return the time that is usual on a day; each holds from the date beside it."""
    found = time.min
    for since, *rest in of_market:
        if since is None or date.fromisoformat(str(since)[:10]) <= day:
            found = rest[0]
    return found.replace(tzinfo=None)


def _holiday_names(library: Any, first: date, last: date) -> dict[date, str]:
    if library.regular_holidays is None:
        return {}
    named = library.regular_holidays.holidays(str(first), str(last), return_name=True)
    return {stamp.date(): _holiday_name(str(name)) for stamp, name in named.items()}


def _holiday_name(text: str) -> str:
    return _RULE_YEARS.sub("", text).replace("New Years", "New Year's")


def _published_until(name: str, library: Any) -> date | None:
    if name not in _DECREED:
        return None
    years = {int(str(day)[:4]) for day in library.adhoc_holidays}
    return date(max(years), 12, 31)


def _of(
    calendar: str, overrides: Iterable[Override], first: date, last: date
) -> Iterator[Override]:
    return (
        row for row in overrides if row.calendar == calendar and first <= row.trade_date <= last
    )


@lru_cache(maxsize=32)
def _library_closes(calendar: str, first: date, last: date) -> dict[date, _Close]:
    """Read the library: its trade dates, each with the wall-clock close where it is early."""
    import pandas_market_calendars

    library = pandas_market_calendars.get_calendar(_LIBRARY[calendar])
    schedule = library.schedule(first, last)
    usual = library.regular_market_times["market_close"][-1][1]
    closes = schedule["market_close"].dt.tz_convert(HOURS[calendar].zone)
    return {
        day.date(): None if close.time() == usual else close.time() for day, close in closes.items()
    }


def _corrected(calendar: str, day: date, close: _Close, is_holiday: bool) -> _Close:
    if (calendar, day) in _SINGLE_DAYS:
        return _SINGLE_DAYS[calendar, day]
    if calendar in ("CME_EQUITY", "CME_RATES", "CME_FX", "CME_CRYPTO"):
        return _good_friday(day, close)
    if calendar in _AGRICULTURE:
        return _agriculture(day, close)
    if calendar == "US_EQUITY":
        return close
    if close == _CLOSED and not is_holiday:
        return _CLOSED
    if calendar == "CFE":
        return _vix(day, close, is_holiday)
    if calendar == "ICE":
        return _dollar_index(day, close, is_holiday)
    return _energy_or_metals(day, close, is_holiday)


def _good_friday(day: date, close: _Close) -> _Close:
    # Open in the morning where the employment report comes out, the month's first Friday;
    # the library has every Good Friday since 2023 open: 2024, 2025 and 2027 were not.
    return _CLOSED if close in (time(8, 15), time(10, 15)) and day.day > 7 else close


def _energy_or_metals(day: date, close: _Close, is_holiday: bool) -> _Close:
    if is_holiday:
        if day < date(2014, 5, 1):
            return time(12, 15)
        is_long = day.year >= 2022 and day.weekday() < 4
        return time(13, 30) if is_long else time(12)
    if _is_friday_after_thanksgiving(day):
        return time(13, 45) if day.year >= 2025 else time(12, 45)
    return time(12, 45) if _is_christmas_eve(day) else close


def _agriculture(day: date, close: _Close) -> _Close:
    # Closed on Juneteenth as on every holiday, which the library does not know; and at 12:05
    # before Christmas and after Thanksgiving, grains as well as livestock.
    if day.year >= 2022 and day.month == 6 and _is_juneteenth(day):
        return _CLOSED
    if close != _CLOSED and (_is_friday_after_thanksgiving(day) or _is_christmas_eve(day)):
        return time(12, 5)
    return close


def _is_juneteenth(day: date) -> bool:
    # The 19th, or the weekday beside it where that is at a weekend.
    return (day.day, day.weekday()) in {(19, n) for n in range(5)} | {(18, 4), (20, 0)}


def _late_open(calendar: str, day: date, before: date | None) -> time | None:
    # After Christmas, New Year and a holiday within the week grains have no night session.
    if calendar != "CME_GRAINS" or before is None:
        return None
    missed = {before + timedelta(days=n) for n in range(1, (day - before).days)}
    if any((one.month, one.day) in ((12, 25), (1, 1)) for one in missed):
        return time(8, 30)
    return time(8, 30) if any(one.weekday() in (1, 2, 3) for one in missed) else None


def _vix(day: date, close: _Close, is_holiday: bool) -> _Close:
    # Nearly 24 hours since 23 June 2014, and since then a morning on holidays too; the
    # library has the regular hours only, so closed.
    if is_holiday:
        return time(10, 30) if day >= date(2014, 6, 23) else _CLOSED
    return time(12, 15) if _is_christmas_eve(day) else close


def _dollar_index(day: date, close: _Close, is_holiday: bool) -> _Close:
    if is_holiday:
        return time(13)
    short = _is_friday_after_thanksgiving(day) or _is_christmas_eve(day)
    return time(13, 15) if short else close


def _is_friday_after_thanksgiving(day: date) -> bool:
    # Thanksgiving is the fourth Thursday, the 22nd to the 28th.
    return day.month == 11 and day.weekday() == 4 and 23 <= day.day <= 29


def _is_christmas_eve(day: date) -> bool:
    return (day.month, day.day) == (12, 24)


def _note(day: date, close: _Close, is_holiday: bool) -> str | None:
    if is_holiday:
        return _HOLIDAYS_BY_MONTH[day.month]
    if close is None:
        return None
    if _is_friday_after_thanksgiving(day):
        return "Friday after Thanksgiving"
    if _is_christmas_eve(day):
        return "Christmas Eve"
    if day.month in (3, 4) and day.weekday() == 4:
        return "Good Friday"
    if day.month == 7:
        return "eve of Independence Day"
    return "early close"
