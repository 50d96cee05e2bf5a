"""Read and change the world's markets, and compute the days on which they are open.

Reads and writes reference.markets, market_overrides and market_days; gives the pure types of
`thor.domain.markets`.
"""

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from thor import database
from thor.database import Connection
from thor.domain import calendar
from thor.domain.markets import (
    DayHours,
    Market,
    MarketDay,
    MarketOverride,
    checked_hours,
    market_days,
)
from thor.errors import NotFound, Rejected

YEARS_BACK = 4
YEARS_AHEAD = 2
# `thor doctor` warns so long before days that no exchange has published.
WARN_DAYS = 60
_REACH_DAYS = 365
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_ ]{0,30}", re.ASCII)
_HOURS = ("open", "close", "lunch_start", "lunch_end", "hours_zone", "time_zone", "calendar")
_FILE_COLUMNS = ("day", "note")
_BETWEEN_WORDS = re.compile(r"[ _-]+")
_DAY_FIELDS = tuple(name for name in MarketDay.__struct_fields__ if name != "market")


def markets(connection: Connection[Any]) -> dict[str, Market]:
    """Return every market by name, from east to west."""
    found = database.rows(connection, "markets")
    return {row["market"]: msgspec.convert(row, Market) for row in found}


def named(names: Iterable[str], text: str) -> str:
    """Return the market that a text names, in any case, with - or _ for a blank.

    Raises `NotFound` with the markets that there are.
    """
    known = {_BETWEEN_WORDS.sub(" ", name).casefold(): name for name in names}
    found = known.get(_BETWEEN_WORDS.sub(" ", text.strip()).casefold())
    if found is None:
        raise NotFound(f"market: {text[:40]!r} is none of {', '.join(known.values())}")
    return found


def renew_days(
    connection: Connection[Any],
    today: date,
    *,
    force: bool = False,
    years_back: int = YEARS_BACK,
    years_ahead: int = YEARS_AHEAD,
) -> int:
    """Compute the days of every market from some years back to some ahead; returns how many.

    Does nothing where they reach a year ahead already, unless forced. Overrides are applied; days
    before a market's `hours_since` keep the hours that they had.
    """
    ends = database.rows(connection, "market_days_end")
    is_current = all(
        row["last_day"] is not None and (row["last_day"] - today).days > _REACH_DAYS for row in ends
    )
    if is_current and not force:
        return 0
    span = date(today.year - years_back, 1, 1), date(today.year + years_ahead, 12, 31)
    with database.transaction(connection):
        known = markets(connection).values()
        overrides = _overrides(connection)
        return sum(_keep(connection, one, overrides, *span) for one in known)


def unconfirmed_from(connection: Connection[Any], today: date) -> dict[str, date]:
    """Return the first day from today on that each market's exchange has not published."""
    found = database.rows(connection, "unconfirmed_from", {"today": today})
    return {row["market"]: row["day"] for row in found}


def add(
    connection: Connection[Any], market: Market, today: date, *, changed_by: str, reason: str
) -> None:
    """Add a market and compute its days.

    Raises `Rejected` naming the field for a name that is there already, hours that do not follow
    one another, a weight that is no share; `NotFound` for a calendar or zone that there is not.
    """
    _check(market, reason)
    with database.transaction(connection):
        if market.market in markets(connection):
            raise Rejected(
                f"market: {market.market} is there already; `thor markets edit` changes it"
            )
        _keep_market(connection, market, changed_by, reason)
        _keep(connection, market, _overrides(connection), *_span(today))


def edit(
    connection: Connection[Any],
    name: str,
    given: Mapping[str, Any],
    today: date,
    *,
    changed_by: str,
    reason: str,
) -> Market:
    """Change some fields of a market and compute its days again; returns it.

    Other hours hold from `hours_since` on, from today where it is not given. Raises as `add` does.
    """
    with database.transaction(connection):
        known = markets(connection)
        before = known[named(known, name)]
        changed = msgspec.structs.replace(before, **given)
        if "hours_since" not in given and any(
            getattr(changed, field) != getattr(before, field) for field in _HOURS
        ):
            changed = msgspec.structs.replace(changed, hours_since=today)
        _check(changed, reason)
        _keep_market(connection, changed, changed_by, reason)
        _keep(connection, changed, _overrides(connection), *_span(today))
    return changed


def close(
    connection: Connection[Any],
    name: str,
    days: Mapping[date, str],
    *,
    changed_by: str,
    confirmed_until: date | None = None,
) -> Market:
    """Close a market on days, each with its note; with `confirmed_until` the other days are sure.

    Raises `NotFound` for an unknown market, `Rejected` for a day of a weekend without trading.
    """
    with database.transaction(connection):
        known = markets(connection)
        market = known[named(known, name)]
        for day, note in days.items():
            _checked_note(note)
            if day.weekday() > 4 and not _trades(connection, market, day):
                raise Rejected(f"day: {day} is a {day:%A}; {market.market} is closed then anyway")
            override = MarketOverride(market=market.market, day=day, is_closed=True, note=note)
            _keep_override(connection, override, changed_by)
        touched = list(days)
        if confirmed_until is not None:
            touched += [market.confirmed_until or confirmed_until, confirmed_until]
            touched.append(date(confirmed_until.year, 1, 1))
            market = msgspec.structs.replace(market, confirmed_until=confirmed_until)
            reason = f"checked until {confirmed_until}"
            _keep_market(connection, market, changed_by, reason)
        _compute(connection, market, touched)
    return market


def open_(
    connection: Connection[Any],
    name: str,
    day: date,
    hours: DayHours | None,
    note: str | None,
    *,
    changed_by: str,
) -> MarketDay | None:
    """Let a market trade some hours of a day; without hours, take back what was entered for it.

    Returns the day as it is then, None for a weekend without trading. Raises `NotFound` where
    nothing was entered, `Rejected` for hours that do not follow one another.
    """
    with database.transaction(connection):
        known = markets(connection)
        market = known[named(known, name)]
        if hours is None:
            key = {"market": market.market, "day": day}
            if database.row(connection, "remove_market_override", key) is None:
                raise NotFound(
                    f"day: nothing was entered for {market.market} on {day}; "
                    "with --hours 09:00-15:00 it trades then"
                )
        else:
            checked_hours(hours)
            entered = MarketOverride(
                market=market.market,
                day=day,
                is_closed=False,
                note=_checked_note(note),
                **msgspec.structs.asdict(hours),
            )
            _keep_override(connection, entered, changed_by)
        _compute(connection, market, [day])
        found = database.rows(
            connection, "market_days", {"market": market.market, "first": day, "last": day}
        )
    return msgspec.convert(found[0], MarketDay) if found else None


def read_holidays(file: Path) -> dict[date, str]:
    """Read a CSV of holidays: a header `day,note`, then a line a day.

    Raises `NotFound` for a missing file and `Rejected` naming line and field; nothing is written.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise NotFound(f"file: {file} is not there") from error
    except (OSError, UnicodeDecodeError) as error:
        raise Rejected(f"file: {file} cannot be read as text: {error}") from error
    reader = csv.DictReader(text.splitlines(), skipinitialspace=True)
    if not reader.fieldnames or any(name not in reader.fieldnames for name in _FILE_COLUMNS):
        raise Rejected(f"file: {file} has no header day,note in its first line")
    found: dict[date, str] = {}
    for row in reader:
        where = f"{file.name} line {reader.line_num}"
        try:
            day = date.fromisoformat((row["day"] or "").strip())
        except ValueError as error:
            raise Rejected(f"day: {row['day']!r} in {where} is no day as 2027-01-26 is") from error
        if day in found:
            raise Rejected(f"day: {day} in {where} is there twice")
        if day.weekday() > 4:
            raise Rejected(f"day: {day} in {where} is a {day:%A}; take the line out")
        note = (row["note"] or "").strip()
        if not note:
            raise Rejected(f"note: is missing in {where}; say which holiday it is")
        found[day] = note
    if not found:
        raise Rejected(f"file: {file} has no line under its header")
    return found


def _check(market: Market, reason: str) -> None:
    if not _NAME.fullmatch(market.market):
        raise Rejected(f"market: {market.market[:40]!r} is no name as South Korea is")
    if not reason.strip():
        raise Rejected("reason: is missing; say why")
    for field in ("time_zone", "hours_zone"):
        zone = getattr(market, field)
        try:
            ZoneInfo(zone or "UTC")
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise NotFound(f"{field}: {zone!r} is no time zone, as Asia/Seoul is") from error
    checked_hours(market.hours)
    if not 0 <= market.weight <= 1:
        raise Rejected(f"weight: {market.weight:g} is no share from 0 to 1")
    if market.calendar not in calendar.library_names():
        raise NotFound(
            f"calendar: {market.calendar!r} is none of pandas_market_calendars, as XKRX is"
        )


def _checked_note(note: str | None) -> str:
    if note is None or not note.strip():
        raise Rejected("note: is missing; say where this is known from")
    return note.strip()


def _trades(connection: Connection[Any], market: Market, day: date) -> bool:
    values = {"market": market.market, "first": day, "last": day}
    return bool(database.rows(connection, "market_days", values))


def _keep_market(connection: Connection[Any], market: Market, changed_by: str, reason: str) -> None:
    values = {**msgspec.structs.asdict(market), "changed_by": changed_by, "reason": reason}
    database.execute(connection, "keep_market", values)


def _keep_override(connection: Connection[Any], one: MarketOverride, changed_by: str) -> None:
    values = {**msgspec.structs.asdict(one), "changed_by": changed_by}
    database.execute(connection, "keep_market_override", values)


def _span(today: date) -> tuple[date, date]:
    return date(today.year - YEARS_BACK, 1, 1), date(today.year + YEARS_AHEAD, 12, 31)


def _compute(connection: Connection[Any], market: Market, days: Sequence[date]) -> None:
    """Compute the days of a market from the first to the last of some."""
    _keep(connection, market, _overrides(connection), min(days), max(days))


def _overrides(connection: Connection[Any]) -> list[MarketOverride]:
    found = database.rows(connection, "market_overrides")
    return [msgspec.convert(row, MarketOverride) for row in found]


def _keep(
    connection: Connection[Any],
    market: Market,
    overrides: list[MarketOverride],
    first: date,
    last: date,
) -> int:
    # Whole years: some day is open in each.
    years = date(first.year, 1, 1), date(last.year, 12, 31)
    library = calendar.library_days(market.calendar, *years)
    days = market_days(market, library, first, last, overrides)
    columns = {name: [getattr(day, name) for day in days] for name in _DAY_FIELDS}
    span = {"first": first, "last": last, "hours_since": market.hours_since}
    database.execute(connection, "keep_market_days", {"market": market.market, **span, **columns})
    return len(days)
