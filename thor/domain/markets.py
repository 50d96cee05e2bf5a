"""The world's markets: on which days and from when to when each is open.

Stage 10, reference. Pure: the days of the calendar library (`thor.domain.calendar`) and a person's
overrides arrive as arguments; gives `reference.market_days` its rows.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec

from thor.errors import Rejected

Confidence = Literal["library", "override", "unconfirmed"]


class DayHours(msgspec.Struct, frozen=True, kw_only=True):
    """Hours of a day by a wall clock, with the lunch break where there is one."""

    open: time
    close: time
    lunch_start: time | None = None
    lunch_end: time | None = None


class LibraryDay(msgspec.Struct, frozen=True, kw_only=True):
    """A day that the library has open: its hours, and the usual ones of that time."""

    hours: DayHours
    usual: DayHours


class LibraryDays(msgspec.Struct, frozen=True, kw_only=True):
    """A calendar of the library: its open days, names of its holidays, its newest usual hours.

    `published_until` is the last day that its exchange has published, where it publishes its
    holidays a year at a time; None where they follow rules.
    """

    days: Mapping[date, LibraryDay]
    holidays: Mapping[date, str]
    latest: DayHours
    published_until: date | None = None


class Market(msgspec.Struct, frozen=True, kw_only=True):
    """A row of `reference.markets`: a market and its usual hours by the wall clock of its zone."""

    market: str
    display: str
    calendar: str
    time_zone: str
    hours_zone: str | None = None
    open: time
    close: time
    lunch_start: time | None = None
    lunch_end: time | None = None
    hours_since: date | None = None
    confirmed_until: date | None = None
    weight: float = 0.0
    is_control: bool = True
    is_captured: bool = True
    sort_order: int = 1000

    @property
    def hours(self) -> DayHours:
        """Its usual hours."""
        return DayHours(
            open=self.open,
            close=self.close,
            lunch_start=self.lunch_start,
            lunch_end=self.lunch_end,
        )


class MarketOverride(msgspec.Struct, frozen=True, kw_only=True):
    """A person's correction of a day; times by the market's own wall clock."""

    market: str
    day: date
    is_closed: bool
    open: time | None = None
    close: time | None = None
    lunch_start: time | None = None
    lunch_end: time | None = None
    note: str


class MarketDay(msgspec.Struct, frozen=True, kw_only=True):
    """A row of `reference.market_days`; instants are UTC, all null on a holiday."""

    market: str
    day: date
    open_at: datetime | None = None
    close_at: datetime | None = None
    lunch_start_at: datetime | None = None
    lunch_end_at: datetime | None = None
    is_holiday: bool = False
    note: str | None = None
    confidence: Confidence = "library"


# What the library has wrong, by notices of the exchanges: docs/calendars.md has the evidence.
# True: the market trades its usual hours. False: it is closed.
_SINGLE_DAYS: dict[tuple[str, date], tuple[bool, str]] = {
    ("BSE", date(2020, 2, 1)): (True, "Union Budget, a Saturday"),
    ("BSE", date(2024, 1, 20)): (True, "for the closure of 22 January, a Saturday"),
    ("BSE", date(2025, 2, 1)): (True, "Union Budget, a Saturday"),
    ("BSE", date(2026, 2, 1)): (True, "Union Budget, a Sunday"),
    ("XMEX", date(2024, 10, 1)): (False, "inauguration of the President"),
}

_INDIA = {
    (1, 26): "Republic Day",
    (4, 14): "Ambedkar Jayanti",
    (5, 1): "Maharashtra Day",
    (8, 15): "Independence Day",
    (10, 2): "Gandhi Jayanti",
    (12, 25): "Christmas",
}


def market_days(
    market: Market,
    library: LibraryDays,
    first: date,
    last: date,
    overrides: Iterable[MarketOverride] = (),
) -> list[MarketDay]:
    """Return the days of a market from first to last, both included, in order.

    Every weekday has a row, a weekend only where the market trades then. Overrides of other
    markets or days are ignored.
    """
    corrected = {one.day: one for one in overrides if one.market == market.market}
    days = (first + timedelta(days=n) for n in range((last - first).days + 1))
    found = (_day(market, library, day, corrected.get(day)) for day in days)
    return [one for one in found if one is not None]


def checked_hours(hours: DayHours) -> None:
    """Raise `Rejected` naming the field where hours do not follow one another."""
    if hours.open >= hours.close:
        raise Rejected(f"close: {hours.close:%H:%M} is not after open, {hours.open:%H:%M}")
    if (hours.lunch_start is None) != (hours.lunch_end is None):
        missing = "lunch_start" if hours.lunch_start is None else "lunch_end"
        raise Rejected(f"{missing}: missing; a lunch break has a start and an end")
    if hours.lunch_start is None or hours.lunch_end is None:
        return
    if hours.lunch_start >= hours.lunch_end:
        raise Rejected(
            f"lunch_end: {hours.lunch_end:%H:%M} is not after lunch_start, "
            f"{hours.lunch_start:%H:%M}"
        )
    if not hours.open < hours.lunch_start:
        raise Rejected(
            f"lunch_start: {hours.lunch_start:%H:%M} is not after open, {hours.open:%H:%M}"
        )
    if not hours.lunch_end < hours.close:
        raise Rejected(
            f"lunch_end: {hours.lunch_end:%H:%M} is not before close, {hours.close:%H:%M}"
        )


def _day(
    market: Market, library: LibraryDays, day: date, override: MarketOverride | None
) -> MarketDay | None:
    if override is not None:
        return _overridden(market, day, override)
    of_library = library.days.get(day)
    correction = _SINGLE_DAYS.get((market.calendar, day))
    is_open = of_library is not None if correction is None else correction[0]
    note = None if correction is None else correction[1]
    confidence = _confidence(market, library, day)
    if not is_open:
        if day.weekday() > 4:
            return None
        return MarketDay(
            market=market.market,
            day=day,
            is_holiday=True,
            note=note or library.holidays.get(day) or _name_in_india(market, day) or "holiday",
            confidence=confidence,
        )
    hours = _hours(market, library, of_library)
    if note is None and of_library is not None:
        if of_library.hours.close < of_library.usual.close and hours.close < market.close:
            note = "early close"
        elif of_library.hours.open > of_library.usual.open and hours.open > market.open:
            note = "late open"
    return _open_day(market, day, hours, note, confidence, market.hours_zone)


def _name_in_india(market: Market, day: date) -> str | None:
    # The library has no names of India's holidays; those that move are named by the list alone.
    return _INDIA.get((day.month, day.day)) if market.calendar in ("BSE", "NSE") else None


def _overridden(market: Market, day: date, override: MarketOverride) -> MarketDay:
    if override.is_closed or override.open is None or override.close is None:
        return MarketDay(
            market=market.market,
            day=day,
            is_holiday=True,
            note=override.note,
            confidence="override",
        )
    hours = DayHours(
        open=override.open,
        close=override.close,
        lunch_start=override.lunch_start,
        lunch_end=override.lunch_end,
    )
    return _open_day(market, day, hours, override.note, "override", None)


def _confidence(market: Market, library: LibraryDays, day: date) -> Confidence:
    if library.published_until is None or day <= library.published_until:
        return "library"
    is_confirmed = market.confirmed_until is not None and day <= market.confirmed_until
    return "override" if is_confirmed else "unconfirmed"


def _hours(market: Market, library: LibraryDays, day: LibraryDay | None) -> DayHours:
    """Return a day's hours: the library's where the market keeps its hours, else its own.

    The library knows what they were before. Own hours are cut by an early close or a late open.
    """
    if day is None:
        return market.hours
    if market.hours == library.latest:
        return _without_lunch(day.hours)
    hours = market.hours
    if day.hours.close < day.usual.close:
        hours = msgspec.structs.replace(hours, close=min(hours.close, day.hours.close))
    if day.hours.open > day.usual.open:
        hours = msgspec.structs.replace(hours, open=max(hours.open, day.hours.open))
    return _without_lunch(hours)


def _without_lunch(hours: DayHours) -> DayHours:
    """Leave out a lunch break that a short day does not reach."""
    if hours.lunch_start is None or hours.lunch_end is None:
        return hours
    if hours.open < hours.lunch_start and hours.lunch_end < hours.close:
        return hours
    close = hours.close
    if hours.lunch_start < close <= hours.lunch_end:
        close = hours.lunch_start
    return DayHours(open=hours.open, close=close)


def _open_day(
    market: Market,
    day: date,
    hours: DayHours,
    note: str | None,
    confidence: Confidence,
    hours_zone: str | None,
) -> MarketDay:
    zone = ZoneInfo(market.time_zone)
    other = None if hours_zone is None else ZoneInfo(hours_zone)

    def instant(at: time) -> datetime:
        if other is None:
            return datetime.combine(day, at, tzinfo=zone).astimezone(UTC)
        # The hours are those of winter; the other zone's summer time moves them.
        winter = datetime.combine(date(day.year, 1, 15), at, tzinfo=zone).astimezone(other)
        days = (winter.date() - date(day.year, 1, 15)).days
        moved = datetime.combine(day + timedelta(days=days), winter.time(), tzinfo=other)
        return moved.astimezone(UTC)

    has_lunch = hours.lunch_start is not None and hours.lunch_end is not None
    return MarketDay(
        market=market.market,
        day=day,
        open_at=instant(hours.open),
        close_at=instant(hours.close),
        lunch_start_at=instant(hours.lunch_start) if has_lunch and hours.lunch_start else None,
        lunch_end_at=instant(hours.lunch_end) if has_lunch and hours.lunch_end else None,
        note=note,
        confidence=confidence,
    )
