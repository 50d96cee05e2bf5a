"""Read and change reference data: the listing, claims of sources, tapes, sessions.

Reads and writes `reference.*`; gives the pure types of `thor.domain`.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import msgspec

from thor import database
from thor.database import Connection, edition
from thor.domain import calendar
from thor.domain.hours import HOURS, STAND_IN, Override, stand_in
from thor.domain.instrument import Instrument, Listing, checked
from thor.domain.series import parse_month_code
from thor.domain.sessions import Session
from thor.errors import NotFound, Refused, Rejected
from thor.reference import calendars

SESSIONS_FIRST = date(2010, 1, 1)
SESSIONS_YEARS_AHEAD = 3
STAND_IN_YEARS_BACK = 2
_NAMED_MAX = 20

Rows = Iterable[Mapping[str, Any]]


def instruments(connection: Connection[Any]) -> dict[str, Instrument]:
    """Return every instrument by root, in the order of lists."""
    return _by_root(database.rows(connection, "instruments"))


def listing(connection: Connection[Any]) -> Listing:
    """Return the current listing of instruments and sources."""
    with database.transaction(connection):
        return listing_of(
            database.rows(connection, "instruments"),
            database.rows(connection, "series"),
            database.rows(connection, "sources"),
        )


def unlisted(file: str, roots: Sequence[str], skip: str | None = None) -> str:
    """Return the refusal of a file by the roots in it that are not listed, with the cure.

    `skip` is the option that takes the other series, where there are any.
    """
    shown = ", ".join(roots[:_NAMED_MAX])
    more = f" and {len(roots) - _NAMED_MAX} more" if len(roots) > _NAMED_MAX else ""
    are, them = ("are", "them") if len(roots) > 1 else ("is", "it")
    others = f", or take the other series with {skip}" if skip else ""
    return (
        f"symbol: {shown}{more} in {file} {are} not listed; list {them} first: "
        f"`thor instruments add {roots[0]} --tick-size … --asset-class … --multiplier …`{others}"
    )


def listing_of(instruments: Rows, series: Rows, sources: Rows) -> Listing:
    """Return the listing that rows of the statements `instruments`, `series` and `sources` make."""
    return Listing(
        _by_root(instruments),
        {row["symbol"]: row["root"] for row in series},
        frozenset(row["source"] for row in sources),
    )


def _by_root(rows: Rows) -> dict[str, Instrument]:
    return {
        row["symbol"]: msgspec.convert({**row, "aliases": tuple(row["aliases"])}, Instrument)
        for row in rows
    }


def symbol_of(connection: Connection[Any], name: str, field: str = "symbol") -> str:
    """Return the listed symbol of a name, as `Listing.symbol_of` does.

    Raises `NotFound` naming the field where it is not listed.
    """
    found = listing(connection).symbol_of(name)
    if found is None:
        raise NotFound(f"{field}: {name!r} is not listed; `thor instruments list` shows roots")
    return found


def add_instrument(connection: Connection[Any], instrument: Instrument) -> None:
    """List an instrument and its root series, or change what is listed under that root."""
    checked(instrument)
    known = calendars.known(connection)
    if instrument.calendar not in known:
        raise NotFound(
            f"calendar: {instrument.calendar!r} is none of {', '.join(known)}; "
            "`thor calendars add` adds one"
        )
    values = msgspec.structs.asdict(instrument)
    with database.transaction(connection):
        code = parse_month_code(instrument.symbol)
        if code is not None and code.root in instruments(connection):
            raise Refused(
                f"symbol: {instrument.symbol} is a month of {code.root}, which is listed; a tape "
                "or `thor bars import` that names the month lists it by itself"
            )
        database.rows(connection, "add_instrument", {**values, "aliases": list(values["aliases"])})
        root = {"symbol": instrument.symbol, "root": instrument.symbol, "kind": "root"}
        database.rows(connection, "add_series", root)


def add_months(connection: Connection[Any], codes: Iterable[tuple[str, str]]) -> None:
    """List the keys of months under their roots, given as (ESH27, ES); known ones stay."""
    for code, root in codes:
        month = parse_month_code(code)
        if month is None or month.root != root or len(month.year) != 2:
            raise Refused(f"symbol: {code!r} is no month of {root}, as {root}H27 is")
        values = {"symbol": code, "root": root, "kind": "month"}
        database.rows(connection, "add_series", values)


def claims(connection: Connection[Any], source: str) -> dict[str, tuple[int, int]]:
    """Return a source's (priority, staleness in ms) for each symbol."""
    return {
        row["symbol"]: (row["priority"], int(row["stale_after"].total_seconds() * 1000))
        for row in database.rows(connection, "claims", {"source": source})
    }


def add_tape(connection: Connection[Any], values: dict[str, Any]) -> bool:
    """Register a tape as a source; returns whether it was new.

    Raises `Refused` where another file has the same 8 hex of its SHA-256.
    """
    with database.transaction(connection):
        known = database.row(connection, "tape", values)
        if known is not None and known["sha256"] != values["sha256"]:
            raise Refused(
                f"source: {values['source']} already stands for {known['file_name']}, another file"
            )
        database.rows(connection, "add_tape_source", values)
        database.rows(connection, "add_tape", values)
    return known is None


def set_quote_limits(connection: Connection[Any], stale_s: float, dead_s: float) -> None:
    """Store the ages in seconds from which quotes are STALE and DEAD; unchanged ones stay.

    Raises `Rejected` where a quote would be dead before it is stale.
    """
    if dead_s < stale_s:
        raise Rejected(f"THOR_DEAD_S: {dead_s:g} is below THOR_STALE_S, {stale_s:g}")
    values = {
        "stale_after": timedelta(seconds=stale_s),
        "dead_after": timedelta(seconds=dead_s),
    }
    database.rows(connection, "set_quote_limits", values)


def sessions(connection: Connection[Any], ts_from: datetime, ts_to: datetime) -> list[Session]:
    """Return the sessions that touch a span of time, of every calendar."""
    found = database.rows(connection, "sessions", {"ts_from": ts_from, "ts_to": ts_to})
    return [msgspec.convert(row, Session) for row in found]


def renew_sessions(
    connection: Connection[Any], today: date, *, force: bool = False, ignores_hours: bool = False
) -> int:
    """Compute the sessions to some years ahead, overrides applied; returns how many are stored.

    Does nothing where they reach a year ahead already, unless forced. Where the simulator ignores
    hours, every date of a simulated database from two years ago on has the stand-in session of
    `thor.domain.hours`: readers of sessions see the market as it is simulated. A recorded or live
    database never has one.
    """
    stands_in = ignores_hours and edition.read(connection).nature == "simulated"
    end = database.one(connection, "sessions_end", {"stand_in": STAND_IN})
    reaches = end.get("trade_date")
    known = calendars.known(connection)
    # A calendar that was added since has no session yet.
    is_current = reaches is not None and (reaches - today).days > 365
    is_current = is_current and set(known) <= set(end["calendars"])
    if is_current and end["has_stand_ins"] == stands_in and not force:
        return 0
    last, found = _computed(connection, today, stands_in=stands_in)
    kept = [f"{session.calendar}/{session.trade_date}" for session in found]
    with database.transaction(connection):
        span = {"first": SESSIONS_FIRST, "last": last, "kept": kept}
        database.rows(connection, "remove_sessions", span)
        values = [msgspec.structs.asdict(session) for session in found]
        database.execute_many(connection, "upsert_session", values)
    return len(found)


def check_sessions(
    connection: Connection[Any], today: date, *, ignores_hours: bool = False
) -> list[str]:
    """Return what is wrong with the sessions to come, a line a calendar; empty where all is well.

    They must reach a year ahead and be those that calendars and overrides give now; every
    instrument must have a calendar.
    """
    stands_in = ignores_hours and edition.read(connection).nature == "simulated"
    last, computed = _computed(connection, today, stands_in=stands_in)
    wanted = {(one.calendar, one.trade_date): one for one in computed if one.trade_date >= today}
    span = (
        datetime.combine(today - timedelta(days=2), time(), UTC),
        datetime.combine(last + timedelta(days=2), time(), UTC),
    )
    stored = {
        (one.calendar, one.trade_date): one
        for one in sessions(connection, *span)
        if one.trade_date >= today
    }
    found = []
    for name in sorted(calendars.known(connection)):
        days = [day for calendar_, day in stored if calendar_ == name]
        reach = max(days, default=today)
        if (reach - today).days <= 365:
            found.append(
                f"{name}: its sessions reach to {reach} only; `thor db sessions` computes more"
            )
        differ = sorted(
            day
            for calendar_, day in {**wanted, **stored}
            if calendar_ == name
            and day <= reach
            and wanted.get((name, day)) != stored.get((name, day))
        )
        if differ:
            found.append(
                f"{name}: {len(differ)} sessions are other than its rules and overrides give, the "
                f"first on {differ[0]}; `thor db sessions` computes them anew"
            )
    known = calendars.known(connection)
    found += [
        f"{one.symbol}: its calendar {one.calendar} is none of {', '.join(known)}"
        for one in instruments(connection).values()
        if one.calendar not in known
    ]
    return found


def _computed(
    connection: Connection[Any], today: date, *, stands_in: bool
) -> tuple[date, list[Session]]:
    """Return the last date to compute, and every session up to it, overrides applied."""
    last = date(today.year + SESSIONS_YEARS_AHEAD, 12, 31)
    overrides = [
        msgspec.convert(row, Override) for row in database.rows(connection, "session_overrides")
    ]
    found = [
        session
        for name in HOURS
        for session in calendar.compute(name, SESSIONS_FIRST, last, overrides)
    ]
    for name, one in calendars.own(connection).items():
        shared = None
        if one.holidays_of is not None:
            shared = [session for session in found if session.calendar == one.holidays_of]
        found += calendar.compute_own(name, one.hours(), shared, SESSIONS_FIRST, last, overrides)
    if stands_in:
        known = calendars.known(connection)
        begin = date(today.year - STAND_IN_YEARS_BACK, 1, 1)
        found = [session for session in found if session.trade_date < begin]
        days = [begin + timedelta(days=n) for n in range((last - begin).days + 1)]
        found += [stand_in(name, day, known) for name in known for day in days]
    return last, found
